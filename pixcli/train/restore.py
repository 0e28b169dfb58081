"""What the restoration recipes share: clean crops, a degradation of each, RestoreUNet, L1 loss."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.train.loop import Batch, Recipe, Schedule
from pixcli.train.muon import Muon
from pixcli.train.photographs import SHARP
from pixcli.train.store import Source, Store, crop

Pixels = NDArray[Any]  # float32 in 0..1
LITTLE = 0.01  # of 0..1: a mean error that hardly shows
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Restore(Recipe):
    """A subclass says `degrade`: a clean crop (H, W, 3) in 0..1 → what the network sees, (H, W, 3 + maps)."""

    network = "restore-unet"
    arguments: dict[str, Any] = {"maps": 0}  # noqa: RUF012
    schedule = Schedule(steps=100_000, rate=0.005, batch=16, warmup=100, ema=0.999, clip=0.5)
    patch = 96
    margin = 0  # pixels round a crop that the degradation needs to see
    sources: tuple[Source, ...] = SHARP
    held_side = 256
    grey = 0.12  # how many of the crops are made so

    def open(self, data: Path, cache: Path) -> None:
        self.stores = [Store(s, data, cache) for s in self.sources]
        self.held = [Store(s, data, cache, held=True) for s in self.sources if s.hold_every]
        self.shares = np.cumsum([s.share for s in self.sources])

    def optimiser(self, net: nn.Module) -> torch.optim.Optimizer:
        return Muon(self.groups(net), lr=self.schedule.rate)

    def degrade(self, clean: Pixels, rng: np.random.Generator) -> Pixels:
        raise NotImplementedError

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        side, m = self.patch + 2 * self.margin, self.margin
        pairs = [self.pair(self.crop(side, rng), rng) for _ in range(size)]
        inner = slice(m, side - m)
        low = np.stack([a[inner, inner] for a, _ in pairs])
        high = np.stack([b[inner, inner] for _, b in pairs])
        return {"low": to_tensor(low), "high": to_tensor(high)}

    def pair(self, clean: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        """What the network sees, and what it should answer."""
        return self.degrade(clean, rng), clean

    def crop(self, side: int, rng: np.random.Generator) -> Pixels:
        """(side, side, 3) in 0..1 from a random picture, flipped or turned; some are grey."""
        while True:
            store = self.stores[int(np.searchsorted(self.shares, rng.random() * self.shares[-1]))]
            picture = crop(store.pick(rng, by_area=True), side, side, rng)
            if picture is None:
                continue
            green = picture[::2, ::2, 1].astype(np.float32)
            if np.abs(np.diff(green, axis=0)).mean() > 2 or rng.random() < 0.2:
                break  # flat patches teach little
        turned = np.rot90(picture, int(rng.integers(4)))
        if rng.random() < 0.5:
            turned = turned[:, ::-1]
        clean = turned.astype(np.float32) / 255
        if rng.random() < self.grey:
            clean = (clean @ LUMA)[..., None].repeat(3, 2)
        return np.ascontiguousarray(clean)

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        return F.l1_loss(net(batch["low"]), batch["high"])

    def validate(self, net: nn.Module) -> dict[str, float]:
        """PSNR (RGB) of the centres of pictures held back, and of the network's input."""
        rng = np.random.default_rng(0)
        device = next(net.parameters()).device
        rows = []
        for store in self.held:
            for i in range(min(len(store), 8)):
                side = min(*store[i].shape[:2], self.held_side) // 8 * 8
                y, x = ((v - side) // 2 for v in store[i].shape[:2])
                pair = self.pair(store[i][y : y + side, x : x + side].astype(np.float32) / 255, rng)
                low, clean = (to_tensor(p[None]) for p in pair)
                answer = net(low.to(device)).float().cpu().clamp(0, 1)
                rows.append([psnr(answer, clean), psnr(low[:, : clean.shape[1]], clean)])
        answer_db, input_db = np.mean(rows, 0)
        return {"psnr": answer_db, "input": input_db}


def by_wrong(off: Tensor, batch: Batch) -> Tensor:
    """The mean of errors (N,) by how much is wrong in each picture: what is nearly right counts as much."""
    wrong = (batch["low"][:, :3] - batch["high"]).abs().mean((1, 2, 3))
    return (off / (wrong + LITTLE)).mean()


def to_tensor(pixels: Pixels) -> Tensor:
    """(N, H, W, C) → (N, C, H, W), laid out channels last."""
    return torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.float32)).permute(0, 3, 1, 2)


def psnr(a: Tensor, b: Tensor) -> float:
    return 10 * torch.log10(1 / (a - b).square().mean().clamp(min=1e-10)).item()


def jpeg(pixels: NDArray[np.uint8], quality: int, *, halved: bool) -> NDArray[np.uint8]:
    """(H, W, 3) as a JPEG file gives it back; halved: chroma at half resolution."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2 if halved else 0)
    with Image.open(file) as coded:
        return np.asarray(coded.convert("RGB"))
