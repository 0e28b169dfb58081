"""LitePanoptic: what each pixel shows and to which thing it belongs, on EfficientNet-Lite0, without boxes.

After Panoptic-DeepLab (Cheng et al., CVPR 2020, arXiv:1911.10194, fig. 2): one decoder for the classes, one
for the instances, which are told by a map of their centres and, for each pixel, the way to its centre. The
encoder and both decoders are those of the compact networks instead of Xception and ASPP.
In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32. Out: (N, classes + 3, H/4, W/4): logits of the
classes, of "here is a centre", and the steps down and to the right to the pixel's centre, in pixels of the
answer. 64 channels, 16 classes: 3,554,387 parameters; with the classes from 1/2 3,592,467.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.efficientnet_lite import EfficientNetLite0
from pixcli.nets.top_down import TopDown, lite_input, unit

STEP = 16.0  # pixels of the answer that the network's own unit of a step stands for
RARE = 0.01  # share of pixels that the untrained network takes for centres


class LitePanoptic(nn.Module):
    """channels: of the decoder of classes. width: of the decoder of instances.

    finest: 2 for classes that are told at 1/2, as LiteSegment does it with the same weights, and averaged.
    """

    reach, multiple, side = None, 32, 384

    def __init__(self, classes: int = 16, channels: int = 64, width: int = 64, finest: int = 4) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.decoder, self.pooled = TopDown(channels=channels, finest=finest), 4 // finest
        self.heads = nn.ModuleDict({"labels": nn.Conv2d(channels, classes, 1)})
        self.instances = TopDown(channels=width)
        self.last = unit(width, width)
        self.centre = nn.Conv2d(width, 1, 1)
        self.steps = nn.Conv2d(width, 2, 1)
        nn.init.constant_(self.centre.bias, math.log(RARE / (1 - RARE)))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encoder(lite_input(x)))

    def decode(self, levels: list[Tensor]) -> Tensor:
        """The answer for the encoder's features."""
        things = self.last(self.instances(levels)[0])
        labels = self.heads["labels"](self.decoder(levels)[0])
        labels = F.avg_pool2d(labels, self.pooled) if self.pooled > 1 else labels
        return torch.cat((labels, self.centre(things), STEP * self.steps(things)), 1)
