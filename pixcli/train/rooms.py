"""Rooms: the NYU Depth v2 frames with their depth, and the normals derived from it, in memory maps.

A frame's levels are shares of its own largest depth, which the set's table gives for most of them; the other
frames tell depth up to a factor. The official crop alone is known: the rim of the pictures is white and their
outermost depth a guess.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from pixcli.infer.normals import Camera, normals_of

FOLDER = "data/nyuv2"
CAMERA = Camera(518.86 / 2, 519.47 / 2, (325.58 - 0.5) / 2, (253.74 - 0.5) / 2)
KNOWN = (slice(23, 236), slice(21, 301))  # rows, columns
HOLD_EVERY = 12  # of the stretches of consecutive frames, which part no room, one is held back
# neighbours on one surface: share of the inverse depth, and levels of the coding
SHARE, LEVELS, RADIUS, ROUNDS = 0.04, 1.5, 4, 2


@dataclass(frozen=True)
class Frame:
    """rgb: (H, W, 3) uint8. levels: (H, W) uint8, 0 where unknown; a level v is (v + 0.5) * step metres.

    normals: (H/2, W/2, 4) uint8: (n + 1) / 2 of the surface at every other pixel, and 255 where known. step:
    0 where the scale is not known.
    """

    rgb: NDArray[np.uint8]
    levels: NDArray[np.uint8]
    normals: NDArray[np.uint8]
    step: float


class Rooms:
    """The training frames; held: those that are held back, else all others."""

    def __init__(self, data: Path, cache: Path, *, held: bool = False) -> None:
        folder = data / FOLDER
        table = folder / "depth_scale.csv"
        if not table.is_file():
            raise FileNotFoundError(f"training set not found: {folder}")
        with table.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
        key = hashlib.sha256(f"{folder} {table.read_bytes()!r} {RADIUS} {ROUNDS}".encode()).hexdigest()[:16]
        if not (cache / f"{key}.normals.npy").exists():
            cache.mkdir(parents=True, exist_ok=True)
            _pack(folder / "train", [row["name"] for row in rows], cache, key)
        self._maps = [np.load(cache / f"{key}.{kind}.npy", mmap_mode="r") for kind in KINDS]
        self._steps = [float(row["max_m"]) / 255 for row in rows]
        stretch = np.cumsum(np.diff([int(row["name"]) for row in rows], prepend=0) != 1)
        self._chosen = np.flatnonzero((stretch % HOLD_EVERY == 0) == held)

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, i: int) -> Frame:
        n = self._chosen[i]
        rgb, levels, normals = (m[n] for m in self._maps)
        return Frame(rgb, levels, normals, self._steps[n])


KINDS = ("rgb", "levels", "normals")


def _pack(folder: Path, names: list[str], cache: Path, key: str) -> None:
    maps: list[NDArray[np.uint8]] = []
    for i, name in enumerate(names):
        with Image.open(folder / "depth" / f"{name}.png") as image:
            levels = np.array(image)
        with Image.open(folder / "rgb" / f"{name}.webp") as image:
            rgb = np.asarray(image.convert("RGB"))
        inside = np.zeros_like(levels)
        inside[KNOWN] = levels[KNOWN]
        made = (rgb, inside, coded(levels))
        if not maps:
            maps = [
                np.lib.format.open_memmap(
                    cache / f"{key}.{kind}.partial", "w+", np.uint8, (len(names), *m.shape)
                )
                for kind, m in zip(KINDS, made, strict=True)
            ]
        for whole, part in zip(maps, made, strict=True):
            whole[i] = part
    for kind, whole in zip(KINDS, maps, strict=True):
        whole.flush()  # type: ignore[attr-defined]
        (cache / f"{key}.{kind}.partial").replace(cache / f"{key}.{kind}.npy")


def coded(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Normals of a map of levels as Frame holds them."""
    depth = torch.from_numpy(levels.astype(np.float32) + 0.5)[None, None]
    near = SHARE + LEVELS / depth
    normals, known = normals_of(depth, CAMERA, RADIUS, near, ROUNDS, every=2)
    inside = np.zeros(levels.shape, bool)
    inside[KNOWN] = True
    sure = known[0, 0].numpy() & inside[::2, ::2]
    n = (normals[0].permute(1, 2, 0).numpy() + 1) * 127.5
    return np.concatenate((n.round(), sure[..., None] * 255.0), -1).astype(np.uint8)
