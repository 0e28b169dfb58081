"""How derain is measured: rain drawn over clean pictures, or pairs."""

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


class Derain(Restoration):
    """Streaks of six kinds by turns (angle, length, density, some with a veil), drawn with a fixed seed."""

    def about(self) -> str:
        return "rain of six kinds drawn over, seed 0, 8-bit, RGB"

    def spoil(self, truth: measures.Array, number: int) -> NDArray[Any]:
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
