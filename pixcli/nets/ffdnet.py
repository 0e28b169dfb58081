"""FFDNet: one network for all noise levels, told by a map, at half resolution.

Zhang et al., TIP 2018, arXiv:1710.04026, fig. 1. Batch norm is left out, as it is folded in the published
weights, whose module names these are.

In: (N, C + 1, H, W) grey or sRGB in [0, 1] and the noise's sigma in the same unit; any size: odd sides are
extended by their last row or column. Out: (N, C, H, W), not clipped.
Parameters: grey (15 convolutions of 64) 485,316; colour (12 of 96) 852,108.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FFDNet(nn.Module):
    """depth, features: those of the paper for this number of channels when None."""

    blind = False  # it believes the map
    maps = 1
    multiple = 2

    def __init__(self, channels: int = 3, depth: int | None = None, features: int | None = None) -> None:
        super().__init__()
        depth, features = depth or (15 if channels == 1 else 12), features or (64 if channels == 1 else 96)
        self.channels, self.reach = channels, 2 * depth + 1
        self.space = "gray" if channels == 1 else "srgb"
        layers: list[nn.Module] = [nn.Conv2d(4 * channels + 1, features, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(features, features, 3, padding=1), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Conv2d(features, 4 * channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
        picture, sigma = x[:, :-1], x[:, -1:]
        x = torch.cat((F.pixel_unshuffle(picture, 2), F.avg_pool2d(sigma, 2)), 1)  # (N, 4C + 1, H/2, W/2)
        return F.pixel_shuffle(self.model(x), 2)[..., :height, :width]
