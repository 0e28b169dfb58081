"""derain: RestoreUNet on rendered streaks of many kinds, and on the few pairs that there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import zoom
from scipy.signal import fftconvolve

from pixcli.train.restore import Pixels, Restore, jpeg
from pixcli.train.store import Source, Store

RENDERED, PAIRS, LAID = 0.5, 0.2, 0.2  # shares: rendered rain, pairs, rain of the pairs over other pictures
RAIN = Source(
    "data/derain_pairs/train/rain",
    PAIRS + LAID,
    hold_every=9,
    title="71 pairs of Rain100L's training part",
    licence="research",
)
DRY = Source("data/derain_pairs/train/clean", hold_every=9)


class Derain(Restore):
    name, task = "derain", "derain"
    title = "Rain streaks removed"
    patch = 112
    beside = (RAIN, DRY)

    def open(self, data: Path, cache: Path) -> None:
        super().open(data, cache)
        self.rain, self.dry = (Store(s, data, cache) for s in self.beside)

    def pair(self, clean: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        kind, side = rng.random(), len(clean)
        if kind < PAIRS:
            return self._cut(side, rng)
        if kind < PAIRS + LAID:
            wet, dry = self._cut(side, rng)
            layer = (wet - dry).clip(0, 1).mean(2, keepdims=True) * np.float32(rng.uniform(0.5, 1.3))
            return lay(clean, layer, rng), clean
        if kind < PAIRS + LAID + RENDERED:
            return rain(clean, rng), clean
        return clean, clean

    def _cut(self, side: int, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        """A rainy square and the same one dry, flipped sideways or not."""
        i = int(rng.integers(len(self.rain)))
        wet, dry = self.rain[i], self.dry[i]
        y, x = (int(rng.integers(v - side + 1)) for v in wet.shape[:2])
        flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
        a, b = (p[y : y + side, x : x + side][:, flip].astype(np.float32) / 255 for p in (wet, dry))
        return a, b


def rain(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """One to three layers of streaks of one direction, near ones long and wide; sometimes a veil."""
    h, w = clean.shape[:2]
    angle = rng.normal(0, 15) if rng.random() < 0.8 else rng.uniform(-60, 60)
    layer = np.zeros((h, w), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        layer += streaks((h, w), angle + rng.normal(0, 2), rng)
    rainy = lay(clean, layer[..., None], rng)
    if rng.random() < 0.3:
        veil = rng.uniform(0, 0.2) * (0.6 + 0.4 * zoom(rng.random((4, 4)), (h / 4, w / 4), order=1))
        rainy = rainy * (1 - veil[..., None]) + rng.uniform(0.5, 0.9) * veil[..., None]
    eight = (rainy * 255).round().clip(0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        eight = jpeg(eight, int(rng.integers(60, 97)), halved=rng.random() < 0.5)
    return eight.astype(np.float32) / 255


def streaks(size: tuple[int, int], angle: float, rng: np.random.Generator) -> Pixels:
    """(H, W) ≥ 0: drops drawn out to lines of about one length, their brightness spread widely.

    angle: degrees from the vertical.
    """
    length, width = rng.uniform(6, 50), rng.uniform(0.3, 1.4)
    cover = 10 ** rng.uniform(-2.3, -0.4)  # share of the picture that lies under a streak
    r = int(length / 2 + 3 * width) + 1
    y, x = np.mgrid[-r : r + 1, -r : r + 1].astype(np.float32)
    a = np.deg2rad(angle)
    along, across = x * np.sin(a) + y * np.cos(a), x * np.cos(a) - y * np.sin(a)
    kernel = np.exp(-np.square(across / width) / 2) / (1 + np.exp(2 * (np.abs(along) - length / 2)))
    seeds = rng.random(size) < cover / (length * width * 2.5)
    bright = rng.uniform(0.1, 0.9) * rng.gamma(3.0, 1 / 3, size)
    return fftconvolve(seeds * bright, kernel, mode="same").astype(np.float32).clip(0)


def lay(clean: Pixels, layer: Pixels, rng: np.random.Generator) -> Pixels:
    """A layer of light over a picture: added and cut off, or as two slides in one projector."""
    if rng.random() < 0.7:
        return (clean + layer).clip(0, 1)
    return clean + layer.clip(0, 1) * (1 - clean)


RECIPE = Derain()
