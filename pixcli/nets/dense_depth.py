"""DenseDepth: a DenseNet-169 brought up again by bilinear enlargement and pairs of convolutions.

Alhashim & Wonka 2018, arXiv:1812.11941, fig. 3 and table 5. The encoder is torchvision's, which halves by
rounding as PyTorch does; the released Keras weights, which halve otherwise, are not for this one.

In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32. Out: (N, 1, H/2, W/2), 10 m over the depth, 1..100.
Parameters: 42,657,689; with half the decoder's features (832, the code's default) 21,365,405.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = ("transition2", "transition1", "pool0", "relu0")  # at 1/16, 1/8, 1/4, 1/2


class Up(nn.Module):
    """Twice as large, beside what was skipped, and two convolutions."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            *(nn.Conv2d(c_in, c_out, 3, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(c_out, c_out, 3, padding=1), nn.LeakyReLU(0.2)),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.convs(torch.cat((x, skip), 1))


class DenseDepth(nn.Module):
    """features: where the decoder starts, None for all that the encoder gives. blocks, growth: DenseNet's."""

    reach, multiple = None, 32

    def __init__(
        self,
        features: int | None = None,
        blocks: tuple[int, ...] | list[int] = (6, 12, 32, 32),
        growth: int = 32,
    ) -> None:
        super().__init__()
        from torchvision.models import DenseNet

        self.encoder = DenseNet(growth, tuple(blocks), num_classes=1).features
        widths, c = [64, 64], 64
        for layers in blocks[:-1]:
            c = (c + layers * growth) // 2
            widths.append(c)
        deepest = c + blocks[-1] * growth
        f = features or deepest
        self.conv2 = nn.Conv2d(deepest, f, 1)
        self.up = nn.ModuleList(Up((f >> i) + widths[3 - i], f >> i + 1) for i in range(4))
        self.conv3 = nn.Conv2d(f >> 4, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for name, layer in self.encoder.named_children():
            x = layer(x)
            if name in TAPS:
                skips.append(x)
        x = self.conv2(F.relu(x))
        for up in self.up:
            x = up(x, skips.pop())
        return self.conv3(x).float()
