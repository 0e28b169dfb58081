"""How --mask auto is measured: what it finds of scratches, dust and cracks, and what of whole pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from pixcli.evaluate import measures
from pixcli.evaluate.datasets import read
from pixcli.evaluate.protocols import Files, Row
from pixcli.evaluate.restoration import noise_of

FINE = 3  # pixels of the drawing a pixel of the picture
CHANGED = 12  # 8-bit steps of a colour from which a pixel is damaged
NEAR = 3  # pixels from damage within which what is found counts as right: masks are wider than scratches


def spoilt(truth: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """The number-th picture of a set, (H, W, 3), with three layers of damage: light, dark, light."""
    chance = noise_of(number)
    picture = truth.astype(np.float32)
    for light in (True, False, True):
        value = chance.uniform(190, 255) if light else chance.uniform(0, 50)
        cover = layer(truth.shape[0], truth.shape[1], chance) * np.float32(chance.uniform(0.6, 1))
        picture += cover[..., None] * (np.float32(value) - picture)
    return np.asarray(picture.round(), np.uint8)


def layer(height: int, width: int, chance: np.random.Generator) -> NDArray[np.float32]:
    """(H, W) in 0..1: scratches, specks, or cracks that zigzag, by chance."""
    image = Image.new("L", (width * FINE, height * FINE))
    draw = ImageDraw.Draw(image)
    size = np.array([width, height]) * FINE
    kind = int(chance.integers(3))
    if kind == 0:
        for _ in range(int(chance.integers(2, 7))):
            a, turn = chance.uniform(0, size), chance.uniform(0, 2 * np.pi)
            b = a + chance.uniform(0.1, 1) * size.max() * np.array([np.cos(turn), np.sin(turn)])
            draw.line((*a, *b), fill=255, width=int(chance.integers(2, 9)))
    elif kind == 1:
        for _ in range(int(chance.integers(20, 120))):
            (x, y), r = chance.uniform(0, size), chance.uniform(1.5, 10)
            draw.ellipse((x - r, y - chance.uniform(0.5, 1) * r, x + r, y + r), fill=255)
    else:
        for _ in range(int(chance.integers(1, 4))):
            at, turn, wide = chance.uniform(0, size), chance.uniform(0, 2 * np.pi), chance.uniform(4, 16)
            for _ in range(int(chance.integers(10, 60))):
                way = turn + chance.normal(0, 0.7)
                to = at + chance.uniform(6, 30) * np.array([np.cos(way), np.sin(way)])
                draw.line((*at, *to), fill=255, width=max(2, round(chance.normal(wide, wide / 3))))
                at = to
    return np.asarray(image.reduce(FINE), np.float32) / np.float32(255)


def judged(files: Sequence[Files], *, clean: bool) -> list[Row]:
    """recall: of the damaged pixels, those found; precision: of those found, the ones NEAR damage.

    found: their share in the picture; psnr: of what was made of it, beside input_psnr.
    """
    rows: list[Row] = []
    for f in files:
        truth, given, out = (read(p).astype(np.float64) for p in (f.truth, f.given, f.out))
        with Image.open(f.out.with_name(f"{f.out.stem}.mask.png")) as image:
            found = np.asarray(image) > 127
        row: Row = {"picture": f.truth.stem}
        if not clean:
            damage = np.abs(given - truth).max(2) >= CHANGED
            wider = Image.fromarray(damage).convert("L").filter(ImageFilter.MaxFilter(2 * NEAR + 1))
            row |= {
                "recall": share(found, damage),
                "precision": share(np.asarray(wider) > 0, found),
                "input_psnr": measures.psnr(given, truth),
            }
        row |= {"found": float(found.mean()), "psnr": measures.psnr(out, truth)}
        rows.append(row)
    return rows


def share(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Of b, what is in a; 1 of nothing."""
    return float(a[b].mean()) if b.any() else 1.0
