"""U-Net: each level of the decoder sees the encoder's map of its own resolution.

Ronneberger, Fischer & Brox, MICCAI 2015, arXiv:1505.04597, fig. 1.
In: (N, channels, H, W) in [0, 1]. With padding H and W multiples of 16 and out (N, classes, H, W) logits; as
published, without it, sides of 16 n + 12 and 184 pixels fewer come out: 572 → 388.
Parameters: 31,030,658 from grey to 2 classes, 31,033,045 from colour to 21.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.upsampling import ResizeConv


def twice(c_in: int, c_out: int, padding: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for c in (c_in, c_out):
        layers += [nn.Conv2d(c, c_out, 3, padding=padding, bias=not norm)]
        layers += [nn.BatchNorm2d(c_out), nn.ReLU()] if norm else [nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """width: channels of the first level, doubled at each of the four below.

    padding: by one pixel, so that sizes stay; False as published. norm: batch norm. resize: enlargement by
    resizing and a 3 × 3 convolution, free of checkerboards, in place of a transposed one.
    """

    def __init__(
        self,
        channels: int = 1,
        classes: int = 2,
        width: int = 64,
        padding: bool = False,
        norm: bool = False,
        resize: bool = False,
    ) -> None:
        super().__init__()
        self.channels, self.space = channels, "gray" if channels == 1 else "srgb"
        self.multiple = 16 if padding else 1
        self.reach = (117 if resize else 102) if padding else None
        widths = [width << i for i in range(5)]
        p = int(padding)
        self.down = nn.ModuleList(
            twice(a, b, p, norm) for a, b in zip([channels, *widths], widths, strict=False)
        )
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        for fine, coarse in reversed(list(pairwise(widths))):
            self.up.append(ResizeConv(coarse, fine) if resize else nn.ConvTranspose2d(coarse, fine, 2, 2))
            self.merge.append(twice(coarse, fine, p, norm))
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for i, level in enumerate(self.down):
            x = level(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        x = F.dropout(skips.pop(), 0.5, self.training)
        for up, merge in zip(self.up, self.merge, strict=True):
            x, skip = up(x), skips.pop()
            y0, x0 = ((a - b) // 2 for a, b in zip(skip.shape[2:], x.shape[2:], strict=True))
            skip = skip[..., y0 : y0 + x.shape[2], x0 : x0 + x.shape[3]]
            x = merge(torch.cat((skip, x), 1))
        return self.last(x)
