"""PAN: super-resolution by pixel attention (Zhao et al., ECCVW 2020, arXiv:2010.01073, fig. 2 and 3).

Module names are those of the published weights.
In: (N, 3, H, W) sRGB values in [0, 1]. Out: (N, 3, sH, sW), not clipped.
Parameters: 261,403 for x2 and x3, 272,419 for x4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(c_in: int, c_out: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, padding=1, bias=bias)


def lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


class PA(nn.Module):
    """Pixel attention: x times the sigmoid of its own 1×1 convolution."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv(x).sigmoid()


class PAConv(nn.Module):
    """A 3×3 convolution weighted by pixel attention on its input, then another."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.k2 = nn.Conv2d(c, c, 1)
        self.k3 = conv(c, c, bias=False)
        self.k4 = conv(c, c, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.k4(self.k3(x) * self.k2(x).sigmoid())


class SCPA(nn.Module):
    """Self-calibrated block: half the channels plainly, half with attention, joined, plus the input."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1_a = nn.Conv2d(c, c // 2, 1, bias=False)
        self.conv1_b = nn.Conv2d(c, c // 2, 1, bias=False)
        self.k1 = nn.Sequential(conv(c // 2, c // 2, bias=False))
        self.PAConv = PAConv(c // 2)
        self.conv3 = nn.Conv2d(c, c, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        a = lrelu(self.k1(lrelu(self.conv1_a(x))))
        b = lrelu(self.PAConv(lrelu(self.conv1_b(x))))
        return self.conv3(torch.cat((a, b), 1)) + x


class PAN(nn.Module):
    """`features` is nf, `upsampled` unf and `blocks` nb of the published code; scale is 2, 3 or 4."""

    def __init__(self, scale: int = 4, blocks: int = 16, features: int = 40, upsampled: int = 24) -> None:
        super().__init__()
        if scale not in (2, 3, 4):
            raise ValueError("scale is 2, 3 or 4")
        self.scale = scale
        self.reach = 2 * blocks + (3 if scale == 3 else 4)
        self.conv_first = conv(3, features)
        self.SCPA_trunk = nn.Sequential(*(SCPA(features) for _ in range(blocks)))
        self.trunk_conv = conv(features, features)
        self.upconv1 = conv(features, upsampled)
        self.att1 = PA(upsampled)
        self.HRconv1 = conv(upsampled, upsampled)
        if scale == 4:
            self.upconv2 = conv(upsampled, upsampled)
            self.att2 = PA(upsampled)
            self.HRconv2 = conv(upsampled, upsampled)
        self.conv_last = conv(upsampled, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_first(x)
        y = y + self.trunk_conv(self.SCPA_trunk(y))
        y = F.interpolate(y, scale_factor=3 if self.scale == 3 else 2, mode="nearest")
        y = lrelu(self.HRconv1(lrelu(self.att1(self.upconv1(y)))))
        if self.scale == 4:
            y = F.interpolate(y, scale_factor=2, mode="nearest")
            y = lrelu(self.HRconv2(lrelu(self.att2(self.upconv2(y)))))
        y = self.conv_last(y)  # (N, 3, sH, sW)
        return y + F.interpolate(x, scale_factor=self.scale, mode="bilinear")
