"""LiteDepth: depth and normals of a picture, by EfficientNet-Lite0 and the shared top-down decoder.

In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32.
Out: (N, 4, H/2, W/2): the natural logarithm of the depth in metres, then the normal, of length 1, x to the
right, y down, z away from the camera (it faces the camera: a wall in front is near (0, 0, -1)).
96 channels: 3,686,116 parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.efficientnet_lite import EfficientNetLite0
from pixcli.nets.top_down import TopDown, lite_input, unit


class LiteDepth(nn.Module):
    """channels: of the decoder."""

    reach, multiple, side = None, 32, 240

    def __init__(self, channels: int = 96) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.decoder = TopDown(channels=channels, finest=2)
        self.depth = nn.Sequential(unit(channels, 32), nn.Conv2d(32, 1, 1))
        self.normal = nn.Sequential(unit(channels, 32), nn.Conv2d(32, 3, 1))
        self.depth[1].bias = nn.Parameter(torch.ones(1))  # 2.7 m, as rooms are
        self.normal[1].bias = nn.Parameter(torch.tensor([0.0, 0.0, -0.5]))

    def forward(self, x: Tensor) -> Tensor:
        f = self.decoder(self.encoder(lite_input(x)))[0]
        normal = F.normalize(self.normal(f).float(), dim=1, eps=1e-6)
        return torch.cat((self.depth(f).float(), normal), 1)
