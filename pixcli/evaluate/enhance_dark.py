"""How enhance-dark is measured: two exposures of one scene, or a photograph made dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixcli.evaluate import measures
from pixcli.evaluate.datasets import read
from pixcli.evaluate.protocols import Files, Row
from pixcli.evaluate.restoration import Restoration, eight, noise_of

STOPS = 3.0
MEAN = 0.45


class EnhanceDark(Restoration):
    """PSNR and SSIM on RGB; `matched` after one factor has given the answer the truth's mean.

    Beside it `gamma`: one exponent for each picture that brings its mean to 0.45, without any look at the
    truth. A folder without pairs is darkened by three stops, with noise.
    """

    def about(self) -> str:
        return "dark in, RGB, 8-bit"

    def spoil(self, truth: measures.Array, number: int) -> NDArray[Any]:
        dark = (truth**2.2 / 2**STOPS) ** (1 / 2.2)
        return dark + noise_of(number).standard_normal(dark.shape) * 2 / 255

    def rows(self, files: Sequence[Files]) -> list[Row]:
        rows = super().rows(files)
        for row, f in zip(rows, files, strict=True):
            out, truth, given = (read(p).astype(np.float64) for p in (f.out, f.truth, f.given))
            row["matched"] = measures.psnr((out * truth.mean() / max(out.mean(), 1e-6)).clip(0, 255), truth)
            row |= {f"gamma_{k}": v for k, v in measures.fidelity(lifted(given), truth).items()}
        return rows


def lifted(dark: measures.Array) -> measures.Array:
    """(H, W, 3) in 0..255 raised to the one power that brings its mean to MEAN."""
    x = dark / 255
    low, high = 0.05, 5.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if (x**middle).mean() > MEAN else (low, middle)
    return eight(x**low).astype(np.float64)
