"""inpaint: RestoreUNet with the hole as a map, on strokes, scratches, letters, blobs and borders."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor, nn

from pixcli.train.loop import Batch
from pixcli.train.restore import Pixels, Restore

LETTERS = "ABCDEFGHIKLMNOPRSTUVWXYZabcdefghiklmnoprstuvwxyz0123456789"
HOLE = 6.0  # weight of the hole's pixels in the loss (Liu et al. 2018)


class Inpaint(Restore):
    name, task = "inpaint", "inpaint"
    arguments = {"maps": 1}  # noqa: RUF012
    title = "Holes, scratches, letters and strokes filled"
    patch = 128

    def degrade(self, clean: Pixels, rng: np.random.Generator) -> Pixels:
        """(H, W, 4): black in the hole; the hole as ones."""
        hole = holes(clean.shape[0], clean.shape[1], rng)[..., None]
        return np.concatenate([clean * (1 - hole), hole], axis=2)

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        hole = batch["low"][:, 3:]
        error = (net(batch["low"]) - batch["high"]).abs().mean(1, keepdim=True)
        return (error * hole).sum() / hole.sum().clamp(min=1) + (error * (1 - hole)).mean() / HOLE


def holes(h: int, w: int, rng: np.random.Generator) -> Pixels:
    """(H, W) of 0 and 1: some of each kind until 1 to 50 % are covered."""
    wanted = rng.uniform(0.01, 0.5) ** 1.3 * h * w
    image = Image.new("1", (w, h))
    draw = ImageDraw.Draw(image)
    kinds = [KINDS[i] for i in rng.permutation(len(KINDS))[: int(rng.integers(1, 3))]]
    for _ in range(200):
        kinds[int(rng.integers(len(kinds)))](draw, w, h, rng)
        if np.asarray(image).sum() >= wanted:
            break
    return np.asarray(image, dtype=np.float32)


def strokes(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """A brush led by a hand."""
    wide = int(rng.integers(2, 18))
    z, turn = complex(rng.uniform(0, w), rng.uniform(0, h)), rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(2, 9))):
        turn += rng.normal(0, 0.8)
        to = z + rng.uniform(5, 40) * np.exp(1j * turn)
        draw.line((z.real, z.imag, to.real, to.imag), fill=1, width=wide)
        draw.ellipse((to.real - wide / 2, to.imag - wide / 2, to.real + wide / 2, to.imag + wide / 2), fill=1)
        z = to


def scratches(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Long, thin, nearly straight; and dust beside."""
    turn = rng.uniform(0, 2 * np.pi)
    z = complex(rng.uniform(0, w), rng.uniform(0, h))
    for _ in range(int(rng.integers(3, 12))):
        turn += rng.normal(0, 0.15)
        to = z + rng.uniform(5, 25) * np.exp(1j * turn)
        draw.line((z.real, z.imag, to.real, to.imag), fill=1, width=int(rng.integers(1, 4)))
        z = to
    for _ in range(int(rng.integers(0, 6))):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.5, 2.5)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=1)


def letters(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator, fill: int = 1) -> None:
    """A line of writing."""
    text = "".join(rng.choice(list(LETTERS), int(rng.integers(4, 14))))
    place = (rng.uniform(-10, w * 0.7), rng.uniform(-5, h))
    draw.text(
        place, text, fill=fill, font_size=int(rng.integers(9, 30)), stroke_width=int(rng.integers(0, 2))
    )


def blobs(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """A rounded, dented patch."""
    x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(4, 26)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    away = r * (1 + 0.35 * np.sin(2 * turns + rng.uniform(0, 6)) * rng.random() + rng.normal(0, 0.08, 24))
    draw.polygon([(x + a * np.cos(t), y + a * np.sin(t)) for a, t in zip(away, turns, strict=True)], fill=1)


def border(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """A torn edge or corner."""
    side, deep = int(rng.integers(4)), rng.uniform(3, 24)
    n = 12
    along = np.linspace(0, 1, n) * (w if side % 2 else h)
    inward = np.abs(deep + rng.normal(0, deep / 4, n).cumsum() / 3)
    edge = [(a, d) if side % 2 else (d, a) for a, d in zip(along, inward, strict=True)]
    edge += [(w, 0), (0, 0)] if side % 2 else [(0, h), (0, 0)]
    if side >= 2:
        edge = [(w - a, h - b) for a, b in edge]
    draw.polygon(edge, fill=1)


KINDS = (strokes, scratches, letters, blobs, border)
RECIPE = Inpaint()
