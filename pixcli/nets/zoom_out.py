"""Zoom-out features: a superpixel is told by itself, by its surroundings and by the whole scene.

Mostajabi, Yadollahpour & Shakhnarovich, CVPR 2015, arXiv:1412.0774: the means over it of VGG-16's 13 layers
(4,224 numbers), the fully connected features of its neighbourhood (4,096) and of the picture (4,096): 12,416.
In: (N, 4, H, W) sRGB in [0, 1] and each pixel's superpixel, counted from 0; H and W multiples of 32.
Out: (N, classes, H, W) logits, alike within a superpixel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.vgg import STAGES, VGG16, caffe_input

CHUNK = 8  # neighbourhoods at a time


class ZoomOut(nn.Module):
    """radius: in superpixels, of the neighbourhood. window: its side, warped. units: of the classifier."""

    reach, multiple, maps = None, 32, 1

    def __init__(
        self,
        classes: int = 21,
        radius: int = 3,
        window: int = 256,
        width: int = 64,
        hidden: int = 4096,
        units: int = 1024,
    ) -> None:
        super().__init__()
        self.radius, self.window = radius, window
        self.trunk = VGG16(width)
        self.fc6 = nn.Linear(8 * width * (window // 32) ** 2, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.features = sum(width * m * n for m, n in STAGES) + 2 * hidden
        self.norm = nn.LayerNorm(self.features, elementwise_affine=False)
        self.classifier = nn.Sequential(
            nn.Linear(self.features, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU(),
            nn.Linear(units, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        pictures = caffe_input(x[:, :3]).split(1)
        return torch.stack([self.one(p, s.long()) for p, s in zip(pictures, x[:, 3], strict=True)])

    def one(self, picture: Tensor, of: Tensor) -> Tensor:
        of = of.unique(return_inverse=True)[1]
        return self.classifier(self.norm(self.describe(picture, of)))[of].permute(2, 0, 1)

    def describe(self, picture: Tensor, of: Tensor) -> Tensor:
        """(superpixels, features); of: (H, W) numbers without gaps."""
        count = int(of.max()) + 1
        sizes = of.flatten().bincount().to(picture)[:, None]
        parts, y = [], picture
        for stage in range(1, 6):
            layers = self.trunk.stage(stage, F.max_pool2d(y, 2) if stage > 1 else y)
            for layer in layers:
                full = F.interpolate(layer.float(), size=of.shape, mode="bilinear", align_corners=False)
                sums = full.new_zeros(count, full.shape[1]).index_add(0, of.flatten(), full[0].flatten(1).T)
                parts.append(sums / sizes)
            y = layers[-1]
        boxes = neighbourhoods(of, self.radius).tolist()
        crops = [self.warped(picture[..., top:bottom, left:right]) for top, left, bottom, right in boxes]
        parts.append(torch.cat([self.seen(torch.cat(crops[i : i + CHUNK])) for i in range(0, count, CHUNK)]))
        parts.append(self.seen(self.warped(picture)).expand(count, -1))
        return torch.cat(parts, 1)

    def warped(self, x: Tensor) -> Tensor:
        return F.interpolate(x, size=(self.window, self.window), mode="bilinear", align_corners=False)

    def seen(self, x: Tensor) -> Tensor:
        for stage in range(1, 6):
            x = F.max_pool2d(self.trunk.stage(stage, x)[-1], 2)
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))


def neighbourhoods(of: Tensor, radius: int) -> Tensor:
    """(superpixels, 4) top, left, bottom, right around all that lie within `radius` steps."""
    count = int(of.max()) + 1
    touch = torch.eye(count, dtype=torch.bool, device=of.device)
    for a, b in ((of[1:], of[:-1]), (of[:, 1:], of[:, :-1])):
        touch[a.flatten(), b.flatten()] = touch[b.flatten(), a.flatten()] = True
    near = torch.matrix_power(touch.double(), radius) > 0
    ends = []
    for axis in (0, 1):
        n = of.shape[axis]
        place = (
            torch.arange(n, device=of.device).view(-1, 1) if axis == 0 else torch.arange(n, device=of.device)
        )
        place, index = place.expand_as(of).flatten(), of.flatten()
        first = torch.full((count,), n, device=of.device).scatter_reduce(0, index, place, "amin")
        last = torch.full((count,), -1, device=of.device).scatter_reduce(0, index, place, "amax")
        ends.append(torch.where(near, first, n).amin(1))
        ends.append(torch.where(near, last, -1).amax(1) + 1)
    return torch.stack((ends[0], ends[2], ends[1], ends[3]), 1)
