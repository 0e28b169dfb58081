"""Test sets: where their pictures lie. A set is one line here; any folder of pictures is one too."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixcli.errors import InputError, UsageError

VARIABLE = "PIXCLI_DATA"
# name: number of pictures, so that none is missed unseen
SETS = {"set5": 5, "set14": 14, "kodak24": 24, "cbsd68": 68}
SUFFIXES = {".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}


@dataclass(frozen=True)
class DataSet:
    """name: as the set is cited. pictures: the files in order of name; their stems differ."""

    name: str
    pictures: tuple[Path, ...]


def find(spec: str | Path) -> DataSet:
    """The set of this name below $PIXCLI_DATA/data/testsets, or the pictures that lie directly in a folder.

    A path wins over a name only when it holds a separator (`./set5`). Raises UsageError when there is no
    such set or folder, when it is empty or not complete, and when two pictures have one stem.
    """
    name = str(spec)
    if name in SETS:
        if not os.environ.get(VARIABLE):
            raise UsageError(f"{name} is not here", f"set {VARIABLE}, or name a folder of pictures")
        folder = Path(os.environ[VARIABLE]) / "data" / "testsets" / name
    else:
        folder = Path(spec)
        if not folder.is_dir():
            raise UsageError(f"{name}: neither a folder nor one of {', '.join(SETS)}")
    files = folder.iterdir() if folder.is_dir() else ()
    pictures = sorted(p for p in files if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not pictures or len(pictures) != SETS.get(name, len(pictures)):
        wanted = f" of {SETS[name]}" if name in SETS else ""
        raise UsageError(f"{folder}: {len(pictures)}{wanted} pictures there")
    if len({p.stem for p in pictures}) < len(pictures):
        raise UsageError(f"{folder}: two pictures have the same name but for their ending")
    return DataSet(name if name in SETS else folder.resolve().name, tuple(pictures))


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
