"""What happens to the surface of a photograph or of a film, drawn: scratches, hairs, dust, cracks, tears."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Pixels = NDArray[Any]  # float32 in 0..1
Kind = Callable[[ImageDraw.ImageDraw, int, int, np.random.Generator], None]

FINE = 2  # pixels of the drawing a pixel of the picture, for smooth edges
COVERED, CHANGED = 0.25, 0.05  # cover, and change of a colour, from which a pixel is damaged
UNSEEN = 0.015  # change under which it is as it was; between, nobody can tell


def damaged(picture: Pixels, rng: np.random.Generator, most: int = 3) -> tuple[Pixels, Pixels]:
    """The picture (H, W, 3) with up to `most` kinds of damage; (H, W, 2), 0 or 1: damaged, known whether."""
    h, w = picture.shape[:2]
    marks, vague = np.zeros((h, w), bool), np.zeros((h, w), bool)
    for _ in range(int(rng.integers(1, most + 1))):
        kind, weakest, worn, light = KINDS[int(rng.choice(len(KINDS), p=SHARES))]
        cover = drawn(kind, h, w, rng)
        if rng.random() < worn:
            cover = frayed(cover, rng) if rng.random() < 0.6 else cover * worn_through(h, w, rng)
        cover *= np.float32(rng.uniform(weakest, 1))
        after = picture + cover[..., None] * (tone(light, rng) - picture)
        change = np.abs(after - picture).max(2)
        seen = (cover > COVERED) & (change > CHANGED)
        marks |= seen
        vague |= (change > UNSEEN) & ~seen
        picture = after
    return picture, np.stack([marks, marks | ~vague], 2).astype(np.float32)


def tone(light: float, rng: np.random.Generator) -> Pixels:
    """The colour of what shows: bare paper, or dirt and shadow. light: how often the former."""
    value = rng.uniform(0.7, 1.0) if rng.random() < light else rng.uniform(0.0, 0.22)
    tint = rng.normal(0, 0.15 if rng.random() < 0.15 else 0.01, 3)
    return np.clip(value + tint, 0, 1).astype(np.float32)


def drawn(kind: Kind, h: int, w: int, rng: np.random.Generator) -> Pixels:
    """(H, W) in 0..1: how far each pixel is covered."""
    image = Image.new("L", (w * FINE, h * FINE))
    kind(ImageDraw.Draw(image), w * FINE, h * FINE, rng)
    return np.asarray(image.reduce(FINE), np.float32) / np.float32(255)


def noise(h: int, w: int, grain: float, rng: np.random.Generator) -> Pixels:
    """(H, W), spread 1, of grains so many pixels wide."""
    coarse = rng.standard_normal((int(h / grain) + 2, int(w / grain) + 2), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize((w, h), Image.Resampling.BICUBIC))


def worn_through(h: int, w: int, rng: np.random.Generator) -> Pixels:
    """(H, W) in 0..1 that breaks lines up."""
    here = rng.uniform(0.3, 1.0) + rng.uniform(0.6, 3.0) * noise(h, w, rng.uniform(1.5, 10), rng)
    return np.clip(here, 0, 1).astype(np.float32)


def frayed(cover: Pixels, rng: np.random.Generator) -> Pixels:
    """The same with edges that chance has gnawed at."""
    h, w = cover.shape
    image = Image.fromarray((cover * 255).astype(np.uint8))
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.7, 2.5))), np.float32) / 255
    edge = soft + rng.uniform(0.1, 0.4) * noise(h, w, rng.uniform(1, 4), rng)
    inside = np.clip((edge - rng.uniform(0.3, 0.6)) * rng.uniform(2, 8) + 0.5, 0, 1)
    return (inside * (soft > 0.02)).astype(np.float32)


def walk(
    draw: ImageDraw.ImageDraw,
    at: complex,
    turn: float,
    length: float,
    width: float,
    rng: np.random.Generator,
    *,
    bend: float = 0.0,
    curl: float = 0.0,
    ragged: float = 0.0,
) -> list[tuple[complex, float]]:
    """A line, and where it has been, in which direction.

    turn: its direction, in radians. bend: by how much it strays a step, curl: by how much it turns. ragged:
    the spread of its width, as a part of it.
    """
    step, been, share = max(4.0, 0.6 * width), [], 1.0
    for chance in rng.standard_normal((max(1, int(length / step)), 2)):
        turn += curl + bend * chance[0]
        to = at + step * complex(math.cos(turn), math.sin(turn))
        share += 0.5 * (1 - share) + ragged * chance[1]
        wide = max(1.0, width * share)
        draw.line((at.real, at.imag, to.real, to.imag), fill=255, width=round(wide))
        if wide > 3:
            r = wide / 2
            draw.ellipse((to.real - r, to.imag - r, to.real + r, to.imag + r), fill=255)
        at = to
        been.append((at, turn))
    return been


def somewhere(w: int, h: int, rng: np.random.Generator) -> complex:
    return complex(rng.uniform(0, w), rng.uniform(0, h))


def scratches(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Thin and nearly straight, short or right across; down the film, or anywhere; some side by side."""
    down, beside = rng.random() < 0.4, rng.random() < 0.25
    turn, width = rng.uniform(0, 2 * np.pi), rng.uniform(1, 2.5 if rng.random() < 0.6 else 7)
    for _ in range(int(rng.integers(1, 6))):
        if not beside:
            turn = rng.uniform(0, 2 * np.pi)
        if down:
            turn = np.pi / 2 + rng.normal(0, 0.02)
        across = rng.random() < (0.6 if down else 0.25)
        at = complex(rng.uniform(0, w), 0) if down and across else somewhere(w, h, rng)
        if across and not down:
            at -= max(w, h) * np.exp(1j * turn)
        length = 2 * max(w, h) if across else rng.uniform(10, 0.7 * max(w, h))
        walk(draw, at, turn, length, width, rng, bend=0.004 if down else rng.uniform(0, 0.06))


