"""Pairs of pictures with known motion: photographs cut to irregular pieces that slide over one another.

The first picture is looked up through its own motion: P1(x) = T(x + f(x)) and P2(y) = T(y), so that what P1
shows at x stands in P2 at x + f(x), whatever f is, and nothing has to be inverted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor
from torch.nn import functional as F

from pixcli.nets.matching import grid

Pixels = NDArray[Any]
Texture = Callable[[int, int, np.random.Generator], Pixels]  # height, width → (H, W, 3) uint8

OBJECTS = 6  # at most
ROUND = 32  # pixels that the background has round the picture, on each side; beyond it is mirrored
TAPS = (-0.5, -0.25, 0.0, 0.25, 0.5)  # of an exposure
COARSE = 8  # pixels: how exactly it is found where a piece is seen


def pair(
    texture: Texture, size: tuple[int, int], largest: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Both pictures, (6, H, W) in 0..1, and the flow (2, H, W) in pixels, known everywhere.

    largest: about as many pixels does the fastest move; most are much slower.
    """
    h, w = size
    speed = log_uniform(0.3, largest, rng) if rng.random() < 0.9 else 0.0
    middle = np.array((w / 2, h / 2))
    ground = motion(middle, speed, max(h, w) / 2, size, rng)
    behind = as_tensor(texture(h + 2 * ROUND, w + 2 * ROUND, rng))
    places, still = placing(middle, behind, rng), grid(h, w)[0]
    # what is seen in the first picture, in the second, and how each moves
    pictures = [look_up(behind, places, still + t * ground, "reflection") for t in (1.0, 0.0)]
    flows = [ground, ground.clone()]
    for _ in range(int(rng.integers(1, OBJECTS + 1))):
        mask = piece(rng)
        shown = as_tensor(np.dstack((texture(len(mask), len(mask), rng), mask)))
        centre = rng.uniform(0, 1, 2) * (w, h)
        places = placing(centre, shown, rng)
        faster = log_uniform(0.3, largest, rng) if rng.random() < 0.9 else 0.0
        own = motion(centre, faster, 60.0, size, rng)
        if rng.random() < 0.7:
            own = own + ground
        for picture, flow, t in zip(pictures, flows, (1.0, 0.0), strict=True):
            at = still + t * own
            box = where(at, places, mask.shape)
            if box is None:
                continue
            cut = look_up(shown, places, at[box], "zeros")
            picture[box] = torch.lerp(picture[box], cut[:3], cut[3:])
            flow[box] = torch.where(cut[3:] > 0.5, own[box], flow[box])
    if rng.random() < 0.15:
        opened = rng.uniform(0.2, 0.8)
        pictures = [blurred(p, opened * f) for p, f in zip(pictures, flows, strict=True)]
    return photographed(torch.stack(pictures), rng), flows[0]


def log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def as_tensor(pixels: Pixels) -> Tensor:
    """(H, W, C) uint8 → (C, H, W) in 0..1."""
    return torch.tensor(pixels).permute(2, 0, 1).float().div_(255)


def motion(
    centre: Pixels, speed: float, radius: float, size: tuple[int, int], rng: np.random.Generator
) -> Tensor:
    """(2, H, W): a shift of about speed, turning, growing, shearing, tilting and bending no faster.

    centre: x and y of what is moved. radius: pixels from there to its edge.
    """
    h, w = size
    if speed == 0:
        return torch.zeros(2, h, w)
    turn = rng.uniform(0, 2 * np.pi)
    shift = speed * rng.uniform(0.3, 1.0) * np.array((np.cos(turn), np.sin(turn)))
    about = min(speed / radius, 0.35) * rng.choice((0.0, 0.3, 0.7))
    grow, spin, a, b = rng.normal(0, about, 4) * (1, 1, 0.4, 0.4)
    matrix = np.array(((grow + a, b - spin), (b + spin, grow - a)))
    flow = affine(matrix, shift - matrix @ centre, size)
    if rng.random() < 0.4:  # nearer on one side, as a plane that is seen aslant
        tilt = rng.normal(0, 0.3 * about / radius, 2)
        away = affine(tilt[None], 1 - tilt[None] @ centre, size).clamp(min=0.5)
        flow = (flow + grid(h, w)[0]) / away - grid(h, w)[0] + (1 - 1 / away) * as_column(centre)
    if rng.random() < 0.4:
        cells = int(rng.integers(3, 7))
        # no steeper than a third, or it would fold
        amount = min(speed * rng.uniform(0.1, 0.4), 0.1 * min(h, w) / cells)
        knots = torch.from_numpy(rng.normal(0, amount, (1, 2, cells, cells)).astype(np.float32))
        flow = flow + F.interpolate(knots, size=size, mode="bicubic", align_corners=True)[0]
    return flow


def affine(matrix: Pixels, shift: Pixels, size: tuple[int, int]) -> Tensor:
    """(k, H, W): matrix (k, 2) times x and y of each pixel, and shift (k)."""
    x, y = (torch.arange(n, dtype=torch.float32) for n in size[::-1])
    a, b = (torch.tensor(column, dtype=torch.float32)[:, None] for column in matrix.T)
    return (b * y + torch.tensor(shift, dtype=torch.float32)[:, None])[:, :, None] + (a * x)[:, None, :]


def as_column(x: Pixels) -> Tensor:
    return torch.tensor(x, dtype=torch.float32).view(2, 1, 1)


