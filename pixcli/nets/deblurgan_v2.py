"""DeblurGAN-v2: a feature pyramid on MobileNet-v2 takes blur off.

Kupyn et al., ICCV 2019, arXiv:1908.03826, fig. 2 (the generator with the MobileNet-v2 backbone). Module names
are those of the published weights, but for the backbone's, which are torchvision's.

Norms take each picture's own mean and variance, the backbone's too: the authors run it in training mode.
In, out: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32.
Parameters: 2,106,627. (The published files have 3.3 M: three layers of the backbone never run.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class OwnNorm(nn.Module):
    """Batch norm by the statistics of each picture alone, also where it has one pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return normalised(x) * self.weight[:, None, None] + self.bias[:, None, None]


class InstanceNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return normalised(x)


def normalised(x: Tensor) -> Tensor:
    x = x.float()
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return (x - mean) * (variance + 1e-5).rsqrt()


class Head(nn.Module):
    """Two convolutions with ReLU on one level of the pyramid."""

    def __init__(self, c_in: int, c: int) -> None:
        super().__init__()
        self.block0 = nn.Conv2d(c_in, c, 3, padding=1, bias=False)
        self.block1 = nn.Conv2d(c, c, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.block1(F.relu(self.block0(x))))


def smooth(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1), InstanceNorm(), nn.ReLU())


def larger(x: Tensor, times: int = 2) -> Tensor:
    return F.interpolate(x, scale_factor=times, mode="nearest")


class FPN(nn.Module):
    """Five maps: at 1/2, and of the pyramid at 1/4, 1/8, 1/16 and 1/32."""

    # expansion, channels, times, stride of MobileNet-v2, but for what comes after 1/32
    BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 2, 2))
    ENDS = (2, 4, 7, 11, 16)  # how far in the backbone each resolution goes
    WIDTHS = (16, 24, 32, 64, 160)

    def __init__(self, c: int) -> None:
        super().__init__()
        from torchvision.models.mobilenetv2 import InvertedResidual
        from torchvision.ops import Conv2dNormActivation

        parts = [Conv2dNormActivation(3, 32, stride=2, norm_layer=OwnNorm, activation_layer=nn.ReLU6)]
        before = 32
        for expansion, width, times, stride in self.BLOCKS:
            for i in range(times):
                parts.append(InvertedResidual(before, width, 1 if i else stride, expansion, OwnNorm))
                before = width
        self.features = nn.Sequential(*parts)
        for i, width in enumerate(self.WIDTHS):
            self.add_module(f"lateral{i}", nn.Conv2d(width, c if i else c // 2, 1, bias=False))
        self.td1, self.td2, self.td3 = smooth(c, c), smooth(c, c), smooth(c, c)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for i, layer in enumerate(self.features, 1):
            x = layer(x)
            if i in self.ENDS:
                maps.append(self.get_submodule(f"lateral{len(maps)}")(x))
        maps[3] = self.td1(maps[3] + larger(maps[4]))
        maps[2] = self.td2(maps[2] + larger(maps[3]))
        maps[1] = self.td3(maps[1] + larger(maps[2]))
        return maps


class DeblurGANv2(nn.Module):
    """`features` channels in the pyramid, half as many after it."""

    multiple = 32

    def __init__(self, features: int = 128) -> None:
        super().__init__()
        c = features // 2
        self.fpn = FPN(features)
        self.head1, self.head2 = Head(features, c), Head(features, c)
        self.head3, self.head4 = Head(features, c), Head(features, c)
        self.smooth, self.smooth2 = smooth(4 * c, c), smooth(c, c // 2)
        self.final = nn.Conv2d(c // 2, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = 2 * x - 1
        with torch.autocast(x.device.type, enabled=False):  # norms of few pixels blow rounding errors up
            map0, map1, map2, map3, map4 = self.fpn(x.float())
        levels = (
            larger(self.head4(map4), 8),
            larger(self.head3(map3), 4),
            larger(self.head2(map2)),
            self.head1(map1),
        )
        y = larger(self.smooth(torch.cat(levels, 1)))
        y = larger(self.smooth2(y + map0))
        return (self.final(y).float().tanh() + x).clamp(-1, 1) / 2 + 0.5
