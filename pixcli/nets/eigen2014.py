"""Eigen 2014: depth from one picture, in two scales: the whole scene coarsely, then what edges tell.

Eigen, Puhrsch & Fergus, NeurIPS 2014, arXiv:1406.2283, fig. 1.

In: (N, 3, H, W) sRGB in [0, 1] of exactly `size` (height, width).
Out: (N, 1, h, w) natural logarithm of the depth in metres; 55 × 74 for 228 × 304. `coarse` gives the first
scale's answer, on which that scale is trained before it is frozen.
Parameters: 70,757,734 (coarse) + 119,437 (fine).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CoarseConvs(nn.Sequential):
    """Five convolutions down to 1/37: 6 × 8 cells of 228 × 304 pixels."""

    channels = 256

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, 2), nn.ReLU()),
        )

    @staticmethod
    def cells(pixels: int) -> int:
        return (((pixels - 11) // 4 + 1) // 4 - 3) // 2 + 1


class Eigen2014(nn.Module):
    """hidden: numbers that sum up the scene."""

    reach = None

    def __init__(self, size: tuple[int, int] | list[int] = (228, 304), hidden: int = 4096) -> None:
        super().__init__()
        self.size = tuple(size)
        cells = [CoarseConvs.cells(s) for s in size]
        self.answer = [(s - 11) // 4 + 1 for s in size]
        self.convs = CoarseConvs()
        self.full = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(256 * cells[0] * cells[1], hidden), nn.ReLU(), nn.Dropout()),
            nn.Linear(hidden, self.answer[0] * self.answer[1]),
        )
        self.edges = nn.Sequential(nn.Conv2d(3, 63, 9, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.fine = nn.Sequential(
            *(nn.Conv2d(64, 64, 5, padding=2), nn.ReLU()),
            nn.Conv2d(64, 1, 5, padding=2),
        )

    def coarse(self, x: Tensor) -> Tensor:
        return self.full(self.convs(x - 0.5)).unflatten(1, (1, *self.answer))

    def forward(self, x: Tensor) -> Tensor:
        edges = self.edges(x - 0.5)
        edges = F.pad(edges, (0, self.answer[1] - edges.shape[3], 0, self.answer[0] - edges.shape[2]))
        return self.fine(torch.cat((edges, self.coarse(x)), 1)).float()
