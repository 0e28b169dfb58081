"""DeepLabv3+: atrous spatial pyramid pooling, and a decoder that sees the level at 1/4.

Chen et al., ECCV 2018, arXiv:1802.02611, fig. 2, on ResNet; the pyramid is torchvision's.
In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32. Out: (N, classes, H/4, W/4) logits.
Parameters, 21 classes: ResNet-101 59,344,309, ResNet-50 40,352,181.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.resnet import DEPTHS, ResNet


def unit(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())


class DeepLabV3Plus(nn.Module):
    """depths: blocks of each of ResNet's levels. stride: 16 or 8, of the last. low: channels kept of 1/4."""

    reach, multiple = None, 32

    def __init__(
        self,
        classes: int = 21,
        depths: Sequence[int] = DEPTHS["resnet101"],
        stride: int = 16,
        width: int = 64,
        channels: int = 256,
        low: int = 48,
    ) -> None:
        super().__init__()
        from torchvision.models.segmentation.deeplabv3 import ASPP

        self.backbone = ResNet(depths, width, stride)
        first, *_, last = self.backbone.widths
        self.aspp = ASPP(last, [r * 16 // stride for r in (6, 12, 18)], channels)
        self.low = unit(first, low, 1)
        self.decoder = nn.Sequential(unit(channels + low, channels, 3), unit(channels, channels, 3))
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        first, *_, last = self.backbone(x)
        y = F.interpolate(self.aspp(last), size=first.shape[2:], mode="bilinear", align_corners=False)
        return self.classifier(self.decoder(torch.cat((y, self.low(first)), 1)))
