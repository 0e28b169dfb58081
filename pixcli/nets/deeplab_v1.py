"""DeepLab with a large field of view, and with features of several scales.

Chen et al., ICLR 2015, arXiv:1412.7062: VGG-16 at 1/8, its last convolutions dilated, fc6 3 × 3 of
dilation 12.
In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 8. Out: (N, classes, H/8, W/8) logits; with Caffe's
rounding sides of 8 n + 1 give n + 1 cells: 321 → 41.
Parameters, 21 classes: 20,505,429; with several scales (MSc) 1,206,016 more.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.vgg import VGG16, caffe_input, score


class DeepLabV1(nn.Module):
    """scales: MSc, whose two-layer heads see the picture and the first four pooled maps."""

    reach, multiple = None, 8

    def __init__(
        self,
        classes: int = 21,
        scales: bool = False,
        caffe: bool = False,
        width: int = 64,
        hidden: int = 1024,
        side_width: int = 128,
    ) -> None:
        super().__init__()
        self.caffe = caffe
        self.trunk = VGG16(width, dilations=(1, 1, 1, 1, 2))
        self.fc6 = nn.Conv2d(8 * width, hidden, 3, padding=12, dilation=12)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        taps = [3, *self.trunk.widths[:4]] if scales else []
        self.heads = nn.ModuleList(  # strided so that all answer at 1/8
            nn.Sequential(
                nn.Conv2d(c, side_width, 3, max(8 >> i, 1), padding=1),
                nn.ReLU(),
                nn.Conv2d(side_width, side_width, 1),
                nn.ReLU(),
            )
            for i, c in enumerate(taps)
        )
        self.fc8 = score(hidden + len(taps) * side_width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = caffe_input(x)
        maps = [x]
        for stage in range(1, 6):
            stride = 2 if stage < 4 else 1
            x = F.max_pool2d(self.trunk.stage(stage, x)[-1], 3, stride, 1, ceil_mode=self.caffe)
            maps.append(x)
        x = F.dropout(F.relu(self.fc6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.fc7(x)), 0.5, self.training)
        return self.fc8(torch.cat([x, *(head(m) for head, m in zip(self.heads, maps, strict=False))], 1))
