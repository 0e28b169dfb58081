"""ESPNet: pyramids of dilated convolutions, small enough for a camera.

Mehta et al., ECCV 2018, arXiv:1803.06815, fig. 4d. Module names are those of the published weights.
In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 8. Out: (N, classes, H, W) logits.
Parameters: 364,569 (Cityscapes, 20 classes), 354,517 (CamVid, 12 classes).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STATISTICS = {  # mean and deviation of blue, green, red in 0..255
    "cityscapes": ((72.3923111, 82.90893555, 73.15840149), (45.3192215, 46.15289307, 44.91483307)),
    "camvid": ((110.64, 109.13, 105.80), (78.06, 79.02, 78.14)),
}


def norm(c: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(c, eps=1e-3)


class Conv(nn.Module):
    """k × k without bias; then, with `norm`, batch norm and PReLU."""

    def __init__(self, c_in: int, c_out: int, k: int, stride: int = 1, d: int = 1, act: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, k, stride, k // 2 * d, d, bias=False)
        self.bn = norm(c_out) if act else nn.Identity()
        self.act = nn.PReLU(c_out) if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class NormAct(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.bn, self.act = norm(c), nn.PReLU(c)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(x))


class Pyramid(nn.Module):
    """Reduce to n/5 channels, five dilations, each summed with those before it, side by side."""

    def __init__(self, c_in: int, c_out: int, k: int = 1, stride: int = 1) -> None:
        super().__init__()
        n = c_out // 5
        self.c1 = Conv(c_in, n, k, stride)
        self.d1 = Conv(n, c_out - 4 * n, 3)
        self.d2, self.d4 = Conv(n, n, 3, d=2), Conv(n, n, 3, d=4)
        self.d8, self.d16 = Conv(n, n, 3, d=8), Conv(n, n, 3, d=16)

    def branches(self, x: Tensor) -> Tensor:
        x = self.c1(x)
        sums = [self.d2(x)]
        for d in (self.d4, self.d8, self.d16):
            sums.append(sums[-1] + d(x))
        return torch.cat((self.d1(x), *sums), 1)


class Down(Pyramid):
    """Halves the resolution."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 3, 2)
        self.bn, self.act = norm(c_out), nn.PReLU(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.branches(x)))


class ESP(Pyramid):
    def __init__(self, c_in: int, c_out: int, residual: bool = True) -> None:
        super().__init__(c_in, c_out)
        self.bn, self.residual = NormAct(c_out), residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.branches(x)
        return self.bn(x + y if self.residual else y)


def smaller(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 2, 1)


class Encoder(nn.Module):
    """ESPNet-C; gives what the decoder takes at 1/2 (two maps), 1/4 and, as scores, at 1/8."""

    def __init__(self, classes: int, p: int, q: int) -> None:
        super().__init__()
        self.level1 = Conv(3, 16, 3, 2, act=True)
        self.b1 = NormAct(19)
        self.level2_0 = Down(19, 64)
        self.level2 = nn.ModuleList(ESP(64, 64) for _ in range(p))
        self.b2 = NormAct(131)
        self.level3_0 = Down(131, 128)
        self.level3 = nn.ModuleList(ESP(128, 128) for _ in range(q))
        self.b3 = NormAct(256)
        self.classifier = Conv(256, classes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        half = self.level1(x)
        joined = self.b1(torch.cat((half, smaller(x)), 1))
        y = first = self.level2_0(joined)
        for block in self.level2:
            y = block(y)
        quarter = self.b2(torch.cat((y, first, smaller(smaller(x))), 1))
        y = first = self.level3_0(quarter)
        for block in self.level3:
            y = block(y)
        return half, joined, quarter, self.classifier(self.b3(torch.cat((first, y), 1)))


class ESPNet(nn.Module):
    """p, q: blocks at 1/4 and 1/8. joined: the last fusion sees the reduced picture too (the CamVid weights).

    data: whose mean and deviation the input is normalised with.
    """

    multiple = 8

    def __init__(
        self, classes: int = 20, p: int = 2, q: int = 8, joined: bool = False, data: str = "cityscapes"
    ) -> None:
        super().__init__()
        self.joined, (self.mean, self.deviation) = joined, STATISTICS[data]
        self.reach = 269 + 64 * p + 128 * q
        self.encoder = Encoder(classes, p, q)
        self.level3_C = Conv(131, classes, 1)
        self.br = norm(classes)
        self.conv = Conv((19 if joined else 16) + classes, classes, 3, act=True)
        self.up_l3 = nn.Sequential(up(classes))
        self.combine_l2_l3 = nn.Sequential(NormAct(2 * classes), ESP(2 * classes, classes, residual=False))
        self.up_l2 = nn.Sequential(up(classes), NormAct(classes))
        self.classifier = up(classes)

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = (x.new_tensor(s).view(3, 1, 1) for s in (self.mean, self.deviation))
        x = (x.flip(1) * 255 - mean) / deviation / 255
        half, joined, quarter, scores = self.encoder(x)
        y = torch.cat((self.level3_C(quarter), self.up_l3(self.br(scores))), 1)
        y = self.up_l2(self.combine_l2_l3(y))
        return self.classifier(self.conv(torch.cat((y, joined if self.joined else half), 1)))


def up(c: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(c, c, 2, 2, bias=False)
