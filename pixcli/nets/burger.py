"""Burger's MLP: can plain neural networks compete with BM3D?

Burger, Schuler, Harmeling, CVPR 2012. One set of weights for one level of noise.

In, out: (N, 1, H, W) grey in [0, 1], any size. The hidden layers see (x - 0.5) / 0.2.
Changed: beyond the border the last row or column is repeated, where the authors mirror.
Parameters: windows of 17 pixels and 4 × 2047, 13,762,270; of 39 with 3072, 3072, 2559, 2047, 27,811,839.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from pixcli.nets.patches import SlidingWindow


class BurgerMLP(SlidingWindow):
    """Fully connected layers with tanh, written as one convolution of the window and 1 × 1 ones."""

    channels = 1
    space = "gray"

    def __init__(
        self,
        window: int = 17,
        hidden: Sequence[int] = (2047, 2047, 2047, 2047),
        patch: int = 17,
        stride: int = 3,
    ) -> None:
        super().__init__(window, patch, stride, spread=patch // 2 / 2)
        layers: list[nn.Module] = [nn.Conv2d(1, hidden[0], window, stride), nn.Tanh()]
        for a, b in pairwise(hidden):
            layers += [nn.Conv2d(a, b, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(hidden[-1], patch * patch, 1))

    def answer(self, x: Tensor) -> Tensor:
        return self.layers(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.slide((x - 0.5) / 0.2) * 0.2 + 0.5
