"""Partial convolutions: holes of any shape are filled from their rims inwards.

Liu et al., ECCV 2018, arXiv:1804.07723, section 3.

In: (N, 4, H, W) sRGB in [0, 1], and 1 in the hole; H and W multiples of 256, 512 when trained.
Out: (N, 3, H, W) the whole picture as the network sees it, not clipped: only the hole is of use.
Parameters: 32,865,236.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Masked = tuple[Tensor, Tensor]  # (N, C, H, W), and (N, 1, H, W): 1 where it is known


class PartialConv2d(nn.Conv2d):
    """W (x ⊙ m) · |window| / Σ m + b where the window knows anything, else 0; that is the new mask.

    Takes one or several masked tensors, whose channels follow each other. Padding counts as hole.
    """

    def forward(self, *parts: Masked) -> Masked:  # type: ignore[override]
        k, s, p = self.kernel_size[0], self.stride[0], self.padding[0]
        assert self.bias is not None
        with torch.no_grad():
            known = torch.stack(
                [x.shape[1] * F.avg_pool2d(m.float(), k, s, int(p), divisor_override=1) for x, m in parts]
            ).sum(0)
            mask = (known > 0).to(known)
            ratio = k * k * self.in_channels / (known + 1e-8) * mask
        x = torch.cat([x * m for x, m in parts], 1)
        y = F.conv2d(x, self.weight, None, self.stride, self.padding)
        return y * ratio + self.bias.view(1, -1, 1, 1) * mask, mask


class Layer(nn.Module):
    """Partial convolution → batch norm → activation."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, stride: int, slope: float, norm: bool = True
    ) -> None:
        super().__init__()
        self.slope = slope
        self.conv = PartialConv2d(c_in, c_out, kernel, stride, kernel // 2)
        self.norm = nn.BatchNorm2d(c_out) if norm else nn.Identity()

    def forward(self, *parts: Masked) -> Masked:
        x, mask = self.conv(*parts)
        return F.leaky_relu(self.norm(x), self.slope), mask


class PartialUNet(nn.Module):
    """`layers` halvings, features, 2, 4 and then 8 times features channels; slopes 0 down and 0.2 up."""

    maps = 1
    side = 512

    def __init__(self, layers: int = 8, features: int = 64) -> None:
        super().__init__()
        self.multiple = 2**layers
        channels = [3, *(features * min(2**i, 8) for i in range(layers))]
        kernels = [7, 5, 5, *[3] * layers]
        self.encoder = nn.ModuleList(
            Layer(channels[i], channels[i + 1], kernels[i], 2, 0, norm=i > 0) for i in range(layers)
        )
        self.decoder = nn.ModuleList(
            Layer(channels[i + 1] + channels[i], channels[i], 3, 1, 1 if i == 0 else 0.2, norm=i > 0)
            for i in reversed(range(layers))
        )

    def forward(self, x: Tensor) -> Tensor:
        part: Masked = (x[:, :3], 1 - x[:, 3:])
        skips = []
        for layer in self.encoder:
            skips.append(part)
            part = layer(part)
        for layer in self.decoder:
            y, mask = (F.interpolate(t, scale_factor=2, mode="nearest") for t in part)
            part = layer((y, mask), skips.pop())
        return part[0]
