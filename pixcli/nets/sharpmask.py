"""DeepMask and SharpMask: the mask of the object in a window's middle, refined level by level.

Pinheiro et al., NIPS 2015, arXiv:1506.06204, and ECCV 2016, arXiv:1603.08695, fig. 2: ResNet-50 up to 1/16,
and a module that adds what a level of the trunk says (horizontal) to what came from above (vertical).
In: (N, 3, side + 32, side + 32) sRGB in [0, 1]: the window of 160 and 16 pixels around it.
Out: (N, 1, side, side) logits of the mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.resnet import ResNet


def conv(c_in: int, c_out: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, padding=1, padding_mode="replicate")


class Refinement(nn.Module):
    """mask features (N, c, h, w) and the trunk's level → (N, c/2, 2h, 2w)."""

    def __init__(self, level: int, between: int, c: int) -> None:
        super().__init__()
        self.horizontal = nn.Sequential(
            conv(level, between), nn.ReLU(), conv(between, c), nn.ReLU(), conv(c, c // 2)
        )
        self.vertical = nn.Sequential(conv(c, c), nn.ReLU(), conv(c, c // 2))

    def forward(self, mask: Tensor, level: Tensor) -> Tensor:
        return F.interpolate(F.relu(self.horizontal(level) + self.vertical(mask)), scale_factor=2)


class SharpMask(nn.Module):
    """features: of the mask at 1/16, halved at each refinement."""

    reach = None

    def __init__(
        self, side: int = 160, features: int = 32, width: int = 64, depths: Sequence[int] = (3, 4, 6)
    ) -> None:
        super().__init__()
        self.multiple, self.cells, self.features = side + 32, side // 16, features
        self.trunk = ResNet(depths, width)
        self.reduce = nn.Conv2d(self.trunk.widths[-1], 2 * width, 1)
        self.bottleneck = nn.Linear(2 * width * self.cells**2, 8 * width)
        self.vertical = nn.Linear(8 * width, self.cells**2 * features)
        self.score = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(8 * width, 16 * width),
            nn.Threshold(0, 1e-6),
            nn.Dropout(0.5),
            nn.Linear(16 * width, 1),
        )
        levels = (*reversed(self.trunk.widths), width)
        self.refine = nn.ModuleList(
            Refinement(c, width // 2 if i == 3 else width, features >> i) for i, c in enumerate(levels)
        )
        self.last = conv(features >> 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        mask, levels, _ = self.encode(x)
        for refine, level in zip(self.refine, levels, strict=True):
            mask = refine(mask, level)
        return self.last(mask)

    def objectness(self, x: Tensor) -> Tensor:
        """(N,) logits: whether an object stands whole in the middle of the window."""
        return self.score(self.encode(x)[2])[:, 0]

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Features of the mask at 1/16; the trunk's levels without the margin, coarse first; the code."""
        half = self.trunk.stem(x)
        levels = [half]
        y = F.max_pool2d(half, 3, 2, 1)
        for i in range(1, 4):
            levels.append(y := self.trunk.get_submodule(f"layer{i}")(y))
        levels = [level[..., c:-c, c:-c] for level, c in zip(reversed(levels), (1, 2, 4, 8), strict=True)]
        code = self.bottleneck(F.relu(self.reduce(levels[0])).flatten(1))
        return torch.relu(self.vertical(code)).view(-1, self.features, self.cells, self.cells), levels, code
