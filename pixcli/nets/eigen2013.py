"""Eigen's network against dirt and rain on a window.

Eigen, Krishnan, Fergus, ICCV 2013, Restoring an Image Taken through a Window Covered with Dirt or Rain.

Changed: the border is repeated so that the answer is as large as the picture (64 pixels gave 56), and the
network sees x - 0.5.
In, out: (N, 3, H, W) sRGB in [0, 1], any size, not clipped.
Parameters: 754,691.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Eigen2013(nn.Module):
    """16 × 16, 1 × 1, and patches of 8 × 8 that overlap and are averaged."""

    reach = 11

    def __init__(self, features: int = 512) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, features, 16)
        self.conv2 = nn.Conv2d(features, features, 1)
        self.conv3 = nn.ConvTranspose2d(features, 3, 8, padding=7)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (11, 11, 11, 11), mode="replicate") - 0.5
        x = self.conv2(self.conv1(x).tanh()).tanh()  # (N, 512, H + 7, W + 7): all patches that touch a pixel
        assert self.conv3.bias is not None
        patches = F.conv_transpose2d(x, self.conv3.weight, padding=7) / 64
        return patches.float() + self.conv3.bias.view(1, 3, 1, 1) + 0.5