def hairs(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Fibres that lay on the glass: short, curled, of one width."""
    for _ in range(int(rng.integers(1, 5))):
        turn, curl = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.08)
        at, width = somewhere(w, h, rng), rng.uniform(1, 3.5)
        walk(draw, at, turn, rng.uniform(15, 120), width, rng, bend=rng.uniform(0.05, 0.3), curl=curl)


def dust(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Specks, few or many."""
    largest = rng.uniform(1.5, 8)
    for _ in range(int(rng.integers(2, 12) if rng.random() < 0.6 else rng.integers(12, 80))):
        z, r = somewhere(w, h, rng), rng.uniform(0.8, largest)
        flat = rng.uniform(0.4, 1)
        box = (z.real - r, z.imag - r * flat, z.real + r, z.imag + r * flat)
        if rng.random() < 0.6:
            draw.ellipse(box, fill=255)
        else:
            draw.polygon(ring(z, r, rng, corners=5), fill=255)


def cracks(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Broken emulsion: ragged lines that stray and branch."""
    width = rng.uniform(1.5, 9)
    for _ in range(int(rng.integers(1, 3))):
        crack(draw, somewhere(w, h, rng), rng.uniform(0, 2 * np.pi), 1.2 * max(w, h), width, rng, branches=2)


def crack(
    draw: ImageDraw.ImageDraw,
    at: complex,
    turn: float,
    longest: float,
    width: float,
    rng: np.random.Generator,
    branches: int,
) -> None:
    length = rng.uniform(0.2, 1) * longest
    been = walk(draw, at, turn, length, width, rng, bend=rng.uniform(0.1, 0.35), ragged=0.25)
    for _ in range(int(rng.integers(0, 4)) if branches else 0):
        place, along = been[int(rng.integers(len(been)))]
        away = along + rng.choice((-1, 1)) * rng.uniform(0.4, 1.6)
        crack(draw, place, away, 0.5 * length, max(1.0, 0.7 * width), rng, branches - 1)


def creases(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Folds: straight, right across, with frayed edges."""
    for _ in range(int(rng.integers(1, 3))):
        turn, width = rng.uniform(0, 2 * np.pi), rng.uniform(2, 12)
        at = somewhere(w, h, rng) - max(w, h) * np.exp(1j * turn)
        for _ in range(int(rng.integers(1, 4))):  # over itself: the edges fray
            walk(draw, at, turn, 2.5 * max(w, h), width, rng, bend=0.02, ragged=0.35)


def blotches(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """Emulsion that has come off, or something that was spilt."""
    for _ in range(int(rng.integers(1, 5))):
        r = rng.uniform(4, 40 if rng.random() < 0.4 else 16)
        draw.polygon(ring(somewhere(w, h, rng), r, rng), fill=255)


def ring(z: complex, r: float, rng: np.random.Generator, corners: int = 28) -> list[tuple[float, float]]:
    """A rounded, dented outline."""
    turns = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    dents = 0.4 * np.sin(2 * turns + rng.uniform(0, 6)) * rng.random() + rng.normal(0, 0.1, corners)
    away = r * np.clip(1 + dents, 0.3, None)
    return [(z.real + a * np.cos(t), z.imag + a * np.sin(t)) for a, t in zip(away, turns, strict=True)]


def tears(draw: ImageDraw.ImageDraw, w: int, h: int, rng: np.random.Generator) -> None:
    """A corner off, or an edge gnawed at."""
    n, side = 24, int(rng.integers(4))
    along = np.linspace(0, 1, n) * (w if side % 2 else h)
    deep = rng.uniform(4, 50)
    inward = deep + (rng.normal(0, deep / 5, n).cumsum() if rng.random() < 0.7 else rng.normal(0, 2, n))
    if rng.random() < 0.6:
        inward = inward + rng.uniform(0.5, 2) * (rng.uniform(20, 120) - along)
    inward = np.clip(inward, -2, 0.6 * min(w, h))
    edge = [(a, d) if side % 2 else (d, a) for a, d in zip(along, inward, strict=True)]
    edge += [(w, -2), (0, -2)] if side % 2 else [(-2, h), (-2, 0)]
    if side >= 2:
        edge = [(w - a, h - b) for a, b in edge]
    draw.polygon(edge, fill=255)


# each with its least cover where it covers most, how often it is worn, and how often it is light
KINDS: tuple[tuple[Kind, float, float, float], ...] = (
    (scratches, 0.3, 0.3, 0.65),
    (hairs, 0.5, 0.1, 0.5),
    (dust, 0.5, 0.1, 0.6),
    (cracks, 0.6, 0.4, 0.85),
    (creases, 0.6, 0.9, 0.85),
    (blotches, 0.5, 0.6, 0.65),
    (tears, 0.95, 0.1, 0.75),
)
SHARES = (0.27, 0.1, 0.2, 0.16, 0.12, 0.1, 0.05)
