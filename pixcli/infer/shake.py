"""A picture blurred all over by one movement, or by a lens: which blur it was, and the picture without it.

`kernel_of` goes from coarse to fine (Cho & Lee, SIGGRAPH Asia 2009; Xu & Jia, ECCV 2010): edges are made hard
by a shock filter, the strongest are kept, the kernel that blurs them into the picture is found by least
squares, and the picture is divided by it, which gives the edges of the next turn. `without` is Wiener's
quotient. `believable` tells a wrong kernel by the ripples that it leaves, not always: what follows has to see
both pictures.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pixcli.infer.resize import resize

SIDE = 41  # pixels of the largest kernel that is looked for
LOOK = 768  # of the picture's middle that is looked at
TURNS = 5  # at each scale
EDGES = 2.0  # how many pixels of edges are kept at first, in sides of the kernel times that of the picture
RIDGE, SMOOTH = 0.05, 5e-3  # of the least squares for the kernel; of the picture beside the kept edges
LEAST = 0.05  # of a kernel's largest value: what is less is noise
GRAIN = 4e-3  # a picture's noise over its slopes, as Wiener has it
RIPPLES = 1.04  # times as many slopes beside its edges a quotient may have
FADE = 16  # pixels of the border, where quotients always have ripples
STRIP = 2048  # rows
ROUND = 48  # pixels, at least, in which one border becomes the other


def kernel_of(light: Tensor) -> Tensor:
    """(SIDE, SIDE), sums to 1, centred: the blur of a picture (H, W) in 0..1; a picture is its `blurred`."""
    height, width = (min(n, LOOK) for n in light.shape)
    top, left = ((n - m) // 2 for n, m in zip(light.shape, (height, width), strict=True))
    y = light[top : top + height, left : left + width].float()
    kernel, x = torch.ones(1, 1), y
    for side in sides():
        size = [n if side == SIDE else max(side + 8, round(n * side / SIDE)) for n in (height, width)]
        blurred = resize(y[None], *size)[0]
        x = resize(x[None], *size)[0] if side > sides()[0] else blurred
        kernel, x = _at_scale(x, blurred, side)
    return kernel


def believable(light: Tensor, divided: Tensor) -> bool:
    """Whether a quotient (H, W) has its slopes in no more places than the picture.

    A right kernel brings slopes together at edges, a wrong one spreads them in ripples: their L1 norm over
    their L2 norm falls or rises (Krishnan et al., CVPR 2011). Both as they are, and without the finest grain.
    """

    def spread(x: Tensor) -> float:
        both = torch.stack(slopes(x))[:, FADE:-FADE, FADE:-FADE]
        return float(both.abs().mean() / both.square().mean().sqrt().clamp(min=1e-6))

    return all(spread(f(divided)) <= RIPPLES * spread(f(light)) for f in (torch.Tensor.clone, smoothed))


def sides() -> list[int]:
    """Of the kernel from the coarsest scale on, odd, each about √2 times the last."""
    found = [SIDE]
    while found[0] > 3:
        found.insert(0, max(3, int(found[0] / math.sqrt(2)) // 2 * 2 - 1))
    return found


def _at_scale(x: Tensor, y: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The kernel (side, side) and the picture without it. x: what it may be like; y: it, blurred."""
    inner = torch.zeros_like(y)
    border = max(2, side // 2)
    inner[border:-border, border:-border] = 1
    seen = [torch.fft.rfft2(g * inner) for g in slopes(y)]
    useful, kernel = usefulness(y, side), torch.ones(1, 1)
    strong = wide = torch.zeros(())
    for turn in range(TURNS):
        gx, gy = slopes(shocked(x))
        size = (gx.square() + gy.square()).sqrt()
        if turn == 0:
            strong, wide = thresholds(gx, gy, size, useful, EDGES * side * math.sqrt(y.numel()))
        keep = (size > strong) & (useful > wide)
        gx, gy = gx * keep, gy * keep
        edges = [torch.fft.rfft2(g * inner) for g in (gx, gy)]
        kernel = fitted(edges, seen, side, list(y.shape))
        x = without(y[None], kernel, SMOOTH, (gx, gy))[0]
        strong, wide = strong / 1.1, wide / 1.1
    return kernel, x


def fitted(edges: list[Tensor], seen: list[Tensor], side: int, size: list[int]) -> Tensor:
    """The kernel that makes of the edges what is seen, by their spectra; positive, in few parts, centred."""
    both = sum((a.conj() * b for a, b in zip(edges, seen, strict=True)), torch.zeros(()))
    power = sum((a.abs().square() for a in edges), torch.zeros(()))
    k = torch.fft.irfft2(both / (power + RIDGE * power.mean() + 1e-12), s=size)
    r = side // 2
    k = torch.roll(k, (r, r), (0, 1))[:side, :side].clamp(min=0)
    k = torch.where(k < LEAST * k.max(), 0.0, k)
    round_it = F.avg_pool2d(k[None], 5, 1, 2, divisor_override=1)[0]
    k = torch.where(round_it < LEAST * k.sum(), 0.0, k)  # specks by themselves
    if not k.sum() > 0:
        k[r, r] = 1
    k = k / k.sum()
    steps = torch.arange(side, dtype=k.dtype) - r
    return torch.roll(k, (-round(float(k.sum(1) @ steps)), -round(float(k.sum(0) @ steps))), (0, 1))


def without(
    y: Tensor, kernel: Tensor, grain: float = GRAIN, slope: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Wiener's quotient of a picture (C, H, W) and a kernel (k, k).

    grain: how much noise counts beside the picture's slopes. slope: those that are wanted, (H, W) each, to
    the right and down; none where not said.
    """
    size = [wide(n) for n in y.shape[1:]]
    k = torch.fft.rfft2(_at_corner(kernel, size))
    right, down = (torch.zeros(size) for _ in range(2))
    right[0, 0] = down[0, 0] = -1
    right[0, -1] = down[-1, 0] = 1
    d = [torch.fft.rfft2(f) for f in (right, down)]
    above = k.conj() * torch.fft.rfft2(closed(y))
    if slope is not None:
        wanted = (F.pad(g, (0, size[1] - g.shape[1], 0, size[0] - g.shape[0])) for g in slope)
        above = above + grain * sum((f.conj() * torch.fft.rfft2(g) for f, g in zip(d, wanted, strict=True)))
    below = k.abs().square() + grain * sum(f.abs().square() for f in d)
    x: Tensor = torch.fft.irfft2(above / below, s=size)
    return x[:, : y.shape[1], : y.shape[2]]


def wide(n: int) -> int:
    """A side with its border, of a length that transforms are fast in."""
    return -(-(n + ROUND) // 16) * 16


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


def in_strips(y: Tensor, kernel: Tensor) -> Tensor:
    """`without`, of a picture (C, H, W) of any size: some rows and one colour at a time."""
    parts = []
    for top in range(0, y.shape[1], STRIP):
        above = min(top, ROUND)
        rows = y[:, top - above : top + STRIP + ROUND]
        done = torch.cat([without(plane[None], kernel) for plane in rows])
        parts.append(done[:, above : above + STRIP])
    return torch.cat(parts, 1)


def blurred(x: Tensor, kernel: Tensor) -> Tensor:
    """(C, H, W) blurred by a kernel, mirrored at its border."""
    r = kernel.shape[0] // 2
    x = F.pad(x[None], (r, r, r, r), mode="reflect")[0]
    k = torch.fft.rfft2(_at_corner(kernel, list(x.shape[1:])))
    y: Tensor = torch.fft.irfft2(torch.fft.rfft2(x) * k, s=x.shape[1:])
    return y[:, r:-r, r:-r]


def _at_corner(kernel: Tensor, size: list[int]) -> Tensor:
    """A kernel in a plane of this size, its middle at the origin."""
    n = kernel.shape[0]
    plane = torch.zeros(size)
    plane[:n, :n] = kernel
    return torch.roll(plane, (-(n // 2), -(n // 2)), (0, 1))


def slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    """To the right and down; 0 at the last column and row."""
    right, down = x[:, 1:] - x[:, :-1], x[1:] - x[:-1]
    return F.pad(right, (0, 1)), F.pad(down, (0, 0, 0, 1))


def shocked(x: Tensor, turns: int = 4, step: float = 0.5) -> Tensor:
    """Soft edges of (H, W) made hard (Osher & Rudin 1990): dark grows where it is dark, light where light."""
    x = smoothed(x)
    for _ in range(turns):
        p = F.pad(x[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
        left, right, over, under = p[1:-1, :-2], p[1:-1, 2:], p[:-2, 1:-1], p[2:, 1:-1]
        gx, gy = (right - left) / 2, (under - over) / 2
        across = (p[2:, 2:] + p[:-2, :-2] - p[2:, :-2] - p[:-2, 2:]) / 4
        bend = gx * gx * (right + left - 2 * x) + 2 * gx * gy * across + gy * gy * (under + over - 2 * x)
        slope = (least(right - x, x - left).square() + least(under - x, x - over).square()).sqrt()
        x = x - step * bend.sign() * slope
    return x


def smoothed(x: Tensor) -> Tensor:
    """(H, W) by a Gaussian of one pixel."""
    t = torch.arange(7) - 3.0
    bell = (-t.square() / 2).exp()
    bell = bell / bell.sum()
    x = F.pad(x[None, None], (3, 3, 3, 3), mode="replicate")
    return F.conv2d(F.conv2d(x, bell.view(1, 1, 1, 7)), bell.view(1, 1, 7, 1))[0, 0]


def least(a: Tensor, b: Tensor) -> Tensor:
    """The smaller of two slopes, 0 where they run against each other."""
    return torch.where(a * b > 0, torch.minimum(a.abs(), b.abs()), 0.0)


def usefulness(y: Tensor, side: int) -> Tensor:
    """(H, W), near 1 at edges wider than the kernel, near 0 in grain, whose slopes cancel (Xu & Jia)."""
    gx, gy = slopes(y)
    planes = torch.stack((gx, gy, (gx.square() + gy.square()).sqrt()))
    side |= 1
    mean = F.avg_pool2d(planes[None], side, 1, side // 2, count_include_pad=False)[0]
    return (mean[0].square() + mean[1].square()).sqrt() / (mean[2] + 0.5 / 255)


def thresholds(gx: Tensor, gy: Tensor, size: Tensor, useful: Tensor, count: float) -> tuple[Tensor, Tensor]:
    """Of slope and of usefulness, so that a quarter of `count` pixels is left in each of four directions."""
    way = (torch.atan2(gy, gx) % math.pi / (math.pi / 4)).long().clamp(max=3)
    need = max(1, min(int(count), size.numel() // 4) // 4)
    strong, wide = [], []
    for n in range(4):
        here = way == n
        if int(here.sum()) > need:
            strong.append(size[here].topk(need).values[-1])
            wide.append(useful[here].topk(min(int(here.sum()), 3 * need)).values[-1])
    nothing = torch.zeros(())
    return min(strong, default=nothing), min(wide, default=nothing)
