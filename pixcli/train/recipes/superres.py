"""superres: SubPixelResNet for ×2, ×3, ×4 from antialiased bicubic reductions, L1 loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.train.loop import Batch, Recipe, Schedule
from pixcli.train.photographs import SHARP
from pixcli.train.store import Store, crop

MARGIN = 4  # low-resolution pixels round a crop whose reduction would see the crop's border


class SuperRes(Recipe):
    name, task, network = "superres", "superres", "subpixel"
    arguments = {"channels": 64, "blocks": 10, "scales": (2, 3, 4)}  # noqa: RUF012
    title = "Super-resolution ×2, ×3, ×4 for clean photographs"
    schedule = Schedule(steps=40_000, rate=1e-3, batch=16, warmup=300, decay=0.0, ema=0.999, clip=0.5)
    patch = 40  # low-resolution pixels

    sources = SHARP

    def open(self, data: Path, cache: Path) -> None:
        self.stores = [Store(s, data, cache) for s in self.sources]
        self.held = [Store(s, data, cache, held=True) for s in self.sources if s.hold_every]
        self.shares = np.cumsum([s.share for s in self.sources])

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        scale = int(rng.choice((2, 3, 4), p=(0.3, 0.3, 0.4)))
        side = (self.patch + 2 * MARGIN) * scale
        high = torch.empty(size, 3, side, side, dtype=torch.uint8)
        for i in range(size):
            high[i] = self._crop(side, rng)
        low = self.degrade(high.float() / 255, scale, rng)
        m, n = MARGIN, MARGIN * scale
        high = high[..., n:-n, n:-n]
        return {"low": low[..., m:-m, m:-m], "high": high, "scale": torch.tensor(scale)}

    def degrade(self, high: Tensor, scale: int, rng: np.random.Generator) -> Tensor:
        """(N, 3, scale h, scale w) → (N, 3, h, w), both in [0, 1]."""
        return reduce(high, scale)

    def _crop(self, side: int, rng: np.random.Generator) -> Tensor:
        best = None
        for _ in range(12):
            store = self.stores[int(np.searchsorted(self.shares, rng.random() * self.shares[-1]))]
            picture = crop(store.pick(rng, by_area=True), side, side, rng)
            if picture is None:
                continue
            best = picture
            green = picture[::2, ::2, 1].astype(np.float32)
            if np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean() > 6:
                break  # flat patches teach little
        assert best is not None, "no picture is large enough"
        turned = np.rot90(best, int(rng.integers(4)))
        if rng.random() < 0.5:
            turned = turned[:, ::-1]
        return torch.from_numpy(turned.transpose(2, 0, 1).copy())

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        return F.l1_loss(net(batch["low"], int(batch["scale"])), batch["high"].float() / 255)

    def validate(self, net: nn.Module) -> dict[str, float]:
        figures = {}
        for scale in (2, 3, 4):
            rows = []
            for store in self.held:
                for i in range(min(len(store), 5)):
                    high = torch.from_numpy(store[i][: 384 // 12 * 12, : 384 // 12 * 12].copy()).permute(
                        2, 0, 1
                    )[None]
                    high = high[..., : high.shape[2] // 12 * 12, : high.shape[3] // 12 * 12]
                    low = reduce(high.float() / 255, scale)
                    device = next(net.parameters()).device
                    answer = net(low.to(device), scale).cpu().clamp(0, 1) * 255
                    weight = torch.tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1) / 255
                    error = ((answer.round() - high.float()) * weight).sum(1)[..., scale:-scale, scale:-scale]
                    rows.append(10 * torch.log10(255**2 / error.square().mean()).item())
            figures[f"y{scale}"] = float(np.mean(rows))
        return figures


def reduce(x: Tensor, scale: int) -> Tensor:
    """Antialiased bicubic reduction (a = -0.5) of (N, C, H, W) in [0, 1], rounded to 8 bits as in a file."""
    low = F.interpolate(x, size=(x.shape[2] // scale, x.shape[3] // scale), mode="bicubic", antialias=True)
    return (low * 255).round_().clamp_(0, 255) / 255


RECIPE = SuperRes()
