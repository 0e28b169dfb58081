"""Zero-DCE and Zero-DCE++: dark pictures are brightened by curves, learnt without a bright example.

Guo et al., CVPR 2020, arXiv:2001.06826, fig. 2; Li et al., PAMI 2021, arXiv:2103.00860, fig. 3. Module names
are those of the published weights.

In, out: (N, 3, H, W) sRGB in [0, 1].
Parameters: Zero-DCE 79,416; Zero-DCE++ 10,561.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def brighten(x: Tensor, a: Tensor) -> Tensor:
    """One step of the curve: x + a (x² - x); a in [-1, 1], negative brightens."""
    return x + a * (x * x - x)


class Curves(nn.Module):
    """Seven convolutions with symmetric concatenation; the last gives the curve maps, in [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        conv1, conv2, conv3, conv4, conv5, conv6, conv7 = self.children()
        x1 = F.relu(conv1(x))
        x2 = F.relu(conv2(x1))
        x3 = F.relu(conv3(x2))
        x4 = F.relu(conv4(x3))
        x5 = F.relu(conv5(torch.cat((x3, x4), 1)))
        x6 = F.relu(conv6(torch.cat((x2, x5), 1)))
        return conv7(torch.cat((x1, x6), 1)).tanh()


class ZeroDCE(Curves):
    """Eight maps, one a step. Any size."""

    reach = 7

    def __init__(self, features: int = 32, steps: int = 8) -> None:
        super().__init__()
        self.steps = steps
        outs = [features] * 6 + [3 * steps]
        for i, (c_in, c_out) in enumerate(zip(inputs(features), outs, strict=True), 1):
            self.add_module(f"e_conv{i}", nn.Conv2d(c_in, c_out, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        for a in super().forward(x).chunk(self.steps, 1):
            x = brighten(x, a)
        return x


class Separable(nn.Module):
    """3 × 3 depthwise, then 1 × 1."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.depth_conv = nn.Conv2d(c_in, c_in, 3, padding=1, groups=c_in)
        self.point_conv = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.point_conv(self.depth_conv(x))


class ZeroDCEPP(Curves):
    """One map for all steps, made of the picture reduced `reduce` times, which both sides are multiples of.

    The map is enlarged corner on corner, so that with `reduce` each pixel depends on the picture's size.
    """

    def __init__(self, reduce: int = 12, features: int = 32, steps: int = 8) -> None:
        super().__init__()
        self.steps, self.multiple, self.reach = steps, reduce, 7 if reduce == 1 else None
        outs = [features] * 6 + [3]
        for i, (c_in, c_out) in enumerate(zip(inputs(features), outs, strict=True), 1):
            self.add_module(f"e_conv{i}", Separable(c_in, c_out))

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        if self.multiple == 1:
            a = super().forward(x)
        else:
            small = (size[0] // self.multiple, size[1] // self.multiple)
            a = super().forward(F.interpolate(x, size=small, mode="bilinear"))
            a = F.interpolate(a, size=size, mode="bilinear", align_corners=True)
        for _ in range(self.steps):
            x = brighten(x, a)
        return x


def inputs(features: int) -> list[int]:
    """Channels that go into each of the seven convolutions."""
    return [3, features, features, features, 2 * features, 2 * features, 2 * features]
