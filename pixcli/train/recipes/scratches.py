"""inpaint --mask auto: DamageUNet on photographs of all ages with damage drawn over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import ImageDraw
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.train.age import age, grey_of
from pixcli.train.damage import Kind, damaged, drawn, somewhere, walk
from pixcli.train.loop import Batch
from pixcli.train.recipes.inpaint import letters
from pixcli.train.restore import Pixels, Restore, jpeg, to_tensor

LEVELS = np.linspace(0.05, 0.95, 19)  # of probability, to choose from
CAREFUL = 0.5  # a wrong pixel counts twice a missed one (F of 0.5)


class Scratches(Restore):
    name, task, network = "scratches", "inpaint", "damage-unet"
    arguments: dict[str, Any] = {}  # noqa: RUF012
    title = "Finds scratches, dust, cracks and tears, for --mask auto"
    patch = 128

    def pair(self, clean: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        """The photograph; and (H, W, 2): damaged, and known whether. One in four is whole."""
        photo = clean if rng.random() < 0.65 else with_things(clean, rng)
        toned = rng.random() < 0.65
        photo = older(photo, rng) if toned else faded(photo, rng)
        if rng.random() < 0.08:
            photo = margin(photo, rng)
        if rng.random() < 0.75:
            photo, marks = damaged(photo, rng)
        else:
            marks = np.broadcast_to(np.array([0, 1], np.float32), (*clean.shape[:2], 2))
        if toned and rng.random() < 0.5:
            photo = sepia(photo, rng)
        return scanned(photo, rng), marks

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """BCE, and dice over the whole batch."""
        logits = net.logits(batch["low"])  # type: ignore[operator]
        marks, known = batch["high"].split(1, 1)
        p = logits.sigmoid() * known
        bce = F.binary_cross_entropy_with_logits(logits, marks, known)
        return bce + 1 - (2 * (p * marks).sum() + 1) / (p.sum() + marks.sum() + 1)

    def validate(self, net: nn.Module) -> dict[str, float]:
        """Shares: of the found, what is damaged; of the damaged, what is found; found in whole pictures."""
        best, right, found, there = self.counts(net)
        return {
            "precision": float(right[best] / max(found[best], 1)),
            "recall": float(right[best] / max(there, 1)),
            "false_alarms": self.false_alarms(net, LEVELS[best]),
        }

    def calibrate(self, net: nn.Module) -> dict[str, float]:
        return {"threshold": float(LEVELS[self.counts(net)[0]].round(2))}

    def counts(self, net: nn.Module) -> tuple[int, Pixels, Pixels, float]:
        """The number of the best of LEVELS; at each the pixels rightly found, and found; those damaged.

        Of pictures held back.
        """
        right, found, there = np.zeros(len(LEVELS)), np.zeros(len(LEVELS)), 0.0
        for photo, marks in self.held_pairs(self.pair):
            p = chance(net, photo)
            known = marks[..., 1] > 0
            wrong = (marks[..., 0] > 0)[known]
            hit = p[known][:, None] >= LEVELS
            right, found, there = right + hit[wrong].sum(0), found + hit.sum(0), there + wrong.sum()
        b = CAREFUL**2
        score = (1 + b) * right / np.maximum(found + b * there, 1)
        return int(score.argmax()), right, found, there

    def false_alarms(self, net: nn.Module, level: float) -> float:
        """The share of pixels that is found in pictures as they are."""
        found = [
            (chance(net, photo) >= level).mean()
            for photo, _ in self.held_pairs(lambda clean, rng: (clean, clean))
        ]
        return float(np.mean(found))

    def held_pairs(self, pair: Any) -> Any:
        rng = np.random.default_rng(0)
        for store in self.held:
            for i in range(min(len(store), 8)):
                side = min(*store[i].shape[:2], self.held_side) // 8 * 8
                y, x = ((v - side) // 2 for v in store[i].shape[:2])
                yield pair(store[i][y : y + side, x : x + side].astype(np.float32) / 255, rng)


@torch.inference_mode()
def chance(net: nn.Module, photo: Pixels) -> Pixels:
    """(H, W, 3) → (H, W)."""
    device = next(net.parameters()).device
    answer: Pixels = net(to_tensor(photo[None]).to(device)).float().cpu()[0, 0].numpy()
    return answer


def older(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """Black and white, and of any age."""
    return age(grey_of(eight(photo), rng), rng)[..., None].repeat(3, 2)


def faded(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """A colour print or film: half of them paler, with a cast and grain."""
    if rng.random() < 0.5:
        return photo
    black, white = rng.uniform(0, 0.2, 3), rng.uniform(0.75, 1.0, 3)
    photo = black + (white - black) * photo
    if rng.random() < 0.6:
        photo = photo + rng.normal(0, rng.uniform(0.005, 0.05), photo.shape)
    return np.clip(photo, 0, 1).astype(np.float32)


def sepia(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """Black and white become two colours, and all between with them."""
    dark = np.float32(rng.uniform(0, (0.2, 0.12, 0.08)))
    light = np.float32(rng.uniform((0.85, 0.75, 0.5), 1))
    return dark + (light - dark) * photo


def scanned(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """Through a lens and into a file, by 8 bits."""
    if rng.random() < 0.4:
        sigma = rng.uniform(0.3, 0.9)
        photo = gaussian_filter(photo, (sigma, sigma, 0))
    if rng.random() < 0.3:
        photo = photo + rng.normal(0, rng.uniform(0.003, 0.03), photo.shape)
    pixels = eight(photo)
    if rng.random() < 0.5:
        pixels = jpeg(pixels, int(rng.integers(45, 97)), halved=rng.random() < 0.5)
    return pixels.astype(np.float32) / np.float32(255)


def eight(photo: Pixels) -> Any:
    return (photo * 255).round().clip(0, 255).astype(np.uint8)


def margin(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """A straight, plain border, as prints have: it is no damage."""
    photo = photo.copy()
    light = rng.uniform(0.8, 1) if rng.random() < 0.7 else rng.uniform(0, 0.15)
    wide = int(rng.integers(2, 24))
    for side in rng.permutation(4)[: int(rng.integers(1, 4))]:
        np.rot90(photo, side)[:wide] = light
    return photo


def with_things(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """Things that look like damage and belong to the picture: drawn before it grows old."""
    thing = THINGS[int(rng.integers(len(THINGS)))]
    cover = drawn(thing, photo.shape[0], photo.shape[1], rng)[..., None] * np.float32(rng.uniform(0.6, 1))
    if rng.random() < 0.5:
        sigma = rng.uniform(0.4, 1.5)
        cover = gaussian_filter(cover, (sigma, sigma, 0))
    colour = np.float32(rng.uniform(0, 1) + rng.normal(0, 0.1, 3)).clip(0, 1)
    return photo + cover * (colour - photo)


def wires(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Taut or sagging, right across, mostly several."""
    turn, sag, width = rng.normal(0, 0.5), rng.uniform(0, 0.01), rng.uniform(1, 5)
    at = somewhere(w, h, rng) - max(w, h) * np.exp(1j * turn)
    for _ in range(int(rng.integers(1, 6))):
        at += 1j * rng.uniform(6, 40)
        walk(draw, at, turn - 0.3 * bool(sag), 3 * max(w, h), width, rng, curl=sag * width / 4)


