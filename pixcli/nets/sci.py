"""SCI: a dark picture over its illumination, estimated by one very small block.

Ma et al., CVPR 2022, arXiv:2204.10137, fig. 2: only the first stage runs after training; the self-calibrated
module is of use in training alone. Module names are those of the published weights.

In, out: (N, 3, H, W) sRGB in [0, 1], any size.
Parameters: 258.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Enhance(nn.Module):
    """The illumination, (N, 3, H, W) in [0.0001, 1]."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.in_conv = nn.Sequential(nn.Conv2d(3, features, 3, padding=1))
        self.conv = nn.Sequential(nn.Conv2d(features, features, 3, padding=1), nn.BatchNorm2d(features))
        self.out_conv = nn.Sequential(nn.Conv2d(features, 3, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        f = F.relu(self.in_conv(x))
        f = f + F.relu(self.conv(f))
        return torch.clamp(self.out_conv(f).sigmoid() + x, 0.0001, 1)


class SCI(nn.Module):
    """`features` is 3 as published."""

    reach = 3

    def __init__(self, features: int = 3) -> None:
        super().__init__()
        self.enhance = Enhance(features)

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(x / self.enhance(x), 0, 1)
