"""Labelled: pictures with a label for each pixel, decoded once into one memory map; and views of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixcli.train.store import SUFFIXES

Codes = NDArray[np.uint8]
VOID = 255
GREY = 114  # what lies beside a picture that is smaller than the view
SPECK = 64  # pixels: views are not centred on less of a class


class Labelled:
    """items: the pictures, and for each what reads its labels (H, W) uint8, VOID where there is none.

    `store[i]` is a read-only view (H, W, 4) uint8: RGB and the label. version: words that change when the
    labels of the same files do. short_side: reduced to this shorter side when larger.
    """

    def __init__(
        self,
        items: Sequence[tuple[Path, Callable[[], Codes]]],
        cache: Path,
        version: str,
        short_side: int | None = None,
    ) -> None:
        here = [(str(path), path.stat().st_size) for path, _ in items]
        key = hashlib.sha256(f"{version} {short_side} {here}".encode()).hexdigest()[:16]
        pixels, index = cache / f"{key}.u8", cache / f"{key}.json"
        if not index.exists():
            cache.mkdir(parents=True, exist_ok=True)
            half, rows, at = pixels.with_suffix(".partial"), [], 0
            with half.open("wb") as out:
                for path, read in items:
                    both = _joined(path, read(), short_side)
                    out.write(both.tobytes())
                    rows.append((at, *both.shape[:2]))
                    at += both.size
            half.replace(pixels)
            index.write_text(json.dumps(rows))
        self._rows: list[tuple[int, int, int]] = [tuple(r) for r in json.loads(index.read_text())]
        self._pixels = np.memmap(pixels, dtype=np.uint8, mode="r")
        self.counts = np.array(
            [np.bincount(self[i][..., 3].ravel(), minlength=256) for i in range(len(self))], np.int64
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: int) -> NDArray[np.uint8]:
        at, h, w = self._rows[i]
        return self._pixels[at : at + h * w * 4].reshape(h, w, 4)

    def holding(self, label: int) -> NDArray[np.intp]:
        """The numbers of the pictures that show more of this label than a speck."""
        return np.flatnonzero(self.counts[:, label] >= SPECK)

    def centre(self, i: int, label: int, rng: np.random.Generator) -> tuple[float, float]:
        """(y, x) of one pixel of this label, at random."""
        found = np.flatnonzero(self[i][..., 3] == label)
        y, x = divmod(int(found[rng.integers(len(found))]), self._rows[i][2])
        return y + 0.5, x + 0.5


def pairs(folder: Path, read: Callable[[Path], Codes]) -> list[tuple[Path, Callable[[], Codes]]]:
    """The items of a folder that holds images/ and labels/, matched by stem. FileNotFoundError."""
    if not folder.is_dir():
        raise FileNotFoundError(f"training set not found: {folder}")
    found: list[tuple[Path, Callable[[], Codes]]] = []
    for path in sorted((folder / "images").iterdir()):
        if path.suffix.lower() in SUFFIXES:
            found.append((path, partial(read, folder / "labels" / f"{path.stem}.png")))
    return found


def read_labels(path: Path) -> Codes:
    """(H, W) as they lie in the file."""
    with Image.open(path) as image:
        return np.asarray(image, np.uint8)


def view(
    both: NDArray[np.uint8],
    size_hw: tuple[int, int],
    scale: float,
    centre: tuple[float, float] | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], Codes]:
    """RGB (h, w, 3) and labels (h, w) of a window of the picture, enlarged by `scale`, flipped or not.

    centre: (y, x) of what the window is to show, not always in its middle; None: any window. A picture that
    is smaller than the window stands on GREY without labels.
    """
    h, w = both.shape[:2]
    high, wide = size_hw[0] / scale, size_hw[1] / scale
    if centre is None:
        top, left = rng.uniform(0, max(0.0, h - high)), rng.uniform(0, max(0.0, w - wide))
    else:
        top = centre[0] - high * rng.uniform(0.25, 0.75)
        left = centre[1] - wide * rng.uniform(0.25, 0.75)
    top, left = min(max(top, 0.0), max(0.0, h - high)), min(max(left, 0.0), max(0.0, w - wide))
    box = (left, top, min(left + wide, w), min(top + high, h))
    size = (
        min(size_hw[1], round((box[2] - box[0]) * scale)),
        min(size_hw[0], round((box[3] - box[1]) * scale)),
    )
    rgb = np.full((*size_hw, 3), GREY, np.uint8)
    codes = np.full(size_hw, VOID, np.uint8)
    picture, labels = Image.fromarray(both[..., :3]), Image.fromarray(both[..., 3])
    y, x = (int(rng.integers(size_hw[k] - size[1 - k] + 1)) for k in (0, 1))
    rgb[y : y + size[1], x : x + size[0]] = np.asarray(
        picture.resize(size, Image.Resampling.BILINEAR, box=box)
    )
    codes[y : y + size[1], x : x + size[0]] = np.asarray(
        labels.resize(size, Image.Resampling.NEAREST, box=box)
    )
    if rng.random() < 0.5:
        rgb, codes = rgb[:, ::-1], codes[:, ::-1]
    return rgb, codes


def jittered(rgb: NDArray[np.uint8], rng: np.random.Generator, strength: float = 1.0) -> NDArray[Any]:
    """float32 in 0..1: other light (gain, contrast, gamma) and tint, more or less colour, at times none."""
    x = rgb.astype(np.float32) / 255
    s = 0.25 * strength
    x = x ** np.float32(np.exp(rng.uniform(-s, s)))
    x *= np.exp(rng.uniform(-s, s) + rng.normal(0, s / 5, 3)).astype(np.float32)
    grey = x @ np.array((0.299, 0.587, 0.114), np.float32)
    colour = 0.0 if rng.random() < 0.03 * strength else np.exp(rng.uniform(-2 * s, 1.5 * s))
    x = grey[..., None] + (x - grey[..., None]) * np.float32(colour)
    middle = grey.mean()
    x = middle + (x - middle) * np.float32(np.exp(rng.uniform(-s, s)))
    return x.clip(0, 1)


def _joined(path: Path, codes: Codes, short_side: int | None) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        picture = image.convert("RGB")
    labels = Image.fromarray(codes)
    if labels.size != picture.size:
        raise ValueError(f"{path}: {picture.size} pixels, and {labels.size} labels")
    if short_side and min(picture.size) > short_side:
        f = short_side / min(picture.size)
        size = (round(picture.width * f), round(picture.height * f))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        labels = labels.resize(size, Image.Resampling.NEAREST)
    return np.dstack([np.asarray(picture), np.asarray(labels)])
