"""SegNet: an encoder–decoder that enlarges by putting values back where pooling took them from.

Badrinarayanan, Kendall & Cipolla, PAMI 2017, arXiv:1511.00561, fig. 2.
In: (N, 3, H, W) sRGB in [0, 1], any size. Out: (N, classes, H, W) logits.
Parameters: 29,449,355 with 11 classes, 29,449,932 with 12, 29,455,125 with 21; SegNet-Basic, 11: 1,416,587.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

ENCODER = ((1, 1), (2, 2), (4, 4, 4), (8, 8, 8), (8, 8, 8))  # multiples of the first width
DECODER = ((8, 8, 8), (8, 8, 4), (4, 4, 2), (2, 1), (1,))


def stack(c_in: int, widths: Sequence[int], kernel: int = 3, relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    for c in widths:
        layers += [nn.Conv2d(c_in, c, kernel, padding=kernel // 2), nn.BatchNorm2d(c)]
        layers += [nn.ReLU()] if relu else []
        c_in = c
    return nn.Sequential(*layers)


class SegNet(nn.Module):
    """basic: four stages of one 7 × 7 convolution each, no ReLU in the decoder, a 1 × 1 classifier."""

    def __init__(self, classes: int = 11, basic: bool = False, width: int = 64) -> None:
        super().__init__()
        down: Sequence[Sequence[int]] = ((1,),) * 4 if basic else ENCODER
        up: Sequence[Sequence[int]] = ((1,),) * 4 if basic else DECODER
        kernel, c = (7 if basic else 3), 3
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for stage in down:
            self.encoder.append(stack(c, [width * m for m in stage], kernel))
            c = width * stage[-1]
        for stage in up:
            self.decoder.append(stack(c, [width * m for m in stage], kernel, relu=not basic))
            c = width * stage[-1]
        self.classifier = nn.Conv2d(c, classes, 1 if basic else 3, padding=0 if basic else 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flip(1) * 255  # as the release was fed: blue, green, red, no mean
        places = []
        for stage in self.encoder:
            x = stage(x)
            size = x.shape[2:]
            x, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            places.append((indices, size))
        for stage in self.decoder:
            indices, size = places.pop()
            x = stage(F.max_unpool2d(x, indices, (2, 2), output_size=list(size)))
        return self.classifier(x)
