"""HDRNet, and DeepUPE, which is HDRNet for the light of a picture.

Gharbi et al., SIGGRAPH 2017, arXiv:1707.02880, fig. 2 (guide of curves); Wang et al., CVPR 2019, fig. 3.

A small picture is made into a bilateral grid of affine colour maps, and each pixel of the large one is mapped
by what lies at its place and at its guide's value.
In, out: (N, 3, H, W) sRGB in [0, 1], any size, not clipped.
Parameters: HDRNet 482,080.
"""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(c_in: int, c_out: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """3 × 3; with stride 2 its input is to be padded on the right and below, as TensorFlow does."""
    return nn.Conv2d(c_in, c_out, 3, stride, 1 if stride == 1 else 0, bias=bias)


def through(layers: nn.ModuleList, x: Tensor) -> Tensor:
    """Convolutions with ReLU."""
    for layer in layers:
        x = F.relu(layer(F.pad(x, (0, 1, 0, 1)) if layer.stride == (2, 2) else x))
    return x


class Guide(nn.Module):
    """One value in [0, 1] for each pixel: colours mixed, bent by curves of `knots` pieces, mixed again."""

    def __init__(self, knots: int = 16) -> None:
        super().__init__()
        self.ccm = nn.Conv2d(3, 3, 1)
        self.ccm.weight.data = torch.eye(3).view(3, 3, 1, 1)
        nn.init.zeros_(self.ccm.bias)  # type: ignore[arg-type]
        self.shifts = nn.Parameter((torch.arange(knots) / knots).repeat(3, 1))
        self.slopes = nn.Parameter((torch.arange(knots) == 0).float().repeat(3, 1))
        self.channel_mixing = nn.Conv2d(3, 1, 1)
        nn.init.constant_(self.channel_mixing.weight, 1 / 3)
        nn.init.zeros_(self.channel_mixing.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x = self.ccm(x).float()
        curves = [
            slope.view(3, 1, 1) * F.relu(x - shift.view(3, 1, 1))
            for slope, shift in zip(self.slopes.unbind(1), self.shifts.unbind(1), strict=True)
        ]
        return self.channel_mixing(torch.stack(curves).sum(0)).clamp(0, 1)


class HDRNet(nn.Module):
    """side: of the small picture; cells: of the grid's side; bins: its depth; width: the channel multiplier.

    overall, local: how many convolutions look at the grid on the way to one answer for all of it, which halve
    it twice, and at each cell; DeepUPE has 12 and 6. illumination: DeepUPE's way: the affine maps give the
    light, at least 0.01, and the answer is the picture over it.
    """

    def __init__(
        self,
        side: int = 256,
        cells: int = 16,
        bins: int = 8,
        width: int = 1,
        overall: int = 2,
        local: int = 2,
        illumination: bool = False,
    ) -> None:
        super().__init__()
        self.input_side, self.cells, self.bins, self.illumination = side, cells, bins, illumination
        c, steps = width * bins, int(log2(side // cells))
        widths = [3, *(c << i for i in range(steps))]
        self.splat = nn.ModuleList(conv(widths[i], widths[i + 1], 2) for i in range(steps))
        self.overall = nn.ModuleList(
            conv(widths[-1] if i == 0 else 8 * c, 8 * c, 2 if i in (0, overall // 2) else 1)
            for i in range(overall)
        )
        self.fc1 = nn.Linear(8 * c * (cells // 4) ** 2, 32 * c)
        self.fc2 = nn.Linear(32 * c, 16 * c)
        self.fc3 = nn.Linear(16 * c, 8 * c)
        self.local = nn.ModuleList(
            conv(widths[-1] if i == 0 else 8 * c, 8 * c, bias=i == 0) for i in range(local)
        )
        self.prediction = nn.Conv2d(8 * c, 12 * bins, 1)
        self.guide = Guide()

    def coefficients(self, x: Tensor) -> Tensor:
        """The grid, (N, 12, bins, cells, cells), of a small picture."""
        x = through(self.splat, x)
        scene = through(self.overall, x).flatten(1)
        scene = self.fc3(F.relu(self.fc2(F.relu(self.fc1(scene)))))
        x = F.relu(self.local[0](x))
        for layer in self.local[1:]:
            x = layer(x)
        x = self.prediction(F.relu(x + scene[..., None, None]))
        return x.unflatten(1, (12, self.bins))

    def forward(self, x: Tensor) -> Tensor:
        size = (self.input_side, self.input_side)
        small = F.interpolate(x.float(), size=size, mode="bilinear", antialias=True)
        grid = self.coefficients(small).float()
        maps = slice_grid(grid, self.guide(x).float()).unflatten(1, (4, 3))  # of each input, for each output
        y = (maps[:, :3] * x[:, :, None]).sum(1) + maps[:, 3]
        return x / y.clamp(0.01, 1) if self.illumination else y


def slice_grid(grid: Tensor, guide: Tensor) -> Tensor:
    """Trilinear: (N, C, D, h, w) at each pixel's place and guide (N, 1, H, W) in [0, 1] → (N, C, H, W)."""
    n, _, height, width = guide.shape
    y, x = (
        (2 * torch.arange(k, device=guide.device, dtype=guide.dtype) + 1) / k - 1 for k in (height, width)
    )
    y, x = y[:, None].expand(n, height, width), x.expand(n, height, width)
    places = torch.stack((x, y, 2 * guide[:, 0] - 1), -1)[:, None]
    return F.grid_sample(grid, places, "bilinear", "border", align_corners=False)[:, :, 0]
