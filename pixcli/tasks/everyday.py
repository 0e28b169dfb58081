"""The everyday classes, and which labels of which set stand for each of them.

A label that is listed under several classes may be any of them: it counts against a class only where none of
them is told. A label that is not listed says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VOID = 255


@dataclass(frozen=True)
class Everyday:
    """thing: its instances can be counted. coco, nyuv2, camvid, clothes: the sets' own names for it."""

    name: str
    color: tuple[int, int, int]
    thing: bool = False
    coco: str = ""
    nyuv2: str = ""
    camvid: str = ""
    clothes: str = ""


CLASSES = (
    Everyday(
        "person",
        (220, 20, 60),
        thing=True,
        coco="person",
        nyuv2="person",
        camvid="pedestrian, bicyclist",
        clothes="worn, bag, purse, wallet",
    ),
    Everyday(
        "vehicle",
        (0, 60, 200),
        thing=True,
        coco="bicycle, car, motorcycle, airplane, bus, train, truck, boat",
        camvid="car, bicyclist",
        clothes="null",
    ),
    Everyday(
        "animal",
        (170, 110, 40),
        thing=True,
        coco="bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe",
        clothes="null",
    ),
    Everyday(
        "building",
        (110, 70, 70),
        coco="house, building-other-merged, roof, bridge, tent, no thing",
        camvid="building",
        clothes="null",
    ),
    Everyday(
        "ground",
        (128, 100, 128),
        coco="road, pavement-merged, dirt-merged, sand, snow, gravel, railroad, playingfield, platform, "
        "mountain-merged, rock-merged, stairs, no thing",
        camvid="road, pavement",
        clothes="null",
    ),
    Everyday(
        "floor",
        (190, 160, 110),
        coco="floor-wood, floor-other-merged, rug-merged, stairs, no thing",
        nyuv2="floor, floor mat",
        clothes="null",
    ),
    Everyday(
        "wall",
        (200, 190, 160),
        coco="wall-brick, wall-stone, wall-tile, wall-wood, wall-other-merged, mirror-stuff, no thing",
        nyuv2="wall, picture, mirror, otherstructure, whiteboard",
        clothes="null",
    ),
    Everyday("ceiling", (235, 225, 245), coco="ceiling-merged, no thing", nyuv2="ceiling", clothes="null"),
    Everyday(
        "window",  # and doors, and what hangs before them
        (60, 200, 210),
        coco="window-other, window-blind, door-stuff, curtain, mirror-stuff, no thing",
        nyuv2="window, blinds, curtain, door, mirror, shower curtain",
        clothes="null",
    ),
    Everyday(
        "furniture",  # with its cushions, and what is built in
        (240, 120, 0),
        thing=True,
        coco="chair, couch, bed, dining table, bench, toilet, sink, refrigerator, oven, cabinet-merged, "
        "table-merged, shelf, counter, pillow, blanket, no thing",
        nyuv2="cabinet, bed, chair, sofa, table, bookshelf, counter, desk, shelves, dresser, night stand, "
        "otherfurniture, refridgerator, toilet, sink, bathtub, pillow, otherstructure",
        clothes="null",
    ),
    Everyday(
        "vegetation",
        (50, 150, 40),
        coco="tree-merged, grass-merged, flower, potted plant, no thing",
        camvid="tree",
        clothes="null",
    ),
    Everyday("sky", (120, 180, 255), coco="sky-other-merged, no thing", camvid="sky", clothes="null"),
    Everyday("water", (0, 110, 140), coco="sea, river, water-other, no thing", clothes="null"),
    Everyday(
        "food",
        (240, 210, 0),
        thing=True,
        coco="banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, fruit, "
        "food-other-merged, no thing",
        clothes="null",
    ),
    Everyday(
        "object",
        (190, 70, 190),
        thing=True,
        coco="traffic light, fire hydrant, stop sign, parking meter, backpack, umbrella, handbag, tie, "
        "suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, "
        "surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, tv, laptop, mouse, "
        "remote, keyboard, cell phone, microwave, toaster, book, clock, vase, scissors, teddy bear, "
        "hair drier, toothbrush, banner, cardboard, light, net, towel, fence-merged, paper-merged, no thing",
        nyuv2="picture, mirror, whiteboard, clothes, books, television, paper, towel, shower curtain, box, "
        "lamp, bag, otherprop, otherstructure",
        camvid="pole, signsymbol, fence",
        clothes="null, bag, purse, wallet",
    ),
)
NAMES = tuple(c.name for c in CLASSES)
SETS = ("coco", "nyuv2", "camvid", "clothes")


def meanings(of: str) -> dict[str, tuple[int, ...]]:
    """The classes, by number, that each label of a set may mean."""
    found: dict[str, list[int]] = {}
    for number, kind in enumerate(CLASSES):
        for label in filter(None, getattr(kind, of).split(", ")):
            found.setdefault(label, []).append(number)
    return {label: tuple(numbers) for label, numbers in found.items()}


def _several() -> tuple[tuple[int, ...], ...]:
    return tuple(sorted({m for of in SETS for m in meanings(of).values() if len(m) > 1}))


# what a code from len(CLASSES) on may mean; those below mean their class
SEVERAL = _several()
# (256, classes): the classes that a code may mean; all of them for VOID
ALLOWED = np.ones((256, len(CLASSES)), np.bool_)
ALLOWED[: len(CLASSES)] = np.eye(len(CLASSES), dtype=np.bool_)
for _n, _m in enumerate(SEVERAL, len(CLASSES)):
    ALLOWED[_n] = np.isin(np.arange(len(CLASSES)), _m)


def codes(of: str, names: Mapping[int, str]) -> NDArray[np.uint8]:
    """(256,) the code, a row of ALLOWED, for each id of a set whose labels have these names."""
    known, found = meanings(of), np.full(256, VOID, np.uint8)
    for number, name in names.items():
        if m := known.get(name.lower()):
            found[number] = m[0] if len(m) == 1 else len(CLASSES) + SEVERAL.index(m)
    return found


# frames of NYU Depth v2 that are kept for measuring: first and last numbers, whole rooms
ROOMS = (
    (76, 89),
    (167, 183),
    (310, 317),
    (352, 364),
    (443, 447),
    (551, 559),
    (603, 621),
    (711, 731),
    (801, 812),
    (859, 871),
    (927, 935),
    (993, 1004),
    (1034, 1049),
    (1117, 1135),
    (1385, 1399),
)


def held_room(name: str) -> bool:
    """Whether a frame of NYU Depth v2, named by its number, is kept for measuring."""
    return any(first <= int(name) <= last for first, last in ROOMS)