def placing(centre: Pixels, texture: Tensor, rng: np.random.Generator) -> Pixels:
    """(2, 3): from places in the second picture to places in a texture, whose middle is at centre."""
    zoom, turn = 1 / log_uniform(0.8, 1.4, rng), rng.uniform(-0.6, 0.6)
    flip = rng.choice((-1.0, 1.0))
    matrix = zoom * np.array(((flip * np.cos(turn), -np.sin(turn)), (flip * np.sin(turn), np.cos(turn))))
    height, width = texture.shape[1:]
    return np.column_stack((matrix, np.array((width / 2, height / 2)) - matrix @ centre))


def placed(places: Pixels, at: Tensor) -> tuple[Tensor, Tensor]:
    (a, b, c), (d, e, f) = places.tolist()
    return a * at[0] + b * at[1] + c, d * at[0] + e * at[1] + f


def look_up(texture: Tensor, places: Pixels, at: Tensor, padding: str) -> Tensor:
    """A texture (C, H', W') seen at `at` (2, h, w), places in the second picture."""
    height, width = texture.shape[1:]
    x, y = placed(places, at)
    u = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), -1)
    return F.grid_sample(texture[None], u[None], padding_mode=padding, align_corners=False)[0]


def where(at: Tensor, places: Pixels, shape: tuple[int, ...]) -> tuple[slice, slice, slice] | None:
    """The part of a picture in which a texture of this height and width is seen; None where it is not."""
    x, y = placed(places, at[:, ::COARSE, ::COARSE])
    near = 2 * COARSE
    seen = (x > -near) & (x < shape[1] + near) & (y > -near) & (y < shape[0] + near)
    rows, columns = (seen.any(d).nonzero()[:, 0] for d in (1, 0))
    if not len(rows):
        return None
    return (
        slice(None),
        slice(int(rows[0]) * COARSE, (int(rows[-1]) + 1) * COARSE),
        slice(int(columns[0]) * COARSE, (int(columns[-1]) + 1) * COARSE),
    )


def piece(rng: np.random.Generator) -> Pixels:
    """A mask (S, S) of 0..255: one irregular solid, with a hole or not, or a bundle of twigs."""
    radius, kind = log_uniform(14, 90, rng), rng.random()
    middle = 1.5 * radius + 8
    image = Image.new("L", (int(2 * middle), int(2 * middle)))
    draw = ImageDraw.Draw(image)
    if kind < 0.15:
        for _ in range(int(rng.integers(1, 6))):
            ends = middle + rng.normal(0, 0.7 * radius, (3, 2)).clip(-1.4 * radius, 1.4 * radius)
            draw.line([tuple(p) for p in ends], fill=255, width=int(rng.integers(2, 9)), joint="curve")
    else:
        if kind < 0.5:
            turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
            away = rng.uniform(0.5, 1.3, len(turns))
        else:
            turns = np.linspace(0, 2 * np.pi, 48)
            waves = (
                rng.normal(0, 0.25 / k) * np.sin(k * turns + rng.uniform(0, 2 * np.pi)) for k in range(1, 7)
            )
            away = np.clip(1 + sum(waves), 0.25, 1.45)
        squash, lean = rng.uniform(0.35, 1.0), rng.uniform(0, np.pi)
        around = radius * away[:, None] * np.column_stack((np.cos(turns), squash * np.sin(turns)))
        around = around @ np.array(((np.cos(lean), np.sin(lean)), (-np.sin(lean), np.cos(lean))))
        draw.polygon([tuple(p) for p in middle + around], fill=255)
        if rng.random() < 0.15:
            r = radius * rng.uniform(0.15, 0.4)
            draw.ellipse((middle - r, middle - r, middle + r, middle + r), fill=0)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(rng.choice((0.5, 1.0, 2.5))))))


def blurred(picture: Tensor, path: Tensor) -> Tensor:
    """A picture (3, H, W) each of whose pixels moves along a path (2, H, W) while the shutter is open."""
    unmoved = np.eye(2, 3)
    still = grid(*picture.shape[1:])[0]
    return sum((look_up(picture, unmoved, still + t * path, "border") for t in TAPS), torch.zeros(())) / len(
        TAPS
    )


def photographed(both: Tensor, rng: np.random.Generator) -> Tensor:
    """(2, 3, H, W) → (6, H, W): both in one taste, in slightly different light, and with noise."""
    size = both.shape[2:]
    if rng.random() < 0.2:
        x = torch.arange(-4, 5, dtype=torch.float32) / rng.uniform(0.4, 1.5)
        k = torch.exp(-(x**2) / 2)
        k = (k / k.sum()).expand(3, 1, 1, -1)
        both = F.conv2d(F.pad(both, (4, 4, 4, 4), mode="reflect"), k, groups=3)
        both = F.conv2d(both, k.transpose(2, 3), groups=3)
    light = np.tile(rng.uniform(0.6, 1.4) * rng.uniform(0.85, 1.15, 3), (2, 1))
    if rng.random() < 0.6:
        light[1] *= rng.normal(1, 0.06) * rng.normal(1, 0.02, 3)
    if rng.random() < 0.5:
        both = both.clamp(min=1e-4) ** float(np.exp(rng.normal(0, 0.25)))
    both = both * torch.tensor(light, dtype=torch.float32).view(2, 3, 1, 1) + float(rng.normal(0, 0.06))
    if rng.random() < 0.15:  # a shadow or a lamp that does not go with the things
        knots = torch.from_numpy(rng.normal(1, 0.12, (2, 1, 4, 4)).astype(np.float32))
        both = both * F.interpolate(knots, size=size, mode="bicubic", align_corners=True)
    if rng.random() < 0.1:
        both = both.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    if rng.random() < 0.6:
        noise = rng.standard_normal(both.shape, dtype=np.float32)
        both = both + torch.from_numpy(noise) * log_uniform(0.002, 0.05, rng)
    return both.clamp(0, 1).flatten(0, 1)
