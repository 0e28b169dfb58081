"""Camera raw files, made: a DNG of one uncompressed plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

WHITE = 16383
XTRANS = "RBGBRGGGRGGBGGBGGRBRGRBGGGBGGRGGRGGB"  # 6 x 6, by rows


def write_dng(path: Path, counts, pattern: str = "RGGB", *, black: int = 0, orientation: int = 1) -> Path:
    """counts: (H, W) uint16. pattern: 4 or 36 letters."""
    matrix = np.ravel([(10_000 * (n % 4 == 0), 10_000) for n in range(9)])  # the unit matrix in fractions
    side = int(len(pattern) ** 0.5)
    tags = [
        (274, 3, 1, orientation, True),
        (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Test Camera", True),
        (33421, 3, 2, (side, side), True),
        (33422, 1, len(pattern), tuple("RGB".index(c) for c in pattern), True),
        (50714, 4, 1, black, True),
        (50717, 4, 1, WHITE, True),
        (50721, 10, 9, tuple(map(int, matrix)), True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
        (50778, 3, 1, 21, True),
        (271, 2, 0, "Test", True),
        (272, 2, 0, "Camera", True),
    ]
    tifffile.imwrite(path, counts, photometric="cfa", extratags=tags, metadata=None)
    return path
