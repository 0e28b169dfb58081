"""LiteDepth: depth and normals of a picture, by EfficientNet-Lite0 and the shared top-down decoder.

The wide maps end at 1/4; a narrow one takes them to 1/2 with the encoder's first level, for sharp edges.
In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32.
Out: (N, 4, H/2, W/2): the natural logarithm of the depth in metres, then the normal, of length 1, x to the
right, y down, z away from the camera (it faces the camera: a wall in front is near (0, 0, -1)).
128 channels: 3,999,364 parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.efficientnet_lite import CHANNELS, EfficientNetLite0
from pixcli.nets.top_down import TopDown, lite_input, unit

FINE = 32  # channels at 1/2


class LiteDepth(nn.Module):
    """channels: of the decoder."""

    reach, multiple, side = None, 32, 240
    unit = "log metres"

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.decoder = TopDown(channels=channels, finest=4)
        self.narrow = nn.Conv2d(channels, FINE, 1)
        self.lateral = nn.Conv2d(CHANNELS[0], FINE, 1)
        self.fine = unit(FINE, FINE)
        self.depth = nn.Sequential(unit(FINE, FINE), nn.Conv2d(FINE, 1, 1))
        self.normal = nn.Sequential(unit(FINE, FINE), nn.Conv2d(FINE, 3, 1))
        self.depth[1].bias = nn.Parameter(torch.ones(1))  # 2.7 m, as rooms are
        self.normal[1].bias = nn.Parameter(torch.tensor([0.0, 0.0, -0.5]))

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encoder(lite_input(x)))

    def decode(self, levels: list[Tensor]) -> Tensor:
        f = self.narrow(self.decoder(levels)[0])
        f = F.interpolate(f, scale_factor=2.0, mode="bilinear", align_corners=False)
        f = self.fine(f + self.lateral(levels[0]))
        normal = F.normalize(self.normal(f).float(), dim=1, eps=1e-6)
        return torch.cat((self.depth(f).float(), normal), 1)
