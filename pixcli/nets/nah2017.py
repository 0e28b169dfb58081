"""DeepDeblur: three networks from coarse to fine.

Nah, Kim, Lee, CVPR 2017, arXiv:1612.02177, fig. 3. Module names are those of the authors' PyTorch release.

In, out: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 4, not clipped. The release works on 0..255.
Parameters: 11,721,321 as released (sub-pixel steps between the scales); 11,719,953 as in the paper
(transposed convolutions).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(c_in: int, c_out: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 5, padding=2)


class ResBlock(nn.Module):
    """conv → ReLU → conv, plus the input."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(c, c), nn.ReLU(), conv(c, c))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResNet(nn.Module):
    """The network of one scale."""

    def __init__(self, c_in: int, features: int, blocks: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(c_in, features), *(ResBlock(features) for _ in range(blocks)), conv(features, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class UpPath(nn.Module):
    """One scale's answer as the next one takes it."""

    def __init__(self, shuffle: bool) -> None:
        super().__init__()
        steps = (conv(3, 12), nn.PixelShuffle(2)) if shuffle else (nn.ConvTranspose2d(3, 3, 5, 2, 2, 1),)
        self.uppath = nn.Sequential(*steps)

    def forward(self, x: Tensor) -> Tensor:
        return self.uppath(x)


class Nah2017(nn.Module):
    """`blocks` residual blocks a scale; of the three scales the finest comes first."""

    multiple = 4

    def __init__(self, features: int = 64, blocks: int = 19, shuffle: bool = True) -> None:
        super().__init__()
        self.body_models = nn.ModuleList(ResNet(c, features, blocks) for c in (6, 6, 3))
        self.conv_end_models = nn.ModuleList([nn.Identity(), UpPath(shuffle), UpPath(shuffle)])
        # 4 + 2 + 1 times five-pixel layers at each scale; and halving, doubling
        self.reach = 7 * 2 * (2 * blocks + 2) + (24 if shuffle else 18)

    def forward(self, x: Tensor) -> Tensor:
        pyramid = [255 * (x - 0.5)]
        for _ in range(2):
            pyramid.append(half(pyramid[-1]))
        y = self.body_models[2](pyramid[2])
        for s in (1, 0):
            y = self.body_models[s](torch.cat((pyramid[s], self.conv_end_models[s + 1](y)), 1))
        return y.float() / 255 + 0.5


def half(x: Tensor) -> Tensor:
    """Half as large: a Gaussian of 2/3 pixels, as the authors' pyramid, then the mean of 2 × 2."""
    row = torch.exp(-torch.arange(-3, 4, device=x.device).square() / (2 * (2 / 3) ** 2)).to(x.dtype)
    kernel = torch.outer(row, row).div(row.sum() ** 2).expand(x.shape[1], 1, 7, 7)
    x = F.conv2d(F.pad(x, (3, 3, 3, 3), mode="replicate"), kernel, groups=x.shape[1])
    return F.avg_pool2d(x, 2)
