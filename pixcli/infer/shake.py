"""Which one blur explains a whole picture: a camera's shake, a movement of all, a lens out of focus.

From coarse to fine, from the kernel to the picture and back (Xu, Zheng & Jia, CVPR 2013; Pan et al., CVPR
2014): the picture is sought that has few slopes and is blurred into what is seen, its strongest edges are
kept, and the kernel that blurs them into those of the picture is found by least squares. Which kernel that
leads to hangs on where it begins, so it begins several times: the ones that have led to the clearest pictures
by a middle scale go on first, until one has left no ripples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pixcli.infer.blur import at_corner, closed, differences, ripples, slopes, smoothed, spread, without
from pixcli.infer.resize import resize

SIDE = 41  # pixels of the largest kernel that is looked for
LOOK = 512  # of the picture's middle that is looked at
TURNS, LAST = 5, 3  # at each scale but the finest; there
TRIED = 3  # beginnings that may go on to the finest scale
FEW, FEWEST = (4e-3, 8e-3), 1e-4  # what a slope of the picture costs, at first and at last
CHOOSE = 4  # scales, after which the better beginnings are known
STIFF = 1e4  # how firmly slopes are held in the end to those that are kept
EDGES = 80  # times the kernel's side: how many pixels of edges are kept at first
RIDGE = 2.0  # of the least squares for the kernel
LEAST, PART = 0.05, 0.1  # of a kernel's largest value, of its sum: what is less, or is less of it, is noise


def kernel_of(light: Tensor) -> Tensor:
    """(SIDE, SIDE), sums to 1, centred: the blur of a picture (H, W) in 0..1; a picture is its `blurred`."""
    height, width = (min(n, LOOK) for n in light.shape)
    top, left = ((n - m) // 2 for n, m in zip(light.shape, (height, width), strict=True))
    y = light[top : top + height, left : left + width].float()
    scales = []
    for side in sides():
        size = [n if side == SIDE else max(side + 8, round(n * side / SIDE)) for n in (height, width)]
        scales.append((side, resize(y[None], *size)[0]))
    lying = torch.tensor([[0.0, 0, 0], [0, 0.5, 0.5], [0, 0, 0]])
    begun = [_through(scales[:CHOOSE], kernel, cost) for kernel in (lying, lying.T) for cost in FEW]
    middle = scales[CHOOSE - 1][1]
    begun.sort(key=lambda b: spread(smoothed(without(middle[None], b[0])[0])))
    found = []
    for one in begun[:TRIED]:
        kernel = _through(scales[CHOOSE:], *one)[0]
        found.append((ripples(y, without(y[None], kernel)[0]), kernel))
        if found[-1][0] <= 1:
            break
    return min(found, key=lambda f: f[0])[1]


def sides() -> list[int]:
    """Of the kernel from the coarsest scale on, odd, each about √2 times the last."""
    found = [SIDE]
    while found[0] > 5:
        found.insert(0, (int(found[0] / math.sqrt(2)) - 1) // 2 * 2 + 1)
    return found


def _through(scales: list[tuple[int, Tensor]], kernel: Tensor, cost: float) -> tuple[Tensor, float]:
    """The kernel after these scales (its side, the picture), coarsest first, begun from one of any side."""
    for side, y in scales:
        kernel = tidy(F.interpolate(kernel[None, None], (side, side), mode="bilinear")[0, 0], part=0)
        kernel, cost = _at_scale(y, kernel, cost)
    return kernel, cost


def _at_scale(y: Tensor, kernel: Tensor, cost: float) -> tuple[Tensor, float]:
    """The kernel, made better by a picture of its scale; cost: of a slope, then what it has come down to."""
    side = len(kernel)
    size = [max(n, 2 * side) for n in y.shape]
    inner = torch.zeros_like(y)
    border = max(2, side // 2)
    inner[border:-border, border:-border] = 1
    seen = [torch.fft.rfft2(g * inner, s=size) for g in slopes(y)]
    strong = None
    for _ in range(LAST if side == SIDE else TURNS):
        gx, gy = slopes(latent(y, kernel, cost))
        steep = gx.square() + gy.square()
        strong = threshold(gx, gy, steep, EDGES * side) if strong is None else strong / 1.21
        keep = inner * (steep >= strong)
        edges = [torch.fft.rfft2(g * keep, s=size) for g in (gx, gy)]
        kernel = tidy(fitted(edges, seen, side, size))
        cost = max(cost / 1.1, FEWEST)
    return kernel, cost


def latent(y: Tensor, kernel: Tensor, cost: float) -> Tensor:
    """The picture (H, W) with few slopes that the kernel blurs into y.

    Least |k ∗ x - y|² + cost · the number of slopes that are not 0, by half-quadratic splitting: slopes that
    do not pay for themselves are made 0, the picture is drawn to the others, ever more firmly.
    """
    y, shape = closed(y[None])[0], y.shape
    size = list(y.shape)
    k, d = torch.fft.rfft2(at_corner(kernel, size)), differences(size)
    above, below = k.conj() * torch.fft.rfft2(y), k.abs().square()
    steps = sum(f.abs().square() for f in d)
    x, firm = y, 2 * cost
    while firm < STIFF:
        gx, gy = torch.roll(x, -1, 1) - x, torch.roll(x, -1, 0) - x
        keep = gx.square() + gy.square() >= cost / firm
        gx, gy = gx * keep, gy * keep
        back = torch.roll(gx, 1, 1) - gx + torch.roll(gy, 1, 0) - gy
        x = torch.fft.irfft2((above + firm * torch.fft.rfft2(back)) / (below + firm * steps), s=size)
        firm *= 2
    return x[: shape[0], : shape[1]]


def fitted(edges: list[Tensor], seen: list[Tensor], side: int, size: list[int], turns: int = 25) -> Tensor:
    """(side, side): the kernel that makes of the edges what is seen, by their spectra (`size`, real).

    Least squares by conjugate gradients. A kernel needs no more of the edges than how they go with themselves
    and with what is seen at distances within its side.
    """
    own = _near(edges, edges, side, size)
    right = _near(edges, seen, side // 2 + 1, size)
    wide = [4 * side, 4 * side]
    spectrum = torch.fft.rfft2(at_corner(own, wide))

    def applied(k: Tensor) -> Tensor:
        product: Tensor = torch.fft.irfft2(spectrum * torch.fft.rfft2(k, s=wide), s=wide)
        return product[:side, :side] + RIDGE * k

    k, left = torch.zeros(side, side), right
    step, power = left, left.square().sum()
    enough = 1e-8 * power
    for _ in range(turns):
        if not power > enough:
            break
        made = applied(step)
        far = power / (step * made).sum()
        k, left = k + far * step, left - far * made
        power, before = left.square().sum(), power
        step = left + power / before * step
    return k


def _near(a: list[Tensor], b: list[Tensor], side: int, size: list[int]) -> Tensor:
    """(2 side - 1,) * 2: how planes go together at distances under `side`, from their spectra."""
    r = side - 1
    c = torch.fft.irfft2(sum((p.conj() * q for p, q in zip(a, b, strict=True)), torch.zeros(())), s=size)
    return torch.roll(c, (r, r), (0, 1))[: 2 * r + 1, : 2 * r + 1]


def tidy(k: Tensor, part: float = PART) -> Tensor:
    """A kernel without what is faint, negative or a small part by itself; sums to 1, centred."""
    r = len(k) // 2
    k = k.nan_to_num(0).clamp(min=0)
    k = torch.where(k < LEAST * k.max(), 0.0, k)
    if part:
        number = parts(k > 0)
        weight = torch.zeros(k.numel() + 1).index_add_(0, number.flatten(), k.flatten())
        k = torch.where(weight[number] < part * k.sum(), 0.0, k)
    if not k.sum() > 0:
        k = torch.zeros_like(k)
        k[r, r] = 1
    k = k / k.sum()
    steps = torch.arange(len(k), dtype=k.dtype) - r
    return torch.roll(k, (-round(float(k.sum(1) @ steps)), -round(float(k.sum(0) @ steps))), (0, 1))


def parts(there: Tensor) -> Tensor:
    """(H, W), which part each pixel belongs to, pixels that touch being of one; 0 where nothing is."""
    first = torch.arange(1.0, there.numel() + 1).view(there.shape) * there
    while True:
        number = F.max_pool2d(first[None], 3, 1, 1)[0] * there
        if torch.equal(number, first):
            return number.long()
        first = number


def threshold(gx: Tensor, gy: Tensor, steep: Tensor, count: float) -> Tensor:
    """Of `steep`, so that at least a quarter of `count` pixels is left in each of four directions."""
    way = (torch.atan2(gy, gx) % math.pi / (math.pi / 4)).long().clamp(max=3)
    need = max(1, min(int(count), steep.numel() // 4) // 4)
    kept = [steep[way == n] for n in range(4)]
    return min((s.topk(need).values[-1] for s in kept if len(s) > need), default=torch.zeros(()))
