"""The truths of sets in everyday classes: what each file of labels means, in a reader of their own."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixcli.tasks import everyday
from pixcli.tasks.everyday import VOID

Codes = NDArray[np.uint8]
ROOM = (slice(23, 236), slice(21, 301))  # of 240 rows and 320 columns: their rim is no picture
FAR = 24  # pixels from somebody; farther away the clothes' set has people without labels
BAGS = {"bag", "purse", "wallet"}


def truth(of: str, path: Path) -> Codes:
    """(H, W) rows of everyday.ALLOWED for one file of labels. of: a column of the everyday table."""
    with Image.open(path) as image:
        values = np.asarray(image.convert("RGB") if of == "coco" else image).astype(np.int64)
    if of == "coco":
        return _panoptic(values @ np.array((1, 256, 65536)), path)
    codes: Codes = _table(of, _classes(path))[values]
    if of == "nyuv2":
        inner = np.full_like(codes, VOID)
        inner[ROOM] = codes[ROOM]
        return inner
    if of == "clothes":
        return np.where(_near(values > 0, FAR), codes, VOID).astype(np.uint8)
    return codes


def _panoptic(coded: NDArray[np.int64], path: Path) -> Codes:
    found = np.full(coded.shape, VOID, np.uint8)
    table = _table("coco", path.parents[2] / "categories.json")
    for segment in _segments(path.parents[1] / "segments.json")[path.name]:
        found[coded == segment["id"]] = table[segment["category_id"]]
    return found


def _near(inside: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Within so many pixels of what is inside: up or down, and left or right."""
    import torch
    from torch.nn import functional as F

    x, side = torch.from_numpy(inside)[None].float(), 2 * pixels + 1
    x = F.max_pool2d(F.max_pool2d(x, (side, 1), 1, (pixels, 0)), (1, side), 1, (0, pixels))
    return np.asarray(x[0].numpy() > 0)


def _classes(path: Path) -> Path:
    """The set's table of classes: at its top, where labels lie one folder below it or two."""
    near = path.parents[1] / "classes.json"
    return near if near.exists() else path.parents[2] / "classes.json"


@cache
def _segments(path: Path) -> dict[str, list[dict[str, Any]]]:
    rows = json.loads(path.read_text(encoding="utf-8"))["annotations"]
    return {row["panoptic"]: row["segments_info"] for row in rows}


@cache
def _table(of: str, path: Path) -> Codes:
    rows = json.loads(path.read_text(encoding="utf-8"))
    if of == "clothes":
        names = {int(n): row["name"] for n, row in rows.items()}
        return everyday.codes(of, {n: v if n == 0 or v in BAGS else "worn" for n, v in names.items()})
    rows = rows["ids40"] if of == "nyuv2" else rows
    return everyday.codes(of, {row["id"]: row["name"] for row in rows})
