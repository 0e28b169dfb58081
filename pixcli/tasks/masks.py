"""Which pixels of a picture are to be filled: from mask files, from its alpha, or from a colour."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from pixcli import media
from pixcli.errors import InputError, PixcliError, UsageError
from pixcli.media.colour import as_float, to_srgb
from pixcli.media.picture import Picture
from pixcli.plan.job import PICTURES, split_suffix

Hole = NDArray[np.bool_]  # (H, W)
TOLERANCE = 8.5 / 255  # of each channel, for what a lossy format does to a colour


class Masks:
    """spec: "alpha", "#RRGGBB", a file, or a folder. Raises UsageError for what is none of them."""

    def __init__(self, spec: str) -> None:
        self.spec = spec
        colour = re.fullmatch(r"#([0-9a-fA-F]{6})", spec)
        self.colour = np.frombuffer(bytes.fromhex(colour[1]), np.uint8) / np.float32(255) if colour else None
        self.files: dict[str, Path] | None = None
        if colour or spec == "alpha":
            return
        if not Path(spec).exists():
            raise UsageError(f"--mask {spec}: is no file, no folder, no #RRGGBB, and neither alpha nor auto")
        if Path(spec).is_dir():
            found = (p for p in sorted(Path(spec).rglob("*")) if p.suffix[1:].lower() in PICTURES)
            self.files = {stem_of(p.relative_to(spec).as_posix()): p for p in found}

    def hole(self, picture: Picture) -> Hole:
        """The pixels to fill. Raises InputError where no mask is found, or one of another size."""
        if self.spec == "alpha":
            if picture.alpha is None:
                return np.zeros((picture.height, picture.width), bool)
            return np.asarray(picture.alpha < picture.peak)
        if self.colour is not None:
            return np.asarray((np.abs(as_float(to_srgb(picture)) - self.colour) <= TOLERANCE).all(2))
        path = Path(self.spec) if self.files is None else self.file_for(picture.name)
        hole = read(path, path.stat().st_mtime_ns)
        if hole.shape != (picture.height, picture.width):
            high, wide = hole.shape
            raise InputError(
                f"its mask {path} is {wide} × {high}, the picture {picture.width} × {picture.height}"
            )
        return hole

    def file_for(self, name: str) -> Path:
        """The mask of a picture by its path, the most of it that fits: NAME.mask, NAME_mask or NAME."""
        assert self.files is not None
        parts = PurePosixPath(stem_of(name)).parts
        for first in range(len(parts)):
            stem = "/".join(parts[first:])
            for known in (f"{stem}.mask", f"{stem}_mask", stem):
                if known in self.files:
                    return self.files[known]
        raise InputError(f"there is no mask for it in {self.spec}", f"its name would be {parts[-1]}.png")

    def state(self) -> list[tuple[str, int, int]]:
        """Name, size and time of each mask file: what changes when a mask does."""
        if self.spec == "alpha" or self.colour is not None:
            return []
        paths = {self.spec: Path(self.spec)} if self.files is None else self.files
        return [(k, p.stat().st_size, p.stat().st_mtime_ns) for k, p in paths.items()]


def stem_of(name: str) -> str:
    """A relative path without the suffix of its file."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + split_suffix(last)[0]


@lru_cache(maxsize=2)  # of a film, or of a folder with one mask for all
def read(path: Path, _mtime_ns: int) -> Hole:
    """(H, W): what is white in a mask file, and not transparent. Raises InputError."""
    try:
        mask = media.read(path)
    except PixcliError as e:
        raise InputError(f"its mask {path}: {e.what}", e.hint) from e
    light = as_float(mask.pixels).mean(2)
    if mask.alpha is not None:
        light = light * as_float(mask.alpha)
    hole = np.asarray(light > 0.5)
    hole.setflags(write=False)
    return hole


def grown(hole: Hole, by: int) -> Hole:
    """The hole and what lies within `by` pixels of it, in an eight-cornered neighbourhood."""
    for step in range(by):
        hole = _wider(hole, corners=bool(step % 2))
    return hole


def feathered(hole: Hole, by: int) -> NDArray[np.float32]:
    """(H, W): 1 in the hole, falling to 0 within `by` pixels round it."""
    weight = hole.astype(np.float32)
    for step in range(by):
        wider = _wider(hole, corners=bool(step % 2))
        weight[wider & ~hole] = 1 - (step + 1) / (by + 1)
        hole = wider
    return weight


def _wider(hole: Hole, corners: bool) -> Hole:
    wide = hole.copy()
    wide[:, 1:] |= hole[:, :-1]
    wide[:, :-1] |= hole[:, 1:]
    beside = wide if corners else hole
    out = wide.copy()
    out[1:] |= beside[:-1]
    out[:-1] |= beside[1:]
    return out
