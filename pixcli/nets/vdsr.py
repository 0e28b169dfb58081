"""VDSR: twenty 3×3 convolutions that learn what bicubic enlargement lost.

Kim et al., CVPR 2016, arXiv:1511.04587, fig. 2.

One set of weights serves all scales: forward(x, scale).
In: (N, 3, H, W) sRGB values in [0, 1]. Out: (N, 3, sH, sW).
Parameters: 664,704 without bias, 665,921 with.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from pixcli.nets.luma import OnLuma, same


class VDSR(OnLuma):
    """`depth` convolutions of `features` channels with ReLU between, plus the input."""

    scales = (2, 3, 4)

    def __init__(self, depth: int = 20, features: int = 64, bias: bool = True, channels: int = 1) -> None:
        super().__init__(channels, scale=min(self.scales), extent=depth)
        widths = [channels, *[features] * (depth - 1), channels]
        self.layers = nn.ModuleList(same(a, b, 3, bias) for a, b in pairwise(widths))
        for conv in self.layers.children():
            nn.init.kaiming_normal_(conv.weight)  # type: ignore[arg-type]

    def mend(self, x: Tensor) -> Tensor:
        residual = x
        for conv in self.layers[:-1]:
            residual = conv(residual).relu()
        return x + self.layers[-1](residual)