def bars(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Windows, fences, blinds: straight, one as far from the next as the others."""
    apart, width = rng.uniform(12, 70), rng.uniform(2, 10)
    for sideways in (False, True) if rng.random() < 0.5 else (bool(rng.random() < 0.5),):
        length, across = (w, h) if sideways else (h, w)
        slant = rng.normal(0, 0.05) * length
        for a in np.arange(rng.uniform(0, apart), across, apart):
            line = (0, a, length, a + slant) if sideways else (a, 0, a + slant, length)
            draw.line(line, fill=255, width=round(width))


def strands(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Hair, grass, twigs: many that go one way."""
    turn, curl, width = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.03), rng.uniform(1, 4)
    root, spread = somewhere(w, h, rng), rng.uniform(5, 40)
    for _ in range(int(rng.integers(8, 40))):
        at = root + complex(*rng.normal(0, spread, 2))
        away = turn + rng.normal(0, 0.25)
        walk(draw, at, away, rng.uniform(20, 150), width, rng, bend=0.06, curl=curl)


def writing(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 5))):
        letters(draw, w, h, rng, fill=255)


def buttons(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Round and all of one size: buttons, pearls, lamps, flowers on a dress."""
    r, z, step = rng.uniform(2, 10), somewhere(w, h, rng), complex(*rng.normal(0, 25, 2))
    for n in range(int(rng.integers(2, 12))):
        at = z + n * step if rng.random() < 0.8 else somewhere(w, h, rng)
        draw.ellipse((at.real - r, at.imag - r, at.real + r, at.imag + r), fill=255)


THINGS: tuple[Kind, ...] = (wires, bars, strands, writing, buttons)
RECIPE = Scratches()
