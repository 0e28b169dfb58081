"""superres-real: the network of `superres`, gone on to learn pictures that are soft, noisy and coded as JPEG.

Start it from a checkpoint of `superres` (`--start runs/superres/last.pt`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pixcli.train.loop import Schedule
from pixcli.train.recipes.superres import SuperRes, reduce
from pixcli.train.restore import jpeg

CLEAN = 0.5  # share of plain reductions


class SuperResReal(SuperRes):
    name = "superres_real"
    title = "Super-resolution ×2, ×3, ×4 for noisy, soft or JPEG-coded photographs"
    schedule = Schedule(steps=10_000, rate=5e-4, batch=16, warmup=200, decay=0.0, ema=0.999, clip=0.5)

    def degrade(self, high: Tensor, scale: int, rng: np.random.Generator) -> Tensor:
        """Lens blur of up to σ = 0.9 low-resolution pixels, noise of up to σ = 12, JPEG of quality 35 to 95;
        one in eight is left as the plain reduction.
        """
        low = torch.empty(len(high), 3, high.shape[2] // scale, high.shape[3] // scale)
        for i, picture in enumerate(high):
            if rng.random() < CLEAN:
                low[i] = reduce(picture[None], scale)[0]
                continue
            if rng.random() < 0.5:
                picture = blur(picture, rng.uniform(0.2, 0.8) * scale)
            small = reduce(picture[None], scale)[0] * 255
            if rng.random() < 0.7:
                grain = rng.normal(0, rng.uniform(1, 11), small.shape)
                if rng.random() < 0.3:  # the same in all colours, as a film's
                    grain = grain[:1].repeat(3, 0)
                small = small + torch.from_numpy(grain.astype(np.float32))
            pixels = small.round().clamp(0, 255).to(torch.uint8)
            if rng.random() < 0.8:
                quality, halved = int(rng.integers(40, 97)), bool(rng.random() < 0.6)
                coded = jpeg(pixels.permute(1, 2, 0).numpy(), quality, halved=halved)
                pixels = torch.tensor(coded).permute(2, 0, 1)
            low[i] = pixels / 255
        return low


def blur(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian, (3, H, W), borders replicated."""
    radius = max(1, round(2.5 * sigma))
    kernel = torch.exp(-(torch.arange(-radius, radius + 1.0) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    x = F.pad(picture[:, None], (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(x, kernel), kernel.transpose(2, 3))[:, 0]


RECIPE = SuperResReal()
