"""A blur that is one for the whole picture: laid on, taken back, and whether what comes of that is right.

A picture is (C, H, W) or (H, W) in 0..1, a kernel (k, k), k odd, its middle the middle pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

GRAIN = 4e-3  # a picture's noise over its slopes, as Wiener has it
RIPPLES = 1.07  # more than that of a quotient are more harm than help
FADE = 16  # pixels of the border, where quotients always have ripples
STRIP = 2048  # rows
ROUND = 48  # pixels, at least, in which one border becomes the other


def blurred(x: Tensor, kernel: Tensor) -> Tensor:
    """(C, H, W) blurred by a kernel, mirrored at its border."""
    r = kernel.shape[0] // 2
    x = F.pad(x[None], (r, r, r, r), mode="reflect")[0]
    k = torch.fft.rfft2(at_corner(kernel, list(x.shape[1:])))
    y: Tensor = torch.fft.irfft2(torch.fft.rfft2(x) * k, s=x.shape[1:])
    return y[:, r:-r, r:-r]


def without(y: Tensor, kernel: Tensor) -> Tensor:
    """Wiener's quotient of a picture (C, H, W) and a kernel (k, k)."""
    size = [wide(n) for n in y.shape[1:]]
    k = torch.fft.rfft2(at_corner(kernel, size))
    below = k.abs().square() + GRAIN * sum(f.abs().square() for f in differences(size))
    x: Tensor = torch.fft.irfft2(k.conj() * torch.fft.rfft2(closed(y)) / below, s=size)
    return x[:, : y.shape[1], : y.shape[2]]


def in_strips(y: Tensor, kernel: Tensor) -> Tensor:
    """`without`, of a picture (C, H, W) of any size: some rows and one colour at a time."""
    strips = []
    for top in range(0, y.shape[1], STRIP):
        above = min(top, ROUND)
        rows = y[:, top - above : top + STRIP + ROUND]
        done = torch.cat([without(plane[None], kernel) for plane in rows])
        strips.append(done[:, above : above + STRIP])
    return torch.cat(strips, 1)


def closed(y: Tensor) -> Tensor:
    """(C, wide(H), wide(W)): in the border the lower edge becomes the upper, the right the left."""
    for axis in (1, 2):
        n = y.shape[axis]
        border = wide(n) - n
        take = torch.arange(border).clamp(max=n - 1)
        last, first = (y.index_select(axis, i) for i in (n - 1 - take, take.flip(0)))
        share = (torch.arange(border) + 0.5) / border
        y = torch.cat((y, torch.lerp(last, first, share.view(-1, 1) if axis == 1 else share)), axis)
    return y


def wide(n: int) -> int:
    """A side with its border, of a length that transforms are fast in."""
    return -(-(n + ROUND) // 16) * 16


def differences(size: list[int]) -> list[Tensor]:
    """The spectra of the slopes to the right and down, in a plane that closes on itself."""
    right, down = (torch.zeros(size) for _ in range(2))
    right[0, 0] = down[0, 0] = -1
    right[0, -1] = down[-1, 0] = 1
    return [torch.fft.rfft2(f) for f in (right, down)]


def at_corner(kernel: Tensor, size: list[int]) -> Tensor:
    """A kernel in a plane of this size, its middle at the origin."""
    n = kernel.shape[0]
    plane = torch.zeros(size)
    plane[:n, :n] = kernel
    return torch.roll(plane, (-(n // 2), -(n // 2)), (0, 1))


def ripples(light: Tensor, divided: Tensor) -> float:
    """In how many more places a quotient (H, W) has its slopes than the picture; at most 1 of a right kernel.

    A right kernel brings slopes together at edges, a wrong one spreads them in ripples: their L1 norm over
    their L2 norm falls or rises (Krishnan et al., CVPR 2011). Both as they are, and without the finest grain.
    """
    return max(spread(f(divided)) / max(spread(f(light)), 1e-6) for f in (torch.Tensor.clone, smoothed))


def spread(x: Tensor) -> float:
    """In how many places a picture (H, W) has slopes: their L1 norm over their L2 norm, borders left off."""
    m = min(FADE, min(x.shape) // 4)
    both = torch.stack(slopes(x))[:, m:-m, m:-m]
    return float(both.abs().mean() / both.square().mean().sqrt().clamp(min=1e-6))


def slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    """To the right and down; 0 at the last column and row."""
    right, down = x[:, 1:] - x[:, :-1], x[1:] - x[:-1]
    return F.pad(right, (0, 1)), F.pad(down, (0, 0, 0, 1))


def smoothed(x: Tensor) -> Tensor:
    """(H, W) by a Gaussian of one pixel."""
    t = torch.arange(7) - 3.0
    bell = (-t.square() / 2).exp()
    bell = bell / bell.sum()
    x = F.pad(x[None, None], (3, 3, 3, 3), mode="replicate")
    return F.conv2d(F.conv2d(x, bell.view(1, 1, 1, 7)), bell.view(1, 1, 7, 1))[0, 0]
