"""How derain is measured: rain or drops drawn over clean pictures, or pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixcli.evaluate import measures
from pixcli.evaluate.deblur import blur
from pixcli.evaluate.restoration import Restoration, noise_of

# angle from the vertical in degrees, length and width of a streak in pixels, share of pixels that start one,
# brightness, veil: light, steady, slanting, heavy, near, misty
KINDS = (
    (5, 15, 0.6, 0.004, 0.55, 0.0),
    (-12, 25, 0.7, 0.004, 0.60, 0.0),
    (28, 30, 0.8, 0.003, 0.60, 0.05),
    (0, 21, 0.7, 0.012, 0.45, 0.08),
    (-20, 45, 1.3, 0.0012, 0.70, 0.0),
    (10, 13, 0.6, 0.009, 0.40, 0.18),
)


# largest radius of a drop in pixels, share of the picture under drops, sharpness of their edges in pixels
WINDOWS = ((6, 0.05, 0.6), (10, 0.10, 1.5), (16, 0.08, 1.0), (8, 0.20, 2.0))


class Derain(Restoration):
    """Streaks of six kinds by turns (angle, length, density, some with a veil), drawn with a fixed seed.

    kind: "drops" has drops on a window instead, of four kinds by turns, drawn otherwise than in training.
    """

    takes = ("clean", "kind")

    def __init__(self, clean: bool | None = None, kind: str | None = None) -> None:
        self.kind = kind or "rain"
        super().__init__(clean)
        self.options = {"kind": self.kind}

    def about(self) -> str:
        what = "drops of four kinds" if self.kind == "drops" else "rain of six kinds"
        return f"{what} drawn over, seed 0, 8-bit, RGB"

    def spoil(self, truth: measures.Array, number: int) -> NDArray[Any]:
        if self.kind == "drops":
            return drops(truth, *WINDOWS[number % len(WINDOWS)], noise_of(number))
        return rain(truth, *KINDS[number % len(KINDS)], noise_of(number))


def rain(
    clean: measures.Array,
    angle: float,
    length: float,
    width: float,
    density: float,
    bright: float,
    veil: float,
    chance: np.random.Generator,
) -> measures.Array:
    """(H, W, 3) in 0..1 with streaks added, and a veil of grey light."""
    r = int(length / 2 + 3 * width) + 1
    y, x = np.mgrid[-r : r + 1, -r : r + 1]
    a = np.deg2rad(angle)
    along, across = x * np.sin(a) + y * np.cos(a), x * np.cos(a) - y * np.sin(a)
    streak = np.exp(-((across / width) ** 2) / 2) * np.clip(length / 2 + 0.5 - np.abs(along), 0, 1)
    starts = (chance.random(clean.shape[:2]) < density) * chance.uniform(0.3, 1, clean.shape[:2])
    layer = np.clip(bright * blur(starts, streak), 0, bright)[..., None]
    return np.clip((clean + layer) * (1 - veil) + 0.75 * veil, 0, 1)


def drops(
    clean: measures.Array, largest: float, cover: float, soft: float, chance: np.random.Generator
) -> measures.Array:
    """(H, W, 3) in 0..1 behind lenses of water, which bend the way of the light as they slope."""
    height, width = clean.shape[:2]
    y, x = np.mgrid[:height, :width]
    thick, left = np.zeros((height, width)), cover * height * width
    while left > 0:
        r, tall = largest * chance.uniform(0.3, 1), chance.uniform(0.9, 1.5)
        cy, cx = chance.uniform(0, height), chance.uniform(0, width)
        thick = np.maximum(
            thick, np.sqrt(np.clip(1 - ((y - cy) / (r * tall)) ** 2 - ((x - cx) / r) ** 2, 0, 1))
        )
        left -= np.pi * r * r * tall
    dy, dx = np.gradient(blur(thick, bell(1)))
    bend = 4 * largest**2
    places = [
        np.clip(np.rint(n - bend * d), 0, m - 1).astype(int) for n, d, m in ((y, dy, height), (x, dx, width))
    ]
    far = np.stack([blur(clean[..., c], bell(3)) for c in range(3)], 2)
    water = far[places[0], places[1]] * (1 + 1.5 * dy - np.hypot(dy, dx))[..., None] + 0.05
    alpha = blur(np.clip(4 * thick, 0, 1), bell(soft))[..., None] * 0.9
    seen: measures.Array = np.clip(clean + alpha * (water - clean), 0, 1)
    return seen


def bell(sigma: float) -> measures.Array:
    """A Gaussian kernel, three sigma to each side."""
    steps = np.arange(-np.ceil(3 * sigma), np.ceil(3 * sigma) + 1)
    line = np.exp(-((steps / sigma) ** 2) / 2)
    kernel: measures.Array = np.outer(line, line) / line.sum() ** 2
    return kernel
