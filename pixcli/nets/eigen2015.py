"""Eigen & Fergus 2015: depth, normals or labels, in three scales.

Eigen & Fergus, ICCV 2015, arXiv:1411.4734, fig. 1; sizes, constants and the way that depth and normals go
together are those of the authors' released network (VGG, depth and normals from one scale 1).

In: (N, 3, H, W) sRGB in [0, 1] of exactly `size` (height, width), 228 × 304 as published.
Out: (N, C, h, w), 109 × 147 for 228 × 304: the natural logarithm of the depth in metres, then a normal whose
length is 1; or logits of the labels. `answer(scale2(x))` is that at 55 × 74, on which scales 1 and 2 are
trained before they are frozen.
Parameters, depth and normals: VGG 217,970,376 and a bias for each of scale 2's 4,070 depths; with AlexNet's
convolutions 125,213,960 and these.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.eigen2014 import CoarseConvs

VGG_MEAN = (123.68, 116.779, 103.939)  # of 0..255
MEAN, FACTOR = 109.31410628, 0.013126239
LOG_DEPTH = 0.45723134  # log metres of one unit of the depth stacks


class VGG16(nn.Sequential):
    """VGG-16's convolutions, the first two without padding; 7 × 9 cells of 228 × 304 pixels."""

    channels = 512

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        c_in = 3
        for c, times in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(times):
                layers += [nn.Conv2d(c_in, c, 3, padding=0 if c == 64 else 1), nn.ReLU()]
                c_in = c
            layers.append(nn.MaxPool2d(2))
        super().__init__(*layers)

    @staticmethod
    def cells(pixels: int) -> int:
        return (pixels - 4) // 32


def image_conv(c: int, stride: int) -> nn.Sequential:
    """9 × 9 on the picture at 1/2, then the largest of 3 × 3."""
    return nn.Sequential(nn.Conv2d(3, c, 9, 2), nn.ReLU(), nn.MaxPool2d(3, stride))


def stack(c_in: int, c_out: int, convs: int, width: int = 64) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(convs):
        layers += [nn.Conv2d(c_in, width, 5, padding=2), nn.ReLU()]
        c_in = width
    return nn.Sequential(*layers, nn.Conv2d(width, c_out, 5, padding=2))


class EigenFergus(nn.Module):
    """encoder: "vgg" or "alexnet". labels: classes, instead of depth and normals. hidden: of the scene."""

    reach = None
    taps: Tensor
    mean: Tensor

    def __init__(
        self,
        encoder: str = "vgg",
        labels: int = 0,
        size: tuple[int, int] | list[int] = (228, 304),
        hidden: int = 4096,
    ) -> None:
        super().__init__()
        self.size = tuple(size)
        self.at2 = [(s + 1 - 9) // 2 + 1 for s in size]
        self.at4 = [(s - 3) // 2 + 1 for s in self.at2]
        self.cells = [-(-s // 4) for s in self.at4]
        self.convs = VGG16() if encoder == "vgg" else CoarseConvs()
        h, w = (self.convs.cells(s) for s in size)
        self.full = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(self.convs.channels * h * w, hidden), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(hidden, 64 * self.cells[0] * self.cells[1]), nn.ReLU()),
        )
        tasks = {"labels": labels} if labels else {"depths": 1, "normals": 3}
        self.labels = labels
        self.conv_s2_1, self.conv_s3_1 = image_conv(96, 2), image_conv(64, 1)
        self.s2 = nn.ModuleDict({name: stack(160, c, 3) for name, c in tasks.items()})
        c_in = 64 + labels  # depth and normals take the places of four features
        self.s3 = nn.ModuleDict({name: stack(c_in, c, 2) for name, c in tasks.items()})
        if not labels:
            self.depths_bias = nn.Parameter(torch.zeros(1, 1, *self.at4))
        taps = torch.tensor([0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25])
        self.register_buffer("taps", torch.outer(taps, taps).expand(64, 1, 7, 7), persistent=False)
        self.register_buffer("mean", torch.tensor(VGG_MEAN).view(1, 3, 1, 1), persistent=False)

    def scale1(self, x: Tensor) -> Tensor:
        """64 features at 1/4 of the picture."""
        x = self.full(0.01 * self.convs(x * 255 - self.mean)).unflatten(1, (64, *self.cells))
        x = F.conv_transpose2d(x, self.taps.to(x), stride=4, groups=64)
        return x[:, :, 2 : 2 + self.at4[0], 2 : 2 + self.at4[1]]

    def scale2(self, x: Tensor) -> Tensor:
        f = torch.cat((self.conv_s2_1(around(x)), self.scale1(x)), 1)
        answers = {name: convs(f) for name, convs in self.s2.items()}
        if not self.labels:
            answers["depths"] = answers["depths"] + self.depths_bias
        return torch.cat(list(answers.values()), 1)

    def refine(self, x: Tensor, coarse: Tensor) -> Tensor:
        """Scale 3: x is the picture, coarse what scale 2 gave."""
        f = self.conv_s3_1(around(x))
        coarse = F.interpolate(coarse, scale_factor=2, mode="nearest")[:, :, : f.shape[2], : f.shape[3]]
        f = torch.cat((coarse, f if self.labels else f[:, coarse.shape[1] :]), 1)
        return torch.cat([convs(f) for convs in self.s3.values()], 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(self.refine(x, self.scale2(x)))

    def answer(self, y: Tensor) -> Tensor:
        """What a scale gave, as log depth and a normal of unit length (labels stay logits)."""
        y = y.float()
        if self.labels:
            return y
        depth, normal = y.split((1, 3), 1)
        length = (normal.square().sum(1, keepdim=True) + 1e-4).sqrt()
        return torch.cat((depth * LOG_DEPTH, normal / length), 1)


def around(x: Tensor) -> Tensor:
    """The picture as scales 2 and 3 know it; its last row and column of 9 × 9 windows are not lost."""
    return F.pad((x * 255 - MEAN) * FACTOR, (0, 1, 0, 1))
