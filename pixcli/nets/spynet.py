"""SPyNet: motion by a pyramid of pictures, a small network to each level.

Ranjan & Black, CVPR 2017, arXiv:1611.00850, fig. 1.

In: (N, 6, H, W), the first picture, then the second, sRGB in [0, 1]; H and W multiples of 2^(levels - 1).
Out: (N, 2, H, W) flow in pixels.
Parameters, six levels: 1,440,300.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.matching import warp

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WIDTHS = (8, 32, 64, 32, 16, 2)


class SPyNet(nn.Module):
    """basic[0] is for the coarsest level."""

    reach = None
    mean: Tensor
    deviation: Tensor

    def __init__(self, levels: int = 6) -> None:
        super().__init__()
        self.multiple = 2 ** (levels - 1)
        self.basic = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(a, b, 7, padding=3) for a, b in pairwise(WIDTHS)) for _ in range(levels)
        )
        self.register_buffer("mean", torch.tensor(MEAN * 2).view(1, 6, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION * 2).view(1, 6, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        pyramid = [(x - self.mean) / self.deviation]
        for _ in self.basic[1:]:
            pyramid.append(F.avg_pool2d(pyramid[-1], 2))
        n, _, h, w = pyramid[-1].shape
        flow = x.new_zeros(n, 2, h, w, dtype=torch.float32)
        for i, convs in enumerate(self.basic):
            first, second = pyramid.pop().chunk(2, 1)
            if i:
                flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)
                second = warp(second, flow)
            f = torch.cat((first, second, flow), 1)
            *inner, last = convs.children()
            for conv in inner:
                f = F.relu(conv(f))
            flow = flow + last(f).float()
        return flow
