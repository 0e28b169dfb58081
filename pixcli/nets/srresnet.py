"""SRResNet: the generator of SRGAN, trained by squared error.

Ledig et al., CVPR 2017, arXiv:1609.04802, fig. 4.

Changed: the answer of tanh, [-1, 1], is given as [0, 1].
In: (N, 3, H, W) sRGB values in [0, 1]. Out: (N, 3, sH, sW) in [0, 1].
Parameters: 1,549,462 for x4 (one slope for each PReLU).
"""

from __future__ import annotations

from torch import Tensor, nn


def conv(c_in: int, c_out: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2)


class ResBlock(nn.Sequential):
    """conv → BN → PReLU → conv → BN, plus the input."""

    def __init__(self, c: int) -> None:
        super().__init__(conv(c, c), nn.BatchNorm2d(c), nn.PReLU(), conv(c, c), nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class Upsample(nn.Sequential):
    """conv → pixel shuffle ×2 → PReLU."""

    def __init__(self, c: int) -> None:
        super().__init__(conv(c, 4 * c), nn.PixelShuffle(2), nn.PReLU())


class SRResNet(nn.Module):
    """`blocks` is B of the paper (16); scale is 2 or 4."""

    def __init__(self, scale: int = 4, blocks: int = 16, features: int = 64) -> None:
        super().__init__()
        if scale not in (2, 4):
            raise ValueError("scale is 2 or 4")
        self.scale = scale
        self.reach = 2 * blocks + 8  # head 4, blocks, end of the body 1, first upsampler 1, the rest 2
        self.head = nn.Sequential(conv(3, features, 9), nn.PReLU())
        self.body = nn.Sequential(
            *(ResBlock(features) for _ in range(blocks)), conv(features, features), nn.BatchNorm2d(features)
        )
        self.upsample = nn.Sequential(*(Upsample(features) for _ in range(scale // 2)))
        self.tail = conv(features, 3, 9)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        x = self.upsample(x + self.body(x))  # (N, C, sH, sW)
        return (self.tail(x).tanh() + 1) / 2
