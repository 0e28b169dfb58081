"""flow: LiteFlow on photographs cut to pieces that move, slowly at first, in the end up to 56 pixels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.train.loop import Batch, Recipe, Schedule
from pixcli.train.moving import Pixels, pair
from pixcli.train.photographs import SHARP
from pixcli.train.store import Store

# from which part of the run on: height and width of a crop, and how many of the schedule's batch; small
# ones teach to match in many quick steps, large ones hold large motions
CROPS = ((0.0, (96, 128), 1.34), (0.35, (128, 192), 1.0), (0.7, (192, 256), 0.67))
SLOW, FAST = 12.0, 56.0  # of the fastest motions, in pixels, at the start and from GROWN of the run on
GROWN = 0.7
LEVELS = (0.3, 0.15, 0.08, 0.04)  # weights of the flows at 1/4, 1/8 … beside the answer's 1; of matches, too
HELD = 24  # pairs


class Flow(Recipe):
    name, task, network = "flow", "flow", "lite-flow"
    arguments: dict[str, Any] = {}  # noqa: RUF012
    title = "Motion between two pictures"
    schedule = Schedule(steps=100_000, rate=1e-3, batch=6, warmup=100, decay=1e-4, ema=0.999, clip=1.0)
    sources = SHARP

    def open(self, data: Path, cache: Path) -> None:
        self.stores = [Store(s, data, cache) for s in self.sources]
        self.shares = np.cumsum([s.share for s in self.sources])
        held = [Store(s, data, cache, held=True) for s in self.sources if s.hold_every]
        rng = np.random.default_rng(7)
        speeds = np.geomspace(SLOW, FAST, HELD)
        shares = np.arange(1, 1 + len(held))
        self.held = [pair(partial(part, held, shares), CROPS[-1][1], v, rng) for v in speeds]

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        largest = SLOW * (FAST / SLOW) ** min(self.progress / GROWN, 1.0)
        crop, share = next((c, s) for start, c, s in reversed(CROPS) if self.progress >= start)
        photos = partial(part, self.stores, self.shares)
        made = [pair(photos, crop, largest, rng) for _ in range(max(1, round(share * size)))]
        return {"pictures": torch.stack([p for p, _ in made]), "flow": torch.stack([f for _, f in made])}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """Of the answer, of each level's flow, and of what its match says alone."""
        truth = batch["flow"]
        (answer, *coarse), matched = net.levels(batch["pictures"])  # type: ignore[operator]
        total = error(answer, truth)
        for weight, flow, match in zip(LEVELS, coarse, matched, strict=False):
            small = F.interpolate(truth, size=flow.shape[2:], mode="area")
            total = total + weight * (error(flow, small) + error(match, small))
        return total

    def validate(self, net: nn.Module) -> dict[str, float]:
        """Mean end-point error, the geometric mean over the pairs, and that of no motion at all."""
        device = next(net.parameters()).device
        errors, still = [], []
        for pictures, flow in self.held:
            answer = net(pictures[None].to(device))[0].float().cpu()
            errors.append((answer - flow).norm(dim=0).mean())
            still.append(flow.norm(dim=0).mean())
        epe, zero = torch.stack(errors), torch.stack(still)
        return {"epe": epe.mean().item(), "gmean": geometric(epe), "gmean of zero": geometric(zero)}


def geometric(x: Tensor) -> float:
    return x.log().mean().exp().item()


def error(flow: Tensor, truth: Tensor) -> Tensor:
    """A power of the end-point error: small motions count beside large ones."""
    return ((flow - truth).square().sum(1) + 1e-4).pow(0.4).mean()


def part(stores: list[Store], shares: Pixels, height: int, width: int, rng: np.random.Generator) -> Pixels:
    """(H, W, 3) of a photograph, at about its own size."""
    photo = stores[int(np.searchsorted(shares, rng.random() * shares[-1]))].pick(rng, by_area=True)
    h, w = photo.shape[:2]
    size = min(rng.uniform(0.8, 1.6), h / height, w / width)
    y, x = rng.random() * (h - size * height), rng.random() * (w - size * width)
    cut = Image.fromarray(photo[int(y) : int(y + size * height) + 1, int(x) : int(x + size * width) + 1])
    return np.asarray(cut.resize((width, height), Image.Resampling.BILINEAR))


RECIPE = Flow()
