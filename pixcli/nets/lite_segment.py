"""LiteSegment: what each pixel shows, by EfficientNet-Lite0 and the shared top-down decoder.

In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32. Out: (N, classes, H/finest, W/finest) logits; with
several heads their classes follow each other, and `by_head` takes them apart.
64 channels, one head of 11 classes: 3,238,219 parameters with the answer at 1/4, 3,276,299 at 1/2.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pixcli.nets.efficientnet_lite import EfficientNetLite0
from pixcli.nets.top_down import TopDown, lite_input


class LiteSegment(nn.Module):
    """heads: the number of classes of each set of labels, by its name."""

    reach, multiple, side = None, 32, 360

    def __init__(self, heads: Mapping[str, int] | None = None, channels: int = 64, finest: int = 2) -> None:
        super().__init__()
        self.classes = dict(heads or {"labels": 11})
        self.encoder = EfficientNetLite0()
        self.decoder = TopDown(channels=channels, finest=finest)
        self.heads = nn.ModuleDict({name: nn.Conv2d(channels, n, 1) for name, n in self.classes.items()})

    def forward(self, x: Tensor) -> Tensor:
        finest = self.decoder(self.encoder(lite_input(x)))[0]
        return torch.cat([head(finest) for head in self.heads.values()], 1)

    def by_head(self, logits: Tensor) -> dict[str, Tensor]:
        """The channels of each head, by its name."""
        return dict(zip(self.classes, logits.split(list(self.classes.values()), 1), strict=True))
