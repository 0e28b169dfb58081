"""COCO's annotations: each picture's segments, from its panoptic PNG or from the polygons of its things."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Codes = NDArray[np.uint8]
VOID = 255  # of a picture's own numbers of segments
NO_THING = 250  # the category of what lies beside things where only those were annotated


@dataclass(frozen=True)
class Scene:
    """A picture, and what reads the numbers of its segments (H, W), VOID where there is none.

    categories: (256,) COCO's category of each number, 0 for none. countable: (256,) it is one thing.
    """

    path: Path
    read: Callable[[], Codes]
    categories: Codes
    countable: NDArray[np.bool_]


def panoptic(folder: Path) -> list[Scene]:
    """Of a folder with images/, panoptic/ and segments.json. Raises FileNotFoundError."""
    if not (folder / "segments.json").is_file():
        raise FileNotFoundError(f"training set not found: {folder}")
    told = json.loads((folder / "segments.json").read_text(encoding="utf-8"))
    things = things_of(folder.parent / "categories.json")
    scenes = []
    for row in told["annotations"]:
        ids, categories, countable = [], np.zeros(256, np.uint8), np.zeros(256, bool)
        for n, segment in enumerate(row["segments_info"][:VOID]):
            ids.append(segment["id"])
            categories[n] = segment["category_id"]
            countable[n] = segment["category_id"] in things and not segment["iscrowd"]
        path = folder / "panoptic" / row["panoptic"]
        read = lambda path=path, ids=ids: numbers(path, ids)  # noqa: E731
        scenes.append(Scene(folder / "images" / row["image"], read, categories, countable))
    return scenes


def things_of(table: Path) -> set[int]:
    """The categories that are counted."""
    return {row["id"] for row in json.loads(table.read_text(encoding="utf-8")) if row["isthing"]}


def numbers(path: Path, ids: list[int]) -> Codes:
    """A panoptic PNG (id = R + 256 G + 65536 B) as places in a list of ids."""
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB"), np.int64)
    coded = rgb @ (1, 256, 65536)
    order = np.argsort(ids)
    known = np.array(ids)[order]
    place = np.searchsorted(known, coded).clip(max=len(ids) - 1)
    return np.where(known[place] == coded, order[place], VOID).astype(np.uint8)


def instances(folder: Path) -> list[Scene]:
    """Of a folder with train2017/ and instances_train2017.json. Raises FileNotFoundError.

    What lies on no thing is one segment, the last, of the category NO_THING.
    """
    if not (folder / "instances_train2017.json").is_file():
        raise FileNotFoundError(f"training set not found: {folder}")
    told = json.loads((folder / "instances_train2017.json").read_text(encoding="utf-8"))
    by_picture: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in told["images"]}
    for row in told["annotations"]:
        by_picture[row["image_id"]].append(row)
    scenes = []
    for row in sorted(told["images"], key=lambda r: str(r["file_name"])):
        # the large first, so that what lies on them is seen
        found = sorted(by_picture[row["id"]], key=lambda a: -a["area"])[: VOID - 1]
        categories, countable = np.zeros(256, np.uint8), np.zeros(256, bool)
        for n, thing in enumerate(found):
            categories[n], countable[n] = thing["category_id"], not thing["iscrowd"]
        categories[VOID - 1] = NO_THING
        shapes = [thing["segmentation"] for thing in found]
        size = (row["width"], row["height"])
        read = lambda size=size, shapes=shapes: drawn(size, shapes)  # noqa: E731
        scenes.append(Scene(folder / "train2017" / row["file_name"], read, categories, countable))
    return scenes


def drawn(size: tuple[int, int], shapes: list[Any]) -> Codes:
    """(H, W) of polygons, or of a crowd's run lengths (by columns, beginning with what is outside)."""
    image = Image.new("L", size, VOID - 1)
    draw = ImageDraw.Draw(image)
    for n, shape in enumerate(shapes):
        if isinstance(shape, list):
            for polygon in shape:
                draw.polygon(polygon, fill=n)
            continue
        runs = shape["counts"]
        inside = np.repeat(np.arange(len(runs)) % 2, runs).reshape(size).T
        image.paste(n, mask=Image.fromarray((inside * 255).astype(np.uint8)))
    return np.asarray(image)
