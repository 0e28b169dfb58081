"""Dilated front end and context module: dense prediction at 1/8 without pooling further down.

Yu & Koltun, ICLR 2016, arXiv:1511.07122, table 1. No convolution is padded: the picture is, by reflection.
In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 8. Out: (N, classes, H/8, W/8) logits.
Parameters, 21 classes: front end 134,346,581; context module 28,392 (basic), 6,803,139 (large).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.vgg import VGG16, caffe_input, score

MARGIN = 186  # pixels that the front end loses on each side
MEAN = (102.93, 111.36, 116.52)  # of VOC
CONTEXT = (  # dilation, multiples of the classes in the large form
    ("ct_conv1_1", 1, 2),
    ("ct_conv1_2", 1, 2),
    ("ct_conv2_1", 2, 4),
    ("ct_conv3_1", 4, 8),
    ("ct_conv4_1", 8, 16),
    ("ct_conv5_1", 16, 32),
    ("ct_fc1", 1, 32),
    ("ct_final", 1, 1),
)


def mirrored(x: Tensor, margin: int) -> Tensor:
    """Padded by reflection without repeating the border, again and again where the picture is small."""
    for dim in (2, 3):
        last = x.shape[dim] - 1
        at = torch.arange(-margin, x.shape[dim] + margin, device=x.device)
        at = at.remainder(2 * last) if last else at * 0
        x = x.index_select(dim, torch.minimum(at, 2 * last - at))
    return x


def identity_(conv: nn.Conv2d, classes: int, noise: float = 0.01) -> None:
    """Fill it so that groups of channels, one a class, are passed on: what a random start does not learn."""
    out, into, k, _ = conv.weight.shape
    to, of = torch.arange(out) * classes // out, torch.arange(into) * classes // into
    with torch.no_grad():
        conv.weight.normal_(0, noise) if noise else conv.weight.zero_()
        centre = conv.weight[:, :, k // 2, k // 2]
        centre[to[:, None] == of] = classes / out
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]


class Context(nn.Module):
    """(N, C, h, w) scores → the same, each seen in its surroundings of 67 × 67 cells."""

    def __init__(self, classes: int = 21, large: bool = False, noise: float = 0.01) -> None:
        super().__init__()
        c = classes
        for name, dilation, times in CONTEXT:
            out = classes * times if large else classes
            kernel = 1 if name == "ct_final" else 3
            conv = nn.Conv2d(c, out, kernel, dilation=dilation)
            identity_(conv, classes, noise)
            self.add_module(name, conv)
            c = out

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (33,) * 4)  # as released: all padding at the first convolution
        for name, _, _ in CONTEXT[:-1]:
            x = F.relu(self.get_submodule(name)(x))
        return self.get_submodule("ct_final")(x)


class Dilation(nn.Module):
    """context: "" for the front end alone, "basic" or "large"."""

    reach, multiple = None, 8

    def __init__(self, classes: int = 21, context: str = "", width: int = 64, hidden: int = 4096) -> None:
        super().__init__()
        if context not in ("", "basic", "large"):
            raise ValueError(f"context must be empty, basic or large, not {context!r}")
        self.trunk = VGG16(width, first=0, padding=0, dilations=(1, 1, 1, 1, 2))
        self.fc6 = nn.Conv2d(8 * width, hidden, 7, dilation=4)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.fc_final = score(hidden, classes)
        self.context = Context(classes, context == "large") if context else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.context(self.front(mirrored(caffe_input(x, MEAN), MARGIN)))

    def front(self, x: Tensor) -> Tensor:
        """Of a picture with its margin of 186 pixels: a side of 900 gives 66."""
        for stage in range(1, 6):
            x = self.trunk.stage(stage, x)[-1]
            if stage < 4:
                x = F.max_pool2d(x, 2)
        x = F.dropout(F.relu(self.fc6(x)), 0.5, self.training)
        return self.fc_final(F.dropout(F.relu(self.fc7(x)), 0.5, self.training))
