"""denoise: RestoreUNet with a map of the noise level, for the noises of cameras, films and files."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from pixcli.train.restore import Pixels, Restore, jpeg

KNOWN = 0.35  # how often the level is told; else the map is zero and the network has to see for itself


class Denoise(Restore):
    name, task = "denoise", "denoise"
    arguments = {"maps": 1, "channels": [80, 112, 144], "blocks": [3, 2, 2]}  # noqa: RUF012
    grey = 0.3  # old films and photographs; their one channel has to do what three do for colours
    title = "Noise of cameras, films and files removed; σ 0 to 55, known or not"

    def degrade(self, clean: Pixels, rng: np.random.Generator) -> Pixels:
        """(H, W, 4): the noisy picture, not clipped where its noise is Gaussian; its level, or zeros."""
        kind = rng.random()
        noisy = clean if kind < 0.06 else gaussian(clean, rng) if kind < 0.70 else real(clean, rng)
        sigma = float(np.sqrt(np.square(noisy - clean).mean()))
        level = np.full_like(clean[..., :1], sigma if rng.random() < KNOWN else 0.0)
        return np.concatenate([noisy, level], axis=2)


def gaussian(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """White noise of σ up to 55; one value for all colours where the picture is grey."""
    grey = bool((clean[..., 0] == clean[..., 2]).all())
    shape = (*clean.shape[:2], 1 if grey else 3)
    return clean + rng.standard_normal(shape, dtype=np.float32) * np.float32(rng.uniform(0, 55) / 255)


def real(clean: Pixels, rng: np.random.Generator) -> Pixels:
    """Noise that follows the light, of one grain size or another, then rounded and often coded as JPEG."""
    photons, read = rng.uniform(0, 0.035), rng.uniform(0, 0.08)  # variance a unit of light; σ in the dark
    light = clean ** np.float32(2.2) if rng.random() < 0.5 else clean
    sigma = np.sqrt(photons * light + read**2) * np.float32(rng.uniform(0.3, 1.0))
    grey = bool((clean[..., 0] == clean[..., 2]).all()) or rng.random() < 0.2
    h, w = clean.shape[:2]
    grain = rng.standard_normal((h, w, 1 if grey else 3), dtype=np.float32)
    if rng.random() < 0.6:  # demosaicking, resampling and scanning leave grains wider than a pixel
        width = rng.uniform(0.4, 1.4)
        grain = gaussian_filter(grain, (width, width, 0))
        grain /= grain.std() + np.float32(1e-6)
    noisy = clean + grain * sigma * np.float32(0.8)
    eight = (noisy * 255).round().clip(0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        eight = jpeg(eight, int(rng.integers(30, 96)), halved=rng.random() < 0.6)
    return eight.astype(np.float32) / 255


RECIPE = Denoise()
