"""derain --kind drops: RestoreUNet on drops and dirt on a window, drawn as light goes through them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from pixcli.train.restore import Pixels, Restore


class DerainDrops(Restore):
    name, task = "derain_drops", "derain"
    title = "Raindrops and dirt on a window removed"
    patch = 128

    def degrade(self, clean: Pixels, rng: np.random.Generator) -> Pixels:
        """Drops on seven in ten pictures, dirt on three; one in ten stays as it is."""
        dirty, kind = clean, rng.random()
        if kind < 0.7:
            dirty = drops(dirty, rng)
        if 0.6 < kind < 0.9:
            dirty = dirt(dirty, rng)
        return (dirty * 255).round().clip(0, 255).astype(np.float32) / np.float32(255)


def drops(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """Each drop shows the scene behind it small and upside down, out of focus, brighter below than above."""
    h, w = clean.shape[:2]
    height = relief((h, w), rng)
    cover = np.clip(height / np.float32(rng.uniform(0.15, 0.4)), 0, 1)
    dy, dx = np.gradient(gaussian_filter(height, 1.0))
    bend = rng.uniform(80, 400)
    y, x = np.mgrid[:h, :w]
    where = [np.clip(y - bend * dy, 0, h - 1), np.clip(x - bend * dx, 0, w - 1)]
    far = gaussian_filter(clean, (*(rng.uniform(1.0, 5.0),) * 2, 0))
    through = np.stack([map_coordinates(far[..., c], where, order=1) for c in range(3)], 2)
    shade = 1 + np.float32(rng.uniform(2, 10)) * dy - np.float32(rng.uniform(0, 4)) * np.hypot(dy, dx)
    water = through * shade[..., None] * np.float32(rng.uniform(0.75, 1.15)) + np.float32(rng.uniform(0, 0.1))
    alpha = (cover * np.float32(rng.uniform(0.75, 1.0)))[..., None]
    return (clean * (1 - alpha) + water * alpha).clip(0, 1).astype(np.float32)


def relief(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """(H, W) in 0..1: how thick the water is: round or drawn-out bumps that flow into each other."""
    h, w = size
    y, x = np.mgrid[:h, :w].astype(np.float32)
    thick = np.zeros(size, np.float32)
    largest = rng.uniform(4, 22)
    for _ in range(int(rng.integers(1, 2 + int(60 / largest) + 3))):
        r = largest * rng.uniform(0.3, 1.0)
        tall = rng.uniform(0.8, 1.6)
        cy, cx = rng.uniform(-r, h + r), rng.uniform(-r, w + r)
        wobble = 1 + 0.15 * np.sin(2 * np.arctan2(y - cy, x - cx) + rng.uniform(0, 6)) * rng.random()
        d = (np.square((y - cy) / tall) + np.square(x - cx)) / np.square(np.float32(r) * wobble)
        thick = np.maximum(thick, np.sqrt(np.clip(1 - d, 0, None)))
    return gaussian_filter(thick, rng.uniform(0.4, 1.2))


def dirt(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """Specks and smears that take light away and scatter some of their own."""
    h, w = clean.shape[:2]
    grain = gaussian_filter(rng.standard_normal((h, w)).astype(np.float32), rng.uniform(0.8, 4.0))
    grain /= grain.std()
    level = np.float32(rng.uniform(1.6, 2.6))
    alpha = np.clip((grain - level) * 2, 0, 1)[..., None] * np.float32(rng.uniform(0.4, 1.0))
    return clean * (1 - alpha) + alpha * np.float32(rng.uniform(0.1, 0.8))


RECIPE = DerainDrops()
