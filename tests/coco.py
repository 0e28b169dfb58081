"""A few made pictures with COCO's annotations: persons, an animal and a crowd on the ground, under a sky."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PERSON, DOG, ROAD, SKY = 1, 18, 149, 187
CATEGORIES = [
    {"id": n, "name": name, "isthing": int(n < 91), "supercategory": name}
    for n, name in ((PERSON, "person"), (DOG, "dog"), (ROAD, "road"), (SKY, "sky"))
]
# id: category, crowd, rows and columns
SEGMENTS = {
    300: (SKY, 0, slice(0, 30), slice(0, 80)),
    70_000: (ROAD, 0, slice(30, 60), slice(0, 80)),
    12: (PERSON, 0, slice(10, 50), slice(8, 28)),
    13: (PERSON, 0, slice(14, 50), slice(30, 45)),
    200_000: (DOG, 0, slice(40, 58), slice(48, 70)),
    99: (PERSON, 1, slice(32, 38), slice(60, 78)),
}
VOID = (slice(0, 4), slice(70, 80))
COLOURS = {PERSON: (200, 40, 40), DOG: (200, 160, 30), ROAD: (90, 90, 90), SKY: (120, 180, 250)}


def scene() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], list[dict[str, Any]]]:
    """RGB (60, 80, 3), ids (60, 80) and the rows of COCO's list."""
    ids = np.zeros((60, 80), np.int64)
    rgb = np.zeros((60, 80, 3), np.uint8)
    for n, (category, _, *place) in SEGMENTS.items():
        ids[tuple(place)] = n
        rgb[tuple(place)] = COLOURS[category]
    ids[VOID] = 0
    rows = []
    for n, (category, crowd, *_) in SEGMENTS.items():
        y, x = np.nonzero(ids == n)
        box = [int(x.min()), int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1]
        row = {"id": n, "category_id": category, "iscrowd": crowd, "area": len(y), "bbox": box}
        rows.append(row)
    return rgb, ids, rows


def coded(ids: np.ndarray[Any, Any]) -> Image.Image:
    return Image.fromarray((ids[..., None] // (1, 256, 65536) % 256).astype(np.uint8))


def panoptic(folder: Path, count: int = 3) -> None:
    """As the sets for training: images/, panoptic/, segments.json, and categories.json above."""
    for part in ("images", "panoptic"):
        (folder / part).mkdir(parents=True)
    rgb, ids, rows = scene()
    told = []
    for n in range(count):
        Image.fromarray(rgb).save(folder / "images" / f"{n:012}.webp", lossless=True)
        coded(ids).save(folder / "panoptic" / f"{n:012}.png")
        names = {"image": f"{n:012}.webp", "panoptic": f"{n:012}.png"}
        told.append({"image_id": n, **names, "segments_info": rows})
    (folder / "segments.json").write_text(json.dumps({"annotations": told}))
    (folder.parent / "categories.json").write_text(json.dumps(CATEGORIES))


def instances(folder: Path, count: int = 2) -> None:
    """train2017/ and instances_train2017.json: polygons, and run lengths for the crowd."""
    (folder / "train2017").mkdir(parents=True)
    rgb, ids, rows = scene()
    images, annotations = [], []
    for n in range(count):
        Image.fromarray(rgb).save(folder / "train2017" / f"{n:012}.png")
        images.append({"id": n, "file_name": f"{n:012}.png", "width": 80, "height": 60})
        for row in rows:
            if row["category_id"] > 90:
                continue
            left, top, width, height = row["bbox"]
            right, bottom = left + width - 1, top + height - 1
            shape: Any = [[left, top, right, top, right, bottom, left, bottom]]
            if row["iscrowd"]:
                inside = (ids == row["id"]).T.ravel()
                turns = np.flatnonzero(np.diff(inside)) + 1
                shape = {"counts": np.diff([0, *turns, inside.size]).tolist(), "size": [60, 80]}
            annotations.append(row | {"image_id": n, "segmentation": shape})
    words = {"images": images, "annotations": annotations}
    (folder / "instances_train2017.json").write_text(json.dumps(words))
