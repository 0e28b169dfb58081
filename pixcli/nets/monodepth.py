"""monodepth: depth learnt from stereo pairs, by how well one view explains the other.

Godard et al., CVPR 2017, arXiv:1609.03677, table 4 of the supplement (the VGG-like encoder); its loss is
pixcli.train.losses.left_right.

In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 128, 256 × 512 when trained.
Out: (N, 2, H, W) disparities of the left and of the right view, in shares of the picture's width, 0..0.3.
`levels` gives them at 1, 1/2, 1/4, 1/8.
Parameters: 31,600,072.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2), nn.ELU())


def larger(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class MonoDepth(nn.Module):
    """`width` is 32 in the paper."""

    reach, multiple, side = None, 128, 256

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        encoder = [width * n for n in (1, 2, 4, 8, 16, 16, 16)]
        decoder = [width * n // 2 for n in (1, 2, 4, 8, 16, 32, 32)]
        c_in = 3
        self.encoder = nn.ModuleList()
        for c, kernel in zip(encoder, (7, 5, 3, 3, 3, 3, 3), strict=True):
            self.encoder.append(nn.Sequential(conv(c_in, c, kernel), conv(c, c, kernel, 2)))
            c_in = c
        self.upconv, self.iconv, self.disp = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        for level in range(7, 0, -1):
            c = decoder[level - 1]
            skip = encoder[level - 2] if level > 1 else 0
            known = 2 if level < 4 else 0  # the disparity found at half the size
            self.upconv[str(level)] = conv(c_in, c)
            self.iconv[str(level)] = conv(c + skip + known, c)
            if level < 5:
                self.disp[str(level)] = nn.Conv2d(c, 2, 3, padding=1)
            c_in = c

    def levels(self, x: Tensor) -> list[Tensor]:
        skips = []
        for convs in self.encoder:
            x = convs(x)
            skips.append(x)
        skips.pop()
        disparities: list[Tensor] = []
        for level in range(7, 0, -1):
            parts = [self.upconv[str(level)](larger(x))]
            if level > 1:
                parts.append(skips.pop())
            if disparities:
                parts.append(larger(disparities[0]))
            x = self.iconv[str(level)](torch.cat(parts, 1))
            if level < 5:
                disparities.insert(0, 0.3 * self.disp[str(level)](x).float().sigmoid())
        return disparities

    def forward(self, x: Tensor) -> Tensor:
        return self.levels(x)[0]
