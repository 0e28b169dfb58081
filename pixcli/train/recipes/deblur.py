"""deblur: RestoreUNet on shaken, moved and defocused pictures with noise and JPEG, and their quotients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, rotate
from torch import Tensor, nn

from pixcli.infer.blur import RIPPLES, blurred, ripples, without
from pixcli.infer.shake import SIDE, kernel_of
from pixcli.train.loop import Batch
from pixcli.train.restore import LUMA, Pixels, Restore, by_wrong, jpeg

KERNELS = "data/blur/kernels.npz"
MEASURED = ("kair12_11", "kair12_12")  # strokes; Levin's and the estimated ones are kept for measuring
RADIUS = SIDE // 2
SHARP_ONES = 0.12  # share of pictures that are not blurred
NONE = np.zeros((SIDE, SIDE), np.float32)
NONE[RADIUS, RADIUS] = 1
PAIRS = 128  # blurs with what is found of them in a picture
VIEW = 400  # pixels of those pictures


class Deblur(Restore):
    """The network sees the picture and its quotient by a blur that was found in it, rightly or not."""

    name, task = "deblur", "deblur"
    title = "Shake, motion and defocus taken back"
    arguments = {"maps": 3, "channels": [48, 96, 160], "blocks": [2, 3, 4]}  # noqa: RUF012  blur is wide
    patch, margin = 128, 2 * RADIUS + 4

    def open(self, data: Path, cache: Path) -> None:
        super().open(data, cache)
        kernels = np.load(data / KERNELS)
        self.kernels = [kernels[name].astype(np.float32) for name in MEASURED]
        file = cache / f"blurs-{PAIRS}.npy"
        if not file.exists():
            np.save(file, np.stack([self.found(np.random.default_rng((9, n))) for n in range(PAIRS)]))
        self.pairs = np.load(file)

    def found(self, rng: np.random.Generator) -> Pixels:
        """(2, k, k): a blur, and what is found of it in a photograph; NONE where that has left ripples."""
        kernel = NONE if rng.random() < SHARP_ONES else self.kernel(rng)
        light = torch.from_numpy(self.blur(self.crop(VIEW, rng), kernel, rng) @ LUMA)
        known = kernel_of(light)
        fits = ripples(light, without(light[None], known)[0].clamp(0, 1)) <= RIPPLES
        return np.stack((kernel, known.numpy() if fits else NONE))

    def degrade(self, clean: Pixels, rng: np.random.Generator) -> Pixels:
        """(H, W, 6): blurred, then noisy, rounded and often coded as JPEG; and its quotient."""
        kernel, known = self.both(rng)
        seen = self.blur(clean, kernel, rng)
        quotient = seen.copy()
        if known is not None:
            # sometimes the picture ends here, and nobody knows what was beyond
            top, left = (self.margin if rng.random() < 0.15 else 0 for _ in range(2))
            part = torch.from_numpy(np.ascontiguousarray(seen[top:, left:].transpose(2, 0, 1)))
            divided = without(part, torch.from_numpy(known)).clamp(0, 1)
            quotient[top:, left:] = (divided * 255).round().numpy().transpose(1, 2, 0) / 255
        return np.concatenate([seen, quotient], axis=2)

    def both(self, rng: np.random.Generator) -> tuple[Pixels, Pixels | None]:
        """A blur, and what is known of it: found as above, nearly right, nothing, or something else."""
        kind = rng.random()
        if kind < 0.65:
            pair = self.pairs[int(rng.integers(len(self.pairs)))]
            pair = np.rot90(pair, int(rng.integers(4)), (1, 2))
            pair = pair[..., ::-1] if rng.random() < 0.5 else pair
            return pair[0].copy(), None if pair[1, RADIUS, RADIUS] == 1 else pair[1].copy()
        kernel = NONE if rng.random() < SHARP_ONES else self.kernel(rng)
        if kind < 0.85:
            return kernel, mistaken(kernel, rng)
        return kernel, None if kind < 0.95 else self.kernel(rng)

    def blur(self, clean: Pixels, kernel: Pixels, rng: np.random.Generator) -> Pixels:
        picture = torch.from_numpy(np.ascontiguousarray(clean.transpose(2, 0, 1)))
        soft = blurred(picture, torch.from_numpy(kernel)).numpy().transpose(1, 2, 0)
        if rng.random() < 0.5:
            sigma = np.float32(rng.uniform(0, 4) / 255)
            soft = soft + rng.standard_normal(soft.shape, dtype=np.float32) * sigma
        eight = (soft * 255).round().clip(0, 255).astype(np.uint8)
        if rng.random() < 0.3:
            eight = jpeg(eight, int(rng.integers(70, 98)), halved=rng.random() < 0.5)
        return eight.astype(np.float32) / 255

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """L1 of pixels and of the spectrum, where what blur takes away shows more (Cho et al., ICCV 2021).

        By how much is wrong in the picture: what is nearly sharp must not be harmed.
        """
        answer, clean = net(batch["low"]), batch["high"]
        spectrum = torch.view_as_real(torch.fft.rfft2(answer - clean, norm="ortho"))
        off = (answer - clean).abs().mean((1, 2, 3)) + spectrum.abs().mean((1, 2, 3, 4))
        return by_wrong(off, batch)

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


def mistaken(kernel: Pixels, rng: np.random.Generator) -> Pixels:
    """Nearly this blur: a little wider, without its faint parts, or some of them weaker."""
    k = gaussian_filter(kernel, rng.uniform(0, 0.9))
    k = np.where(k < rng.uniform(0, 0.25) * k.max(), 0, k)
    weaker = gaussian_filter(rng.standard_normal(k.shape), 4)
    k = k * np.exp(rng.uniform(0, 1) * weaker / weaker.std()).astype(np.float32)
    return centred(k.astype(np.float32))


def path(rng: np.random.Generator) -> Pixels:
    """The path of a shaken camera: a speed that drifts, swings back and now and then jumps."""
    steps, size = 200, rng.triangular(0.8, 2.0, 10.5)  # size: standard deviation of the path, in pixels
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
