"""Test sets: where their pictures lie. A set is one line here; any folder of pictures is one too."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixcli.errors import InputError, UsageError
from pixcli.tasks.everyday import held_room

VARIABLE = "PIXCLI_DATA"
# name: number of pictures, so that none is missed unseen
SETS = {"set5": 5, "set14": 14, "kodak24": 24, "cbsd68": 68}
# name: number of pairs, and the folders of inputs and truths below data/
PAIRS = {
    "levin": (24, "blur_pairs/blur", "blur_pairs/sharp"),
    "rain100l": (16, "derain_pairs/test/rain", "derain_pairs/test/clean"),
    "sice": (30, "lowlight_pairs/test/low", "lowlight_pairs/test/high"),
    "panoptic-val": (80, "panoptic/val/images", "panoptic/val/panoptic"),
    "nyuv2-val": (380, "nyuv2/test/rgb", "nyuv2/test/labels40"),
    "people-val": (116, "people_small/images", "people_small/labels"),
    "camvid": (233, "camvid/test/images", "camvid/test/labels"),
    "camvid-val": (101, "camvid/val/images", "camvid/val/labels"),
    "nyuv2-depth": (380, "nyuv2/test/rgb", "nyuv2/test/depth"),
    "nyuv2-normals": (30, "nyuv2/test/rgb", "nyuv2/test/normals"),
}
# name: the column of the table of everyday classes that its labels stand in
LABELS = {
    "panoptic-val": "coco",
    "nyuv2-val": "nyuv2",
    "people-val": "clothes",
    "camvid": "camvid",
    "camvid-val": "camvid",
}
# name: which of its pictures are kept for measuring, where others of the same folder were learnt from
KEPT: dict[str, Callable[[int, Path], bool]] = {
    "nyuv2-val": lambda number, path: held_room(path.stem),
    "people-val": lambda number, path: number % 5 == 0,
}
# name: number of scenes, and the folder of them: in each two pictures and the motion between them
SCENES = {"flow": (10, "flow/test")}
SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}


@dataclass(frozen=True)
class DataSet:
    """name: as the set is cited. pictures: the files in order of name; their stems differ.

    given: the inputs that belong to them, in the same order; empty when they are made from the pictures. Of
    scenes, `pictures` are the motions, each in a folder of its own, and `given` the first of two pictures.
    labels: the column of the table of everyday classes that says what they mean; "" where none does.
    """

    name: str
    pictures: tuple[Path, ...]
    given: tuple[Path, ...] = ()
    labels: str = ""


def find(spec: str | Path) -> DataSet:
    """The set of this name below $PIXCLI_DATA/data, or the pictures that lie directly in a folder.

    A folder that holds the folders `input` and `truth` is a set of pairs, by stem; one whose folders each
    hold two pictures and `flow.png`, `flow.flo` or `flow.npz` is a set of scenes. A path wins over a name
    only when it holds a separator (`./set5`). Raises UsageError when there is no such set or folder, when it
    is empty or not complete, and when two pictures have one stem.
    """
    name = str(spec)
    if name not in SETS and name not in PAIRS and name not in SCENES:
        folder = Path(spec)
        if not folder.is_dir():
            raise UsageError(f"{name}: neither a folder nor one of {', '.join((*SETS, *PAIRS, *SCENES))}")
        if any(folder.glob("*/flow.*")):
            return _scenes(folder.resolve().name, folder, None)
        if (folder / "input").is_dir() and (folder / "truth").is_dir():
            return _pairs(folder.resolve().name, folder / "input", folder / "truth", None)
        return DataSet(folder.resolve().name, _pictures(folder, None))
    if not os.environ.get(VARIABLE):
        raise UsageError(f"{name} is not here", f"set {VARIABLE}, or name a folder of pictures")
    data = Path(os.environ[VARIABLE]) / "data"
    if name in SETS:
        return DataSet(name, _pictures(data / "testsets" / name, SETS[name]))
    if name in SCENES:
        number, folder_name = SCENES[name]
        return _scenes(name, data / folder_name, number)
    number, given, truth = PAIRS[name]
    whole = _pairs(name, data / given, data / truth, number)
    kept = [n for n, path in enumerate(whole.pictures) if name not in KEPT or KEPT[name](n, path)]
    pictures, inputs = (tuple(files[n] for n in kept) for files in (whole.pictures, whole.given))
    return DataSet(name, pictures, inputs, LABELS.get(name, ""))


def _pairs(name: str, inputs: Path, truths: Path, number: int | None) -> DataSet:
    pictures, given = _pictures(truths, number), {p.stem: p for p in _pictures(inputs, None)}
    if missing := [p.stem for p in pictures if p.stem not in given]:
        raise UsageError(f"{inputs}: nothing there for {missing[0]}")
    return DataSet(name, pictures, tuple(given[p.stem] for p in pictures))


def _scenes(name: str, folder: Path, number: int | None) -> DataSet:
    truths = tuple(sorted(folder.glob("*/flow.*")))
    if not truths or len(truths) != (number or len(truths)):
        raise UsageError(f"{folder}: {len(truths)}{f' of {number}' if number else ''} motions there")
    return DataSet(name, truths, tuple(two_of(t.parent)[0] for t in truths))


def two_of(scene: Path) -> tuple[Path, Path]:
    """The two pictures of a scene. Raises UsageError when there are not two."""
    others = {"flow", "occ"}
    found = sorted(p for p in scene.iterdir() if p.suffix.lower() in SUFFIXES and p.stem not in others)
    if len(found) != 2:
        raise UsageError(f"{scene}: {len(found)} pictures beside the motion, not two")
    return found[0], found[1]


def _pictures(folder: Path, number: int | None) -> tuple[Path, ...]:
    files = folder.iterdir() if folder.is_dir() else ()
    pictures = sorted(p for p in files if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not pictures or len(pictures) != (number or len(pictures)):
        wanted = f" of {number}" if number else ""
        raise UsageError(f"{folder}: {len(pictures)}{wanted} pictures there")
    if len({p.stem for p in pictures}) < len(pictures):
        raise UsageError(f"{folder}: two pictures have the same name but for their ending")
    return tuple(pictures)


def read(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) 8-bit RGB; grey is repeated, alpha left out, profiles are not applied.

    Pillow alone reads here, not our own reader: a fault there must show in the figures. Raises InputError
    for an unreadable file and for one of more than 8 bits.
    """
    try:
        with Image.open(path) as image:
            if image.mode[0] in "IF":
                raise InputError(f"{path}: {image.mode} has more than 8 bits", "test sets are 8-bit")
            return np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as e:
        raise InputError(f"{path}: not readable: {e}") from e
