"""Köhler's MLP: holes are filled by a network that sees the mask of each patch.

Köhler, Schuler, Schölkopf, Harmeling, GCPR 2014, Mask-specific inpainting with deep neural networks. Trained
with one mask it is specific to that, with many it serves all. The sizes are ours: those of Burger's MLP, from
which it comes.

In: (N, C + 1, H, W) grey or sRGB in [0, 1], and 1 in the hole; any size. Out: (N, C, H, W), not clipped, the
picture itself outside of the hole.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from pixcli.nets.patches import SlidingWindow


class KoehlerMLP(SlidingWindow):
    """Fully connected layers with tanh; pixels are centred and 0 in the hole."""

    maps = 1

    def __init__(
        self,
        channels: int = 3,
        window: int = 39,
        hidden: Sequence[int] = (2047, 2047, 2047),
        patch: int = 13,
        stride: int = 3,
    ) -> None:
        super().__init__(window, patch, stride, spread=patch // 2 / 2)
        self.channels = channels
        self.space = "gray" if channels == 1 else "srgb"
        layers: list[nn.Module] = [nn.Conv2d(channels + 1, hidden[0], window, stride), nn.Tanh()]
        for a, b in pairwise(hidden):
            layers += [nn.Conv2d(a, b, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(hidden[-1], channels * patch * patch, 1))

    def answer(self, x: Tensor) -> Tensor:
        return self.layers(x)

    def forward(self, x: Tensor) -> Tensor:
        own, hole = x[:, :-1], x[:, -1:]
        fill = self.slide(torch.cat(((own - 0.5) / 0.2 * (1 - hole), hole), 1)) * 0.2 + 0.5
        return torch.lerp(own.float(), fill, hole.float())
