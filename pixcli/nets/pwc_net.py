"""PWC-Net: pyramid, warping and cost volume.

Sun et al., CVPR 2018, arXiv:1709.02371, fig. 3 and the released PyTorch network, whose module names these
are (it has a `deconv2` that is never used; so has this one, for its weights).

In: (N, 6, H, W), the first picture, then the second, sRGB in [0, 1]; H and W multiples of 64.
Out: (N, 2, H/4, W/4) flow in pixels of the input. `levels` gives the flow at 1/4 … 1/64, all so.
Parameters: 9,374,340.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.matching import correlation, warp_seen

PYRAMID = (16, 32, 64, 96, 128, 196)
NAMES = (*((f"conv{i}a", f"conv{i}aa", f"conv{i}b") for i in range(1, 6)), ("conv6aa", "conv6a", "conv6b"))
DENSE = (128, 128, 96, 64, 32)
CONTEXT = (128, 128, 128, 96, 64, 32)
DILATIONS = (1, 2, 4, 8, 16, 1)
DIV_FLOW = 20.0  # the layers give flow over this
SEARCH = 4


def conv(c_in: int, c_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, dilation, dilation), nn.LeakyReLU(0.1))


def deconv(c_in: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(c_in, 2, 4, 2, 1)


class PWCNet(nn.Module):
    """pyramid, dense, context: channels; as published unless told."""

    reach, multiple = None, 64

    def __init__(
        self,
        pyramid: tuple[int, ...] | list[int] = PYRAMID,
        dense: tuple[int, ...] | list[int] = DENSE,
        context: tuple[int, ...] | list[int] = CONTEXT,
    ) -> None:
        super().__init__()
        self.dense = len(dense)
        c_in = 3
        for (one, two, three), c in zip(NAMES, pyramid, strict=True):
            self.add_module(one, conv(c_in, c, 2))
            self.add_module(two, conv(c, c))
            self.add_module(three, conv(c, c))
            c_in = c
        for level in (6, 5, 4, 3, 2):
            wide = (2 * SEARCH + 1) ** 2 + (0 if level == 6 else pyramid[level - 1] + 4)
            for i, c in enumerate(dense):
                self.add_module(f"conv{level}_{i}", conv(wide, c))
                wide += c
            self.add_module(f"predict_flow{level}", nn.Conv2d(wide, 2, 3, padding=1))
            self.add_module(f"deconv{level}", deconv(2))
            if level > 2:
                self.add_module(f"upfeat{level}", deconv(wide))
        for i, (c, d) in enumerate(zip(context, DILATIONS, strict=True), 1):
            self.add_module(f"dc_conv{i}", conv(wide, c, dilation=d))
            wide = c
        self.dc_conv7 = nn.Conv2d(wide, 2, 3, padding=1)

    def pyramid(self, x: Tensor) -> list[Tensor]:
        features = []
        for names in NAMES:
            for name in names:
                x = self.get_submodule(name)(x)
            features.append(x)
        return features

    def levels(self, x: Tensor) -> list[Tensor]:
        first, second = (self.pyramid(picture.flip(1)) for picture in x.chunk(2, 1))  # it knows BGR
        flows: list[Tensor] = []
        for level in (6, 5, 4, 3, 2):
            a, b = first[level - 1], second[level - 1]
            if not flows:
                x = F.leaky_relu(correlation(a, b, SEARCH), 0.1)
            else:
                flow = self.get_submodule(f"deconv{level + 1}")(flows[0])
                above = self.get_submodule(f"upfeat{level + 1}")(x)
                b = warp_seen(b, flow * (DIV_FLOW / 2**level))
                x = torch.cat((F.leaky_relu(correlation(a, b, SEARCH), 0.1), a, flow, above), 1)
            for i in range(self.dense):
                x = torch.cat((self.get_submodule(f"conv{level}_{i}")(x), x), 1)
            flows.insert(0, self.get_submodule(f"predict_flow{level}")(x).float())
        for i in range(1, 8):
            x = self.get_submodule(f"dc_conv{i}")(x)
        flows[0] = flows[0] + x.float()
        return [flow * DIV_FLOW for flow in flows]

    def forward(self, x: Tensor) -> Tensor:
        return self.levels(x)[0]
