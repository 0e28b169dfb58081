"""HED: boundaries, seen at five resolutions of VGG-16 and by all of them together.

Xie & Tu, ICCV 2015, arXiv:1504.06375.
In: (N, 3, H, W) sRGB in [0, 1], any size. Out: (N, 6, H, W) logits: the five sides, then the fused answer,
whose sigmoid is the chance of a boundary. Parameters: 14,716,171.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.upsampling import bilinear_kernel, crop
from pixcli.nets.vgg import VGG16, caffe_input


class HED(nn.Module):
    """caffe: 35 pixels of padding and fixed transposed convolutions, as the authors' files; else none of
    these, and resizing, as in Keras."""

    reach = None

    def __init__(self, caffe: bool = True, width: int = 64) -> None:
        super().__init__()
        self.caffe = caffe
        self.trunk = VGG16(width, first=35 if caffe else 1)
        for i, c in enumerate(self.trunk.widths, 1):
            side = nn.Conv2d(c, 1, 1)
            nn.init.zeros_(side.weight)
            self.add_module(f"score_dsn{i}", side)
        self.fuse = nn.Conv2d(5, 1, 1)
        nn.init.constant_(self.fuse.weight, 0.2)

    def forward(self, x: Tensor) -> Tensor:
        y, sides = caffe_input(x), []
        for i in range(1, 6):
            y = self.trunk.stage(i, F.max_pool2d(y, 2, ceil_mode=True) if i > 1 else y)[-1]
            sides.append(self.enlarged(self.get_submodule(f"score_dsn{i}")(y), x, 1 << i - 1))
        return torch.cat((*sides, self.fuse(torch.cat(sides, 1))), 1)

    def enlarged(self, side: Tensor, like: Tensor, s: int) -> Tensor:
        if not self.caffe:
            return F.interpolate(side, size=like.shape[2:], mode="bilinear", align_corners=False)
        if s > 1:
            side = F.conv_transpose2d(side, bilinear_kernel(2 * s).to(side)[None, None], stride=s)
        return crop(side, like, 34 + s // 2)
