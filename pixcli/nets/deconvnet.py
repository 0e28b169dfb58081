"""DeconvNet: VGG-16 mirrored, from a single cell back to the picture by unpooling and convolving.

Noh, Hong & Han, ICCV 2015, arXiv:1505.04366, fig. 2. It sees one window, of 224 × 224 as published.
In: (N, 3, side, side) sRGB in [0, 1]. Out: (N, classes, side, side) logits. Parameters: 251,805,653.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.vgg import VGG16, caffe_input

GROUPS = ((8, 8, 8), (8, 8, 4), (4, 4, 2), (2, 1), (1, 1))  # at 1/16 … 1/1, multiples of the first width


def unit(conv: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU())


class DeconvNet(nn.Module):
    """side: of the window, a multiple of 32."""

    reach = None

    def __init__(self, classes: int = 21, side: int = 224, width: int = 64, hidden: int = 4096) -> None:
        super().__init__()
        self.multiple, window, c = side, side // 32, 8 * width
        self.trunk = VGG16(width, norm=True)
        self.fc6, self.fc7 = unit(nn.Conv2d(c, hidden, window)), unit(nn.Conv2d(hidden, hidden, 1))
        self.fc6_deconv = unit(nn.ConvTranspose2d(hidden, c, window))
        self.groups = nn.ModuleList()
        for group in GROUPS:
            layers = []
            for m in group:
                layers.append(unit(nn.ConvTranspose2d(c, m * width, 3, padding=1)))
                c = m * width
            self.groups.append(nn.Sequential(*layers))
        self.seg_score = nn.Conv2d(c, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x, places = caffe_input(x), []
        for stage in range(1, 6):
            x, indices = F.max_pool2d(self.trunk.stage(stage, x)[-1], 2, return_indices=True)
            places.append(indices)
        x = self.fc6_deconv(self.fc7(self.fc6(x)))
        for group in self.groups:
            x = group(F.max_unpool2d(x, places.pop(), (2, 2)))
        return self.seg_score(x)
