"""derain --kind drops: RestoreUNet on drops and dirt on a window, drawn as light goes through them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from torch import Tensor, nn

from pixcli.train.loop import Batch
from pixcli.train.restore import Pixels, Restore, by_wrong

WIDE = 12  # pixels of the scene that a drop shows


class DerainDrops(Restore):
    name, task = "derain_drops", "derain"
    title = "Raindrops and dirt on a window removed"
    patch = 128
    schedule = replace(Restore.schedule, batch=8, warmup=50)

    def degrade(self, clean: Pixels, rng: np.random.Generator) -> Pixels:
        """Drops on eight in ten pictures, dirt on two; one in ten stays as it is."""
        dirty, kind = clean, rng.random()
        if kind < 0.8:
            dirty = drops(dirty, rng)
        if 0.7 < kind < 0.9:
            dirty = dirt(dirty, rng)
        return (dirty * 255).round().clip(0, 255).astype(np.float32) / np.float32(255)

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """L1 by how much is wrong: a window with two drops counts as much as one with many."""
        return by_wrong((net(batch["low"]) - batch["high"]).abs().mean((1, 2, 3)), batch)


def drops(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """Drops nearer than the scene, and so out of focus; each shows all of it, small and upside down.

    What is seen through one is bright below, where the sky is, and dark above, and little like what it hides.
    """
    h, w = clean.shape[:2]
    scene = zoom(clean, (WIDE / h, WIDE / w, 1), order=1)[::-1]
    near = gaussian_filter(clean, (rng.uniform(3, 10),) * 2 + (0,))
    share, light = np.float32(rng.uniform(0.2, 0.9)), np.float32(rng.uniform(0.8, 1.4))
    sky, tilt = np.float32(rng.uniform(0, 0.35)), np.float32(rng.uniform(0, 0.5))
    grey, haze = np.float32(rng.uniform(0.2, 0.9)), np.float32(rng.uniform(0, 0.7))  # of what is beyond it
    thick, water = np.zeros((h, w, 1), np.float32), near.copy()
    largest, narrow = rng.uniform(3, 18), rng.uniform(0.2, 0.6)
    cover = rng.uniform(0.02, 0.25) * h * w
    while cover > 0:
        r = largest * rng.uniform(narrow, 1) if rng.random() < 0.8 else rng.uniform(1, 4)
        tall = rng.triangular(0.9, 1.0, 1.7)
        cover -= np.pi * r * r * tall
        cy, cx = rng.uniform(-r, h + r), rng.uniform(-r, w + r)
        top, left = (max(0, int(c - s - 1)) for c, s in ((cy, r * tall), (cx, r)))
        y, x = np.mgrid[top : min(h, int(cy + r * tall + 2)), left : min(w, int(cx + r + 2))].astype(
            np.float32
        )
        if y.size == 0:
            continue
        v, u = (y - cy) / np.float32(r * tall), (x - cx) / np.float32(r)
        turn, uneven = rng.uniform(0, 6.3), np.float32(rng.uniform(0, 0.2))
        d = np.hypot(u, v) * (1 + uneven * np.sin(2 * np.arctan2(v, u) + turn))
        here = np.clip((1 - d) * np.float32(r) * 0.7, 0, 1)[..., None]
        places = [((n.clip(-1, 1) + 1) / 2 * (WIDE - 1)).round().astype(int) for n in (v, u)]
        through = scene[places[0], places[1]] * share + near[y.astype(int), x.astype(int)] * (1 - share)
        through += haze * (grey - through)
        shade = (light * (1 + tilt * v) * np.sqrt(np.clip(1.15 - d * d, 0.15, 1)))[..., None]
        part = np.s_[top : top + y.shape[0], left : left + y.shape[1]]
        water[part] += here * (through * shade + sky * np.clip(v, 0, 1)[..., None] - water[part])
        thick[part] = np.maximum(thick[part], here)
    blur = (rng.uniform(0.4, 3.5),) * 2 + (0,)
    alpha = gaussian_filter(thick, blur) * np.float32(rng.uniform(0.6, 1.0))
    soft = gaussian_filter(water * thick, blur) / np.maximum(gaussian_filter(thick, blur), 1e-3)
    return (clean * (1 - alpha) + soft * alpha).clip(0, 1).astype(np.float32)


def dirt(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """Specks and smears that take light away and scatter some of their own."""
    h, w = clean.shape[:2]
    grain = gaussian_filter(rng.standard_normal((h, w)).astype(np.float32), rng.uniform(0.8, 4.0))
    grain /= grain.std()
    level = np.float32(rng.uniform(1.6, 2.6))
    alpha = np.clip((grain - level) * 2, 0, 1)[..., None] * np.float32(rng.uniform(0.4, 1.0))
    return clean * (1 - alpha) + alpha * np.float32(rng.uniform(0.1, 0.8))


RECIPE = DerainDrops()
