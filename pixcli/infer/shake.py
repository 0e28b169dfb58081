"""A picture blurred all over by one movement, or by a lens: which blur it was, and the picture without it.

`kernel_of` goes from coarse to fine, from the kernel to the picture and back (Xu, Zheng & Jia, CVPR 2013; Pan
et al., CVPR 2014): the picture is sought that has few slopes and is blurred into what is seen, its strongest
edges are kept, and the kernel that blurs them into those of the picture is found by least squares. Which
kernel that leads to hangs on where it begins, so it begins several times, and what has led to the clearest
picture by a middle scale goes on. `without` is Wiener's quotient. `believable` tells a wrong kernel by the
ripples that it leaves, not always: what follows has to see both pictures.
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
FEW, FEWEST = (4e-3, 8e-3), 1e-4  # what a slope of the picture costs, at first and at last
CHOOSE = 4  # scales, after which the best beginning is known
STIFF = 1e4  # how firmly slopes are held in the end to those that are kept
EDGES = 80  # times the kernel's side: how many pixels of edges are kept at first
RIDGE = 2.0  # of the least squares for the kernel
LEAST, PART = 0.05, 0.1  # of a kernel's largest value, of its sum: what is less, or is less of it, is noise
GRAIN = 4e-3  # a picture's noise over its slopes, as Wiener has it
RIPPLES = 1.0  # times as many slopes beside its edges a quotient may have
FADE = 16  # pixels of the border, where quotients always have ripples
STRIP = 2048  # rows
ROUND = 48  # pixels, at least, in which one border becomes the other


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
    best = min(begun, key=lambda b: spread(smoothed(without(middle[None], b[0])[0])))
    return _through(scales[CHOOSE:], *best)[0]


def sides() -> list[int]:
    """Of the kernel from the coarsest scale on, odd, each about √2 times the last."""
    found = [SIDE]
    while found[0] > 5:
        found.insert(0, (int(found[0] / math.sqrt(2)) - 1) // 2 * 2 + 1)
    return found


def believable(light: Tensor, divided: Tensor) -> bool:
    """Whether a quotient (H, W) has its slopes in no more places than the picture.

    A right kernel brings slopes together at edges, a wrong one spreads them in ripples: their L1 norm over
    their L2 norm falls or rises (Krishnan et al., CVPR 2011). Both as they are, and without the finest grain.
    """
    return all(spread(f(divided)) <= RIPPLES * spread(f(light)) for f in (torch.Tensor.clone, smoothed))


def spread(x: Tensor) -> float:
    """In how many places a picture (H, W) has slopes: their L1 norm over their L2 norm, borders left off."""
    m = min(FADE, min(x.shape) // 4)
    both = torch.stack(slopes(x))[:, m:-m, m:-m]
    return float(both.abs().mean() / both.square().mean().sqrt().clamp(min=1e-6))


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
    for _ in range(TURNS):
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
    k, d = torch.fft.rfft2(_at_corner(kernel, size)), differences(size)
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
    spectrum = torch.fft.rfft2(_at_corner(own, wide))

    def applied(k: Tensor) -> Tensor:
        product: Tensor = torch.fft.irfft2(spectrum * torch.fft.rfft2(k, s=wide), s=wide)
        return product[:side, :side] + RIDGE * k

    k, left = torch.zeros(side, side), right
    step, size_of = left, left.square().sum()
    enough = 1e-8 * size_of
    for _ in range(turns):
        if not size_of > enough:
            break
        made = applied(step)
        far = size_of / (step * made).sum()
        k, left = k + far * step, left - far * made
        size_of, before = left.square().sum(), size_of
        step = left + size_of / before * step
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


def without(y: Tensor, kernel: Tensor) -> Tensor:
    """Wiener's quotient of a picture (C, H, W) and a kernel (k, k)."""
    size = [wide(n) for n in y.shape[1:]]
    k = torch.fft.rfft2(_at_corner(kernel, size))
    below = k.abs().square() + GRAIN * sum(f.abs().square() for f in differences(size))
    x: Tensor = torch.fft.irfft2(k.conj() * torch.fft.rfft2(closed(y)) / below, s=size)
    return x[:, : y.shape[1], : y.shape[2]]


def differences(size: list[int]) -> list[Tensor]:
    """The spectra of the slopes to the right and down, in a plane that closes on itself."""
    right, down = (torch.zeros(size) for _ in range(2))
    right[0, 0] = down[0, 0] = -1
    right[0, -1] = down[-1, 0] = 1
    return [torch.fft.rfft2(f) for f in (right, down)]


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


def smoothed(x: Tensor) -> Tensor:
    """(H, W) by a Gaussian of one pixel."""
    t = torch.arange(7) - 3.0
    bell = (-t.square() / 2).exp()
    bell = bell / bell.sum()
    x = F.pad(x[None, None], (3, 3, 3, 3), mode="replicate")
    return F.conv2d(F.conv2d(x, bell.view(1, 1, 1, 7)), bell.view(1, 1, 7, 1))[0, 0]


def threshold(gx: Tensor, gy: Tensor, steep: Tensor, count: float) -> Tensor:
    """Of `steep`, so that at least a quarter of `count` pixels is left in each of four directions."""
    way = (torch.atan2(gy, gx) % math.pi / (math.pi / 4)).long().clamp(max=3)
    need = max(1, min(int(count), steep.numel() // 4) // 4)
    kept = [steep[way == n] for n in range(4)]
    return min((s.topk(need).values[-1] for s in kept if len(s) > need), default=torch.zeros(()))
