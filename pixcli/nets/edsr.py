"""EDSR: residual blocks without batch norm, then sub-pixel enlargement.

Lim et al., CVPRW 2017, arXiv:1707.02921, fig. 3.

Changed: takes and gives [0, 1]; the published 0..255 minus the mean of DIV2K is made inside, so that
published weights fit as they are.
In: (N, 3, H, W) sRGB values in [0, 1]. Out: (N, 3, sH, sW), not clipped.
Parameters for x2, x3, x4: baseline (16 blocks of 64) 1,369,859, 1,554,499, 1,517,571;
full (32 blocks of 256, residuals times 0.1) 40,729,603, 43,680,003, 43,089,923.
"""

from __future__ import annotations

from torch import Tensor, nn

MEAN = (0.4488, 0.4371, 0.4040)  # of DIV2K's RGB


def conv(c_in: int, c_out: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, padding=1)


class ResBlock(nn.Module):
    """conv → ReLU → conv, times `residual`, plus the input."""

    def __init__(self, features: int, residual: float) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(features, features), nn.ReLU(), conv(features, features))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual * self.body(x)


def upsampler(features: int, scale: int) -> nn.Sequential:
    """conv and pixel shuffle: x3 at once, x2 once, x4 as x2 twice."""
    steps = {2: [2], 3: [3], 4: [2, 2]}[scale]
    return nn.Sequential(*(m for s in steps for m in (conv(features, s * s * features), nn.PixelShuffle(s))))


class EDSR(nn.Module):
    """`blocks` is B, `features` F and `residual` the residual scaling of the paper; scale is 2, 3 or 4."""

    def __init__(self, scale: int = 2, blocks: int = 16, features: int = 64, residual: float = 1.0) -> None:
        super().__init__()
        if scale not in (2, 3, 4):
            raise ValueError("scale is 2, 3 or 4")
        self.scale = scale
        self.reach = 2 * blocks + 4  # head, blocks, end of the body, upsampler and tail
        self.head = nn.Sequential(conv(3, features))
        self.body = nn.Sequential(
            *(ResBlock(features, residual) for _ in range(blocks)), conv(features, features)
        )
        self.tail = nn.Sequential(upsampler(features, scale), conv(features, 3))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.new_tensor(MEAN).view(3, 1, 1)
        x = self.head((x - mean) * 255)
        x = self.tail(x + self.body(x))  # (N, 3, sH, sW)
        return x / 255 + mean
