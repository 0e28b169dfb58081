"""Hypercolumns: each pixel is told by classifiers on several layers, whose scores are enlarged and summed.

Hariharan et al., CVPR 2015, arXiv:1411.5752: the same as a classifier on the enlarged features side by side,
as both are linear; and, over a detection's box, a grid of classifiers with weights between them by place.
In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32: the box. Out: (N, classes, H/4, W/4) logits.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.vgg import VGG16, caffe_input, score


class Hypercolumns(nn.Module):
    """VGG-16's pool2, conv4_3 and fc7. grid: classifiers along each side of the box; 1 for none by place."""

    reach, multiple = None, 32

    def __init__(self, classes: int = 21, grid: int = 1, width: int = 64, hidden: int = 4096) -> None:
        super().__init__()
        self.classes, self.grid = classes, grid
        self.trunk = VGG16(width)
        self.fc6 = nn.Conv2d(8 * width, hidden, 7, padding=3)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.scores = nn.ModuleList(score(c, classes * grid * grid) for c in (2 * width, 8 * width, hidden))

    def forward(self, x: Tensor) -> Tensor:
        size = (x.shape[2] // 4, x.shape[3] // 4)
        total = torch.stack(
            [
                F.interpolate(s(f), size=size, mode="bilinear", align_corners=False)
                for s, f in zip(self.scores, self.columns(x), strict=True)
            ]
        ).sum(0)
        cells = total.unflatten(1, (self.classes, self.grid, self.grid))
        rows, columns = (hats(n, self.grid).to(total) for n in size)
        return torch.einsum("nkabhw,ah,bw->nkhw", cells, rows, columns)

    def columns(self, x: Tensor) -> list[Tensor]:
        y, taps = caffe_input(x), []
        for stage in range(1, 6):
            y = self.trunk.stage(stage, y)[-1]
            if stage == 4:
                taps.append(y)
            y = F.max_pool2d(y, 2)
            if stage == 2:
                taps.append(y)
        y = F.dropout(F.relu(self.fc6(y)), 0.5, self.training)
        return [*taps, F.dropout(F.relu(self.fc7(y)), 0.5, self.training)]


def hats(n: int, grid: int) -> Tensor:
    """(grid, n): how much each of `grid` classifiers counts at each of n places; a place's sum is 1."""
    at = ((torch.arange(n) + 0.5) * grid / n - 0.5).clamp(0, grid - 1)
    return (1 - (at - torch.arange(grid)[:, None]).abs()).clamp_min(0)
