"""Scenes: pictures whose things are told apart, with more pasted in, and what a network is to learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixcli.train.coco import Scene
from pixcli.train.labelled import VOID, Codes, Labelled, view

LEAST = 600  # pixels of a thing that is worth pasting
LARGEST = 0.8  # share of the view's sides that a pasted thing takes at most


class Scenes:
    """The pictures of some sets, decoded once, with what each number of a segment means in each of them.

    counted: (256,) the categories whose things are told apart.
    """

    def __init__(self, scenes: Sequence[Scene], counted: NDArray[np.bool_], cache: Path) -> None:
        self.store = Labelled([(s.path, s.read) for s in scenes], cache, "numbers of segments")
        self.categories = [s.categories for s in scenes]
        self.countable = [s.countable & counted[s.categories] for s in scenes]
        self.things = [
            (i, int(n))
            for i in range(len(scenes))
            for n in np.flatnonzero(self.countable[i] & (self.store.counts[i] >= LEAST))
        ]

    def __len__(self) -> int:
        return len(self.store)

    def pixels(self) -> NDArray[np.int64]:
        """(256,) pixels of each category."""
        total = np.zeros(256, np.int64)
        for categories, counts in zip(self.categories, self.store.counts, strict=True):
            np.add.at(total, categories[:VOID], counts[:VOID])
        total[0] = 0
        return total

    def thing(self, i: int, n: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB and mask, 255 inside, of one thing, cut out along its box."""
        both = self.store[i]
        mask = both[..., 3] == n
        (top, bottom), (left, right) = (np.flatnonzero(mask.any(axis))[[0, -1]] for axis in (1, 0))
        part = np.s_[top : bottom + 1, left : right + 1]
        return both[part][..., :3], mask[part].astype(np.uint8) * 255


class View:
    """RGB and numbers of a part of a picture, to be painted on; what the numbers mean goes with it."""

    def __init__(
        self,
        scenes: Scenes,
        i: int,
        size_hw: tuple[int, int],
        scale: float,
        rng: np.random.Generator,
    ) -> None:
        rgb, codes = view(scenes.store[i], size_hw, scale, None, rng)
        self.rgb, self.codes = rgb.copy(), codes.copy()
        self.categories, self.countable = scenes.categories[i].copy(), scenes.countable[i].copy()
        self.unused = [int(n) for n in np.flatnonzero(self.categories[:VOID] == 0)]

    def paste(self, scenes: Scenes, i: int, n: int, scale: float, rng: np.random.Generator) -> None:
        """Put one thing of another picture anywhere, flipped or not, also across the border."""
        if not self.unused:
            return
        rgb, mask = scenes.thing(i, n)
        height, width = self.codes.shape
        scale = min(scale, LARGEST * height / len(rgb), LARGEST * width / rgb.shape[1])
        size = (max(2, round(rgb.shape[1] * scale)), max(2, round(rgb.shape[0] * scale)))
        small = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))
        cover = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR))
        if rng.random() < 0.5:
            small, cover = small[:, ::-1], cover[:, ::-1]
        top, left = (
            int(rng.uniform(-0.3 * s, n - 0.7 * s)) for s, n in zip(size[::-1], (height, width), strict=True)
        )
        from_y, from_x = max(0, -top), max(0, -left)
        top, left = max(0, top), max(0, left)
        small = small[from_y : from_y + height - top, from_x : from_x + width - left]
        cover = cover[from_y : from_y + height - top, from_x : from_x + width - left]
        place = np.s_[top : top + len(small), left : left + small.shape[1]]
        share = cover[..., None] / np.float32(255)
        self.rgb[place] = (self.rgb[place] * (1 - share) + small * share + 0.5).astype(np.uint8)
        number = self.unused.pop()
        self.codes[place][cover > 127] = number
        self.categories[number], self.countable[number] = scenes.categories[i][n], True


def targets(view: View, finest: int, rng: np.random.Generator) -> tuple[Codes, NDArray[Any], NDArray[Any]]:
    """At 1/finest: the categories (h, w), and maps (2, h, w) and (3, h, w) float32.

    The first has the heights of the centres, 1 at each, and the weights of the steps; then the steps down
    and to the right to the centre of the pixel's thing.
    """
    y, x = rng.integers(finest // 2 - 1, finest // 2 + 1, size=2)
    codes = view.codes[y::finest, x::finest]
    height, width = codes.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    heat = np.zeros((height, width), np.float32)
    steps = np.zeros((3, height, width), np.float32)
    for n in np.flatnonzero(np.bincount(codes.ravel(), minlength=256)):
        if n == VOID or not view.countable[n]:
            continue
        inside = codes == n
        area = np.count_nonzero(inside)
        cy, cx = rows[inside].mean(), columns[inside].mean()
        sigma = np.clip(0.08 * np.sqrt(area), 0.8, 2.5)
        far = (rows - round(cy)) ** 2 + (columns - round(cx)) ** 2
        np.maximum(heat, np.exp(-far / (2 * sigma**2)), out=heat)
        steps[0, inside], steps[1, inside] = cy - rows[inside], cx - columns[inside]
        steps[2, inside] = 1 / np.sqrt(area)
    return np.where(codes == VOID, 0, view.categories[codes]).astype(np.uint8), heat, steps
