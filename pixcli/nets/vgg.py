"""VGG-16's convolutions, under the names of its Caffe files, as the networks of segmentation use them.

Simonyan & Zisserman, ICLR 2015, configuration D. What each of those networks changes are options.
In: (N, 3, H, W) as `caffe_input` gives it. 14,714,688 parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STAGES = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))  # multiples of the first width, convolutions
IMAGENET = (104.00699, 116.66877, 122.67892)  # mean blue, green, red


def caffe_input(x: Tensor, mean: Sequence[float] = IMAGENET) -> Tensor:
    """sRGB in [0, 1] as blue, green, red in 0..255 without the mean."""
    return x.flip(1) * 255 - torch.tensor(mean, dtype=x.dtype, device=x.device).view(3, 1, 1)


class VGG16(nn.Module):
    """width: channels of conv1; 64 as published. first: padding of conv1_1; padding: of all others.

    dilations: of the convolutions of each stage; padding grows with them. norm: batch norm before each ReLU.
    """

    def __init__(
        self,
        width: int = 64,
        first: int = 1,
        padding: int = 1,
        dilations: Sequence[int] = (1, 1, 1, 1, 1),
        norm: bool = False,
    ) -> None:
        super().__init__()
        self.widths = tuple(width * m for m, _ in STAGES)
        c = 3
        for stage, ((_, convs), out, d) in enumerate(zip(STAGES, self.widths, dilations, strict=True), 1):
            for i in range(1, convs + 1):
                pad = first if (stage, i) == (1, 1) else padding * d
                conv = nn.Conv2d(c, out, 3, padding=pad, dilation=d)
                nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
                self.add_module(f"conv{stage}_{i}", conv)
                if norm:
                    self.add_module(f"bn{stage}_{i}", nn.BatchNorm2d(out))
                c = out
        self.norm = norm

    def stage(self, number: int, x: Tensor) -> list[Tensor]:
        """The answers of each convolution of stage 1 … 5, after ReLU."""
        answers = []
        for i in range(1, STAGES[number - 1][1] + 1):
            x = self.get_submodule(f"conv{number}_{i}")(x)
            if self.norm:
                x = self.get_submodule(f"bn{number}_{i}")(x)
            answers.append(x := F.relu(x))
        return answers


def score(c_in: int, classes: int) -> nn.Conv2d:
    """A 1 × 1 classifier that begins near no opinion, however large its features are."""
    conv = nn.Conv2d(c_in, classes, 1)
    nn.init.normal_(conv.weight, std=0.01)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
