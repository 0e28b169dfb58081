"""Dense CRF: mean field over all pairs of pixels, by Gaussian filters, and its trainable form.

Krähenbühl & Koltun, NIPS 2011 (kernels w1 exp(-|Δp|²/2θα² - |ΔI|²/2θβ²) + w2 exp(-|Δp|²/2θγ²), Potts);
CRF-RNN: Zheng et al., ICCV 2015. The Gaussian of places is separable; the one of places and colours is
computed in a grid of their five axes: splat, blur, slice (Chen et al., SIGGRAPH 2007), linear in the pixels.

CRFRNN in: (N, 3 + classes, H, W) sRGB in [0, 1] and logits, any size. Out: (N, classes, H, W) logits.
Parameters: 3 · classes², 1,323 with 21.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil, exp, pi, sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LARGEST = 1 << 20  # numbers in a grid; where it would have more, its cells grow
OPPONENT = ((1, 1, 1), (1, 0, -1), (1, -2, 1))  # colour axes at right angles: distances stay


class BilateralGrid:
    """Filters values of points by the Gaussian exp(-d²/2) of their positions' distance.

    positions: (P, D) in standard deviations. cells: of the grid, per standard deviation, along each axis: the
    finer the closer to the Gaussian, with an error that falls with their square.
    """

    def __init__(self, positions: Tensor, cells: Sequence[float]) -> None:
        per_sigma = positions.new_tensor(cells)
        at = (positions - positions.amin(0)) * per_sigma
        while (at.amax(0).floor() + 2).prod() > LARGEST:
            per_sigma, at = 0.9 * per_sigma, 0.9 * at
        low = at.floor()
        self.shape = [int(n) + 2 for n in low.amax(0)]
        part = (at - low).unbind(1)
        strides = [1]
        for n in reversed(self.shape[1:]):
            strides.insert(0, strides[0] * n)
        base = (low.long() * torch.tensor(strides, device=at.device)).sum(1)
        self.corners: list[tuple[Tensor, Tensor]] = []
        for corner in product((0, 1), repeat=len(strides)):
            weight = torch.ones_like(part[0])
            for on, p in zip(corner, part, strict=True):
                weight = weight * (p if on else 1 - p)
            index = base + sum(s for s, on in zip(strides, corner, strict=True) if on)
            self.corners.append((index, weight))
        self.blurs = [_blur(n, float(c)).to(at) for n, c in zip(self.shape, per_sigma, strict=True)]
        self.own = torch.ones_like(part[0])  # what a point's value counts for itself: near 1
        for p, blur in zip(part, self.blurs, strict=True):
            self.own = self.own * (blur[0, 0] * (p * p + (1 - p) ** 2) + blur[0, 1] * 2 * p * (1 - p))

    def __call__(self, values: Tensor) -> Tensor:
        """(C, P) → (C, P)."""
        size = torch.Size(self.shape).numel()
        step = max(1, LARGEST // size)
        return torch.cat([self._some(v, size) for v in values.split(step)])

    def _some(self, values: Tensor, size: int) -> Tensor:
        grid = values.new_zeros(len(values), size)
        for index, weight in self.corners:
            grid = grid.index_add(1, index, values * weight)
        grid = grid.unflatten(1, self.shape)
        for axis, blur in enumerate(self.blurs, 1):
            grid = (grid.movedim(axis, -1) @ blur).movedim(-1, axis)
        flat = grid.flatten(1)
        answer = torch.zeros_like(values)
        for index, weight in self.corners:
            answer = answer + flat.index_select(1, index) * weight
        return answer


def _blur(n: int, cells: float) -> Tensor:
    """(n, n) values of exp(-d²/2) at steps of 1 / cells, narrowed by what splat and slice widen: a third."""
    variance = max(cells * cells - 1 / 3, 0.1)
    steps = torch.arange(n)
    far = 10 * ceil(cells) + 10
    mass = torch.exp(-(torch.arange(-far, far + 1) ** 2) / (2 * variance)).sum()
    blur = torch.exp(-((steps[:, None] - steps) ** 2) / (2 * variance))
    return blur * (cells * sqrt(2 * pi) / mass)


class Places:
    """The Gaussian of places alone, of `sigma` pixels, over (C, P) values of H × W pixels."""

    def __init__(self, size: tuple[int, int], sigma: float) -> None:
        self.size, n = size, min(ceil(5 * sigma), max(size) - 1)
        self.taps = torch.tensor([exp(-(d * d) / (2 * sigma * sigma)) for d in range(-n, n + 1)])

    def __call__(self, values: Tensor) -> Tensor:
        taps, n = self.taps.to(values), len(self.taps) // 2
        x = values.view(-1, 1, *self.size)
        x = F.conv2d(x, taps.view(1, 1, -1, 1), padding=(n, 0))
        return F.conv2d(x, taps.view(1, 1, 1, -1), padding=(0, n)).view_as(values)


def colours_and_places(picture: Tensor, alpha: float, beta: float) -> Tensor:
    """(3, H, W) in [0, 1] → (H W, 5): row and column / `alpha` pixels, colour / `beta` of 255 levels."""
    _, h, w = picture.shape
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    place = torch.stack((rows, columns), -1).view(-1, 2).to(picture) / alpha
    axes = F.normalize(torch.tensor(OPPONENT, dtype=picture.dtype, device=picture.device), dim=1)
    return torch.cat((place, picture.flatten(1).T @ axes.T * (255 / beta)), 1)


class Kernels:
    """Both kernels of one picture (3, H, W), each normalised, without what a pixel tells itself.

    symmetric: D^-1/2 K D^-1/2, as the authors' code; else D^-1 K, as CRF-RNN. D are the sums of K's rows.
    """

    def __init__(
        self,
        picture: Tensor,
        alpha: float = 80,
        beta: float = 13,
        gamma: float = 3,
        symmetric: bool = True,
        cells: tuple[float, float] = (2, 2),
    ) -> None:
        with torch.no_grad():
            picture = picture.float()
            h, w = picture.shape[1:]
            space, colour = cells
            positions = colours_and_places(picture, alpha, beta)
            grid = BilateralGrid(positions, (space, space, colour, colour, colour))
            filters: list[Callable[[Tensor], Tensor]] = [Places((h, w), gamma), grid]
            ones = picture.new_ones(1, h * w)
            self.parts: list[Any] = []  # filter, what a pixel has of itself, factors before and after
            for f, own in zip(filters, (ones, grid.own), strict=True):
                d = f(ones) - own + 1
                scales = (d.rsqrt(), d.rsqrt()) if symmetric else (ones, 1 / d)
                self.parts.append((f, own, *scales))

    def __call__(self, q: Tensor) -> list[Tensor]:
        """(C, H, W) → what each pixel is told by the others, through the places and through the colours."""
        flat = q.flatten(1)
        answers = []
        for f, own, before, after in self.parts:
            told = f(flat * before) - own * flat * before
            answers.append((told * after).view_as(q))
        return answers


def mean_field(
    logits: Tensor, kernels: Kernels, iterations: int = 10, bilateral: float = 10, spatial: float = 3
) -> Tensor:
    """Probabilities (C, H, W) of one picture's labels after mean field with Potts' model."""
    q = logits.softmax(0)
    for _ in range(iterations):
        places, colours = kernels(q)
        q = (logits + spatial * places + bilateral * colours).softmax(0)
    return q


class CRFRNN(nn.Module):
    """Mean field whose weights of kernels and classes are learnt. cells: of the grid, as in `Kernels`."""

    reach, space = None, "srgb"

    def __init__(
        self,
        classes: int = 21,
        iterations: int = 5,
        alpha: float = 160,
        beta: float = 3,
        gamma: float = 3,
        cells: tuple[float, float] | list[float] = (2, 1),
    ) -> None:
        super().__init__()
        self.maps, self.iterations = classes, iterations
        self.widths, self.cells = (alpha, beta, gamma), (cells[0], cells[1])
        self.spatial = nn.Parameter(3 * torch.eye(classes))
        self.bilateral = nn.Parameter(5 * torch.eye(classes))
        self.compatibility = nn.Parameter(-torch.eye(classes))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return torch.stack([self.one(x[:3].float(), x[3:].float()) for x in x])

    def one(self, picture: Tensor, logits: Tensor) -> Tensor:
        kernels = Kernels(picture, *self.widths, symmetric=False, cells=self.cells)
        refined = logits
        for _ in range(self.iterations):
            places, colours = kernels(refined.softmax(0))
            told = torch.einsum("kc,chw->khw", self.spatial, places)
            told = told + torch.einsum("kc,chw->khw", self.bilateral, colours)
            refined = logits - torch.einsum("kc,chw->khw", self.compatibility, told)
        return refined
