"""DnCNN and IRCNN: stacks of 3 × 3 convolutions that predict the noise.

DnCNN: Zhang et al., TIP 2017, arXiv:1608.03981, fig. 1. IRCNN: Zhang et al., CVPR 2017, arXiv:1704.03264,
fig. 2 (dilated convolutions; one set of weights for each small range of noise levels).

Module names are those of the weights published in KAIR.
In, out: (N, C, H, W) grey or sRGB in [0, 1], any size, not clipped: the answer is the picture, x - noise.
Parameters, grey: DnCNN-17 556,097 (557,057 with `bias`, 555,137 with the batch norm folded), DnCNN-20 667,073
(668,225; 665,921), IRCNN 185,857. Colour: 558,403 (559,363; 557,443), 669,379 (670,531; 668,227), 188,163.
"""

from __future__ import annotations

from torch import Tensor, nn


class DnCNN(nn.Module):
    """`depth` is D of the paper: 17 for one noise level, 20 for any.

    norm: batch norm in the middle convolutions, as it is trained; published weights have it folded. bias:
    whether those convolutions have one of their own beside it.
    """

    def __init__(
        self, channels: int = 1, depth: int = 17, features: int = 64, norm: bool = True, bias: bool = False
    ) -> None:
        super().__init__()
        self.channels, self.reach = channels, depth
        self.space = "gray" if channels == 1 else "srgb"
        layers: list[nn.Module] = [nn.Conv2d(channels, features, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(features, features, 3, padding=1, bias=bias or not norm))
            layers += [nn.BatchNorm2d(features), nn.ReLU()] if norm else [nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Conv2d(features, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.model(x)


class IRCNN(nn.Module):
    """Seven convolutions of dilations 1, 2, 3, 4, 3, 2, 1."""

    reach = 16

    def __init__(self, channels: int = 1, features: int = 64) -> None:
        super().__init__()
        self.channels = channels
        self.space = "gray" if channels == 1 else "srgb"
        layers: list[nn.Module] = [nn.Conv2d(channels, features, 3, padding=1), nn.ReLU()]
        for d in (2, 3, 4, 3, 2):
            layers += [nn.Conv2d(features, features, 3, padding=d, dilation=d), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Conv2d(features, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.model(x)
