"""RUAS: unrolled Retinex with cells whose operations were found by search.

Liu et al., CVPR 2021, arXiv:2012.05609, fig. 2. Module names are those of the published weights.

In, out: (N, 3, H, W) sRGB in [0, 1], any size; not clipped where it is denoised.
Parameters: 3,438; 936 without the denoising part.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# operation of each place of a cell: kernel, dilation, whether the input is added; None passes it on
Operation = tuple[int, int, bool] | None
PLACES = ("c1_d", "c1_r", "c2_d", "c2_r", "c3_d", "c3_r", "c4")
LIGHT: tuple[Operation, ...] = (
    *(None, (1, 1, True), (3, 2, True), (3, 1, False), (3, 1, False), None, (3, 1, False)),
)
NOISE: tuple[Operation, ...] = (
    *((1, 1, True), (1, 1, True), (3, 2, True), None, (1, 1, True), (1, 1, True), None),
)


class Op(nn.Module):
    """A convolution, with its input added or not."""

    def __init__(self, c: int, kernel: int, dilation: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.op = nn.Conv2d(c, c, kernel, padding=kernel // 2 * dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x) + x if self.residual else self.op(x)


class Cell(nn.Module):
    """Information distillation: three branches leave on the way, and all are mixed."""

    def __init__(self, c: int, operations: tuple[Operation, ...]) -> None:
        super().__init__()
        for place, operation in zip(PLACES, operations, strict=True):
            self.add_module(place, Op(c, *operation) if operation else nn.Identity())
        self.c5 = nn.Conv2d(4 * c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        c1_d, c1_r, c2_d, c2_r, c3_d, c3_r, c4, c5 = self.children()
        r1 = leaky(c1_r(x) + x)
        r2 = leaky(c2_r(r1) + r1)
        r3 = leaky(c3_r(r2) + r2)
        return c5(torch.cat((leaky(c1_d(x)), leaky(c2_d(r1)), leaky(c3_d(r2)), leaky(c4(r3))), 1))


class Illumination(nn.Module):
    """The light from the brightest of four neighbours, warm-started by what the last turn left."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = Cell(3, LIGHT)

    def forward(self, x: Tensor, u: Tensor | None) -> Tensor:
        t = brightest(x) if u is None else brightest(u) - 0.5 * (u - x)
        t = self.cell(t).float().sigmoid().clamp(0.001, 1)
        return torch.clamp(x / t, 0, 1)


class Enhance(nn.Module):
    def __init__(self, turns: int) -> None:
        super().__init__()
        self.iems = nn.ModuleList(Illumination() for _ in range(turns))

    def forward(self, x: Tensor) -> Tensor:
        u: Tensor | None = None
        for turn in self.iems:
            u = turn(x, u)
        assert u is not None
        return u


class Denoise(nn.Module):
    def __init__(self, features: int, cells: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, features, 3, padding=1)
        self.nrms = nn.Sequential(*(Cell(features, NOISE) for _ in range(cells)))
        self.activate = nn.Sequential(nn.Conv2d(features, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.activate(self.nrms(self.stem(x)))


class RUAS(nn.Module):
    """denoise: with the noise part, as the authors run the weights of LOL, not of UPE and dark faces."""

    def __init__(self, denoise: bool = True) -> None:
        super().__init__()
        self.reach = 17 if denoise else 9  # three turns of 3; stem 1, three cells of 2, last convolution 1
        self.enhance_net = Enhance(3)
        self.denoise_net = Denoise(6, 3) if denoise else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.denoise_net(self.enhance_net(x))


def brightest(x: Tensor) -> Tensor:
    """The largest of each pixel and its neighbours to the right and below; 0 beyond the border."""
    return F.max_pool2d(F.pad(x, (0, 1, 0, 1)), 2, 1)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.05)
