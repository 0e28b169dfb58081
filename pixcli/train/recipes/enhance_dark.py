"""enhance-dark: IlluminationUNet on bracketed pairs, and on photographs made dark and noisy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.train.loop import Batch, Recipe, Schedule
from pixcli.train.losses import ssim
from pixcli.train.photographs import SHARP
from pixcli.train.restore import Pixels, Restore, psnr, to_tensor
from pixcli.train.store import Source, Store

PAIRS = "data/lowlight_pairs/train"
SIDES = (192, 256, 288, 320)
TITLE = "141 scenes of SICE part 1, two or three exposures of each"
LICENCE = "academic research (SICE; CC BY-NC 4.0 as distributed with Zero-DCE++)"


class EnhanceDark(Restore):
    name, task, network = "enhance_dark", "enhance-dark", "illumination-unet"
    arguments: dict[str, Any] = {}  # noqa: RUF012
    title = "Light for dark photographs"
    schedule = Schedule(steps=30_000, rate=1e-3, batch=8, warmup=200, decay=1e-3, ema=0.999, clip=0.5)
    optimiser = Recipe.optimiser  # it has biases
    sources = (Source(f"{PAIRS}/high", hold_every=12, title=TITLE, licence=LICENCE), *SHARP[1:])
    beside = (Source(f"{PAIRS}/low"), Source(f"{PAIRS}/low_mid"))

    def open(self, data: Path, cache: Path) -> None:
        super().open(data, cache)
        self.bright = self.stores[0]
        self.dark = [Store(s, data, cache) for s in self.beside]
        self.places = [{name: i for i, name in enumerate(s.names)} for s in self.dark]

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        side = int(rng.choice(SIDES))
        pairs = [self.scene(side, rng) for _ in range(size)]
        return {
            "low": to_tensor(np.stack([a for a, _ in pairs])),
            "high": to_tensor(np.stack([b for _, b in pairs])),
        }

    def scene(self, side: int, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        """A dark and a bright square of one scene, most of its height."""
        kind = rng.random()
        if kind < 0.7:
            i = int(rng.integers(len(self.bright)))
            dark, bright = self._dark(self.bright.names[i], rng), self.bright[i]
        else:
            store = self.stores[int(rng.integers(1, len(self.stores)))]
            dark = bright = store.pick(rng)
        h, w = bright.shape[:2]
        part = min(h, w) * rng.uniform(0.75, 1.0)
        y, x = rng.uniform(0, h - part), rng.uniform(0, w - part)
        box = (x, y, x + part, y + part)
        low, high = view(dark, box, side), view(bright, box, side)
        if kind < 0.7:
            low = low * np.float32(rng.uniform(0.8, 1.25))
        elif kind < 0.95:  # a bright photograph as a short exposure would have it
            if not 0.3 < high.mean() < 0.6:
                high = high ** np.float32(np.log(0.45) / np.log(high.mean().clip(0.02, 0.95)))
            linear = high ** np.float32(2.2) / np.float32(2 ** rng.uniform(1, 5))
            low = linear ** np.float32(1 / rng.uniform(1.9, 2.4))
        if rng.random() < 0.5:
            sigma = np.sqrt(np.float32(rng.uniform(0, 0.002)) * low + np.float32(rng.uniform(0, 0.01) ** 2))
            low = low + rng.standard_normal(low.shape, dtype=np.float32) * sigma
        low = (low * 255).round().clip(0, 255) / np.float32(255)
        flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
        return np.ascontiguousarray(low[:, flip]), np.ascontiguousarray(high[:, flip])

    def _dark(self, name: str, rng: np.random.Generator) -> Any:
        """The dark one of a scene; or the milder one where there is one; seldom the bright one itself."""
        kind = rng.random()
        if kind < 0.3 and name in self.places[1]:
            return self.dark[1][self.places[1][name]]
        if kind > 0.95:
            return self.bright[self.bright.names.index(name)]
        return self.dark[0][self.places[0][name]]

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        answer, truth = net(batch["low"]), batch["high"]
        return F.l1_loss(answer, truth) + 0.2 * (1 - likeness(answer, truth))

    def validate(self, net: nn.Module) -> dict[str, float]:
        """PSNR (RGB) and the likeness of the loss, on scenes held back."""
        device, rows = next(net.parameters()).device, []
        held = self.held[0]
        for i in range(len(held)):
            dark, bright = self.dark[0][self.places[0][held.names[i]]], held[i]
            h, w = (n // 16 * 16 for n in bright.shape[:2])
            low, high = (to_tensor(p[None, :h, :w] / np.float32(255)) for p in (dark, bright))
            answer = net(low.to(device)).float().cpu().clamp(0, 1)
            rows.append([psnr(answer, high), likeness(answer, high).item(), psnr(low, high)])
        answer_db, alike, input_db = np.mean(rows, 0)
        return {"psnr": answer_db, "ssim": alike, "input": input_db}


def view(picture: Any, box: tuple[float, float, float, float], side: int) -> Pixels:
    """A box (left, top, right, bottom) of a picture at side × side, in 0..1."""
    small = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR, box=box)
    return np.asarray(small, dtype=np.float32) / 255


def likeness(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity over windows of 7 × 7, every third."""
    # pooling is slow channels last
    return ssim(a.float().contiguous(), b.float().contiguous(), size=7, every=3).mean()


RECIPE = EnhanceDark()
