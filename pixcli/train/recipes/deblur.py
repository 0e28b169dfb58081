"""deblur: RestoreUNet on shaken, moved and defocused pictures with noise and JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, rotate
from scipy.signal import fftconvolve
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.train.loop import Batch
from pixcli.train.restore import Pixels, Restore, jpeg

KERNELS = "data/blur/kernels.npz"
MEASURED = ("kair12_11", "kair12_12")  # strokes; Levin's and the estimated ones are kept for measuring
RADIUS = 20


class Deblur(Restore):
    name, task = "deblur", "deblur"
    title = "Shake, motion and defocus taken back"
    arguments = {"maps": 0, "channels": [48, 96, 160], "blocks": [2, 3, 4]}  # noqa: RUF012  blur is wide
    patch, margin = 128, RADIUS

    def open(self, data: Path, cache: Path) -> None:
        super().open(data, cache)
        kernels = np.load(data / KERNELS)
        self.kernels = [kernels[name].astype(np.float32) for name in MEASURED]

    def degrade(self, clean: Pixels, rng: np.random.Generator) -> Pixels:
        """Blurred, then noisy, rounded and often coded as JPEG; one in eight is left sharp."""
        if rng.random() < 0.12:
            blurred = clean
        else:
            kernel = self.kernel(rng)
            r = len(kernel) // 2
            padded = np.pad(clean, ((r, r), (r, r), (0, 0)), mode="reflect")
            blurred = fftconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1)).astype(np.float32)
        if rng.random() < 0.5:
            sigma = np.float32(rng.uniform(0, 4) / 255)
            blurred = blurred + rng.standard_normal(blurred.shape, dtype=np.float32) * sigma
        eight = (blurred * 255).round().clip(0, 255).astype(np.uint8)
        if rng.random() < 0.3:
            eight = jpeg(eight, int(rng.integers(70, 98)), halved=rng.random() < 0.5)
        return eight.astype(np.float32) / 255

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """L1 of pixels and of the spectrum, where what blur takes away shows more (Cho et al., ICCV 2021)."""
        answer, clean = net(batch["low"]), batch["high"]
        spectrum = torch.view_as_real(torch.fft.rfft2(answer - clean, norm="ortho"))
        return F.l1_loss(answer, clean) + spectrum.abs().mean()

    def kernel(self, rng: np.random.Generator) -> Pixels:
        """(k, k), odd, sums to 1: a hand's path, a straight move, a lens out of focus, or a stroke."""
        kind = rng.random()
        if kind < 0.60:
            k = path(rng)
        elif kind < 0.72:
            k = line(rng)
        elif kind < 0.92:
            k = disc(rng)
        else:
            k = rotate(self.kernels[int(rng.integers(len(self.kernels)))], rng.uniform(0, 360), order=1)
            k = k[: len(k) // 2 * 2 - 1, : len(k) // 2 * 2 - 1].clip(0)
        return centred(k)


def path(rng: np.random.Generator) -> Pixels:
    """The path of a shaken camera: a speed that drifts, swings back and now and then jumps."""
    steps, size = 200, rng.triangular(0.8, 1.5, 10)  # size: standard deviation of the path, in pixels
    inertia, pull = rng.uniform(0.8, 0.995), rng.uniform(0, 0.02)
    place, speed, points = 0j, complex(*rng.normal(size=2)), []
    for kick in rng.normal(size=(steps, 2)):
        jump = 8.0 if rng.random() < 0.01 else 1.0
        speed = inertia * speed + jump * complex(*kick) * 0.35 - pull * place
        place += speed
        points.append(place)
    z = np.array(points)[: int(steps * rng.uniform(0.3, 1.0))]
    z = (z - z.mean()) * (size / (z.std() + 1e-6))
    return drawn(z, rng.uniform(0.3, 0.9))


def line(rng: np.random.Generator) -> Pixels:
    length = rng.uniform(2, 30)
    return drawn(np.linspace(-length / 2, length / 2, 200) * np.exp(1j * rng.uniform(0, np.pi)), 0.5)


def drawn(z: np.ndarray[tuple[int], np.dtype[np.complex128]], width: float) -> Pixels:
    """Points of the complex plane as a picture of side 2 RADIUS + 1."""
    side = 2 * RADIUS + 1
    edges = np.arange(side + 1) - side / 2
    k, _, _ = np.histogram2d(z.imag, z.real, bins=(edges, edges))
    return gaussian_filter(k, width).astype(np.float32)


def disc(rng: np.random.Generator) -> Pixels:
    """A lens out of focus: a disc with a soft edge, or a bell, round or not."""
    y, x = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1].astype(np.float32)
    a, stretch = rng.uniform(0, np.pi), rng.uniform(0.6, 1.0) if rng.random() < 0.3 else 1.0
    u, v = x * np.cos(a) + y * np.sin(a), (y * np.cos(a) - x * np.sin(a)) / np.float32(stretch)
    r = np.hypot(u, v)
    if rng.random() < 0.5:
        return 1 / (1 + np.exp(3 * (r - np.float32(rng.uniform(1, 7)))))
    return np.exp(-np.square(r / np.float32(rng.uniform(0.5, 4))) / 2)


def centred(k: Pixels) -> Pixels:
    """Its centre of mass in the middle pixel, cut to the radius, sum 1."""
    y, x = np.indices(k.shape)
    cy, cx = (round(float((v * k).sum() / k.sum())) for v in (y, x))
    side = 2 * RADIUS + 1
    wide = np.pad(k, side)[cy + side - RADIUS :, cx + side - RADIUS :]
    out = wide[:side, :side].astype(np.float32)
    return out / out.sum()


RECIPE = Deblur()
