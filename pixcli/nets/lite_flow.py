"""LiteFlow: motion by a pyramid of features, warped and compared, with one decoder for all levels.

After PWC-Net (Sun et al., CVPR 2018: pyramid, warping, cost volume, dilated context) and IRR (Hur & Roth,
CVPR 2019: one decoder, whose answers are added to the last level's). Features are centred and of unit length
before they are compared. What the comparison says by itself, the mean of the displacements weighted by its
softmax, goes into the decoder, which says how much of it to believe (after GMFlow, Xu et al., CVPR 2022);
trained on directly, it makes features that can be matched from the first steps on. The last enlargement is
RAFT's (Teed & Deng, ECCV 2020): each pixel is a weighted mean of the nine cells around it.

    each level, 1/32 … 1/4:  flow, hidden ×2 up ─ warp b ─ correlate 9 × 9 ─ match ─ decoder ─(+)─ flow
    at 1/4:                  hidden ─ dilated context ─(+)─ flow ─ ×4 by weighted means ─ answer

In: (N, 6, H, W), the first picture, then the second, sRGB in [0, 1]; H and W multiples of 32.
Out: (N, 2, H, W) flow in pixels, float32. `levels` gives that, then the flow at 1/4, 1/8, 1/16, 1/32, all in
pixels of the input; and as many flows as the matches alone would give, from the finest on.
Flow and places are float32 under autocast too. 1,756,294 parameters.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.matching import correlation, warp

SEARCH = 4
UP = 4  # the answer is found at 1/4
DILATIONS = (1, 2, 4, 8, 16, 1)
SHARP = 15.0  # of the softmax over cosines, at first


def conv(c_in: int, c_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, dilation, dilation), nn.LeakyReLU(0.1))


class LiteFlow(nn.Module):
    """pyramid: channels at 1/2 … 1/32. decoder: of its convolutions, the last is what is handed up.

    common: to how many channels each level's features are brought. context: of the dilated convolutions.
    """

    reach, multiple = None, 32
    offsets: Tensor

    def __init__(
        self,
        pyramid: tuple[int, ...] | list[int] = (32, 48, 64, 96, 96),
        common: int = 48,
        decoder: tuple[int, ...] | list[int] = (128, 128, 96, 96, 64),
        context: tuple[int, ...] | list[int] = (96, 96, 96, 96, 64, 64),
    ) -> None:
        super().__init__()
        self.multiple = 2 ** len(pyramid)
        self.pyramid = nn.ModuleList(
            nn.Sequential(conv(a, b, 2), conv(b, b), conv(b, b))
            for a, b in zip([3, *pyramid], pyramid, strict=False)
        )
        self.common = nn.ModuleList(nn.Conv2d(c, common, 1) for c in pyramid[1:])
        self.hidden = decoder[-1]
        known = (2 * SEARCH + 1) ** 2 + common + self.hidden + 4
        self.decoder = nn.Sequential(*(conv(a, b) for a, b in zip([known, *decoder], decoder, strict=False)))
        self.predict = nn.Conv2d(self.hidden, 3, 3, padding=1)
        self.sharp = nn.Parameter(torch.tensor([math.log(SHARP)]))
        steps = torch.arange(-SEARCH, SEARCH + 1.0)
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        self.register_buffer("offsets", torch.stack((x, y)).flatten(1), persistent=False)
        widths = [self.hidden + 2, *context]
        self.context = nn.Sequential(
            *(conv(a, b, dilation=d) for a, b, d in zip(widths, context, DILATIONS, strict=False))
        )
        self.refine = nn.Conv2d(context[-1], 2, 3, padding=1)
        self.weigh = nn.Sequential(conv(context[-1], 96), nn.Conv2d(96, 9 * UP * UP, 1))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):  # by default a signal is lost in as many layers as these
                nn.init.kaiming_normal_(m.weight, 0.1)
                nn.init.zeros_(m.bias)  # type: ignore[arg-type]
        for last in (self.predict, self.refine, self.weigh[-1]):
            last.weight.data.mul_(0.02)  # type: ignore[operator]

    def features(self, x: Tensor) -> list[Tensor]:
        """At 1/4 and coarser, each of mean square 1: their mean product is a cosine."""
        x, maps = 2 * x - 1, []
        for i, convs in enumerate(self.pyramid):
            x = convs(x)
            if i:
                f = self.common[i - 1](x).float()
                f = f - f.mean((2, 3), keepdim=True)  # else all cosines are near 1 and say little
                maps.append(f * (f.square().mean(1, keepdim=True) + 1e-6).rsqrt())
        return maps

    def match(self, compared: Tensor) -> Tensor:
        """(N, 2, h, w): the mean displacement, in cells, of what was compared (N, 81, h, w)."""
        with torch.autocast(compared.device.type, enabled=False):
            share = (self.sharp.exp() * compared).softmax(1)
            return torch.einsum("kd,ndhw->nkhw", self.offsets, share)

    def levels(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        n = x.shape[0]
        both = self.features(torch.cat(x.chunk(2, 1)))
        h, w = both[-1].shape[2:]
        flow, hidden = x.new_zeros(n, 2, h, w, dtype=torch.float32), x.new_zeros(n, self.hidden, h, w)
        flows: list[Tensor] = []
        matched: list[Tensor] = []
        for i in reversed(range(len(both))):
            a, b = both[i].chunk(2)
            if flows:
                flow, hidden = 2 * larger(flow), larger(hidden)
            compared = correlation(a, warp(b, flow), SEARCH)
            found = self.match(compared)
            matched.insert(0, (flow.detach() + found) * UP * 2**i)
            hidden = self.decoder(torch.cat((compared, a, hidden.float(), flow / 8, found), 1))
            said = self.predict(hidden).float()
            flow = flow + said[:, :2] + said[:, 2:].sigmoid() * found
            flows.insert(0, flow * UP * 2**i)
        f = self.context(torch.cat((hidden.float(), flow / 8), 1))
        flow = flow + self.refine(f).float()
        flows[0] = flow * UP
        return [enlarged(flows[0], self.weigh(f).float()), *flows], matched

    def forward(self, x: Tensor) -> Tensor:
        return self.levels(x)[0][0]


def larger(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def enlarged(flow: Tensor, weights: Tensor) -> Tensor:
    """flow (N, 2, h, w) four times as large; weights (N, 144, h, w): of the nine cells, before softmax."""
    n, _, h, w = flow.shape
    weights = weights.view(n, 1, 9, UP, UP, h, w).softmax(2)
    around = F.unfold(F.pad(flow, (1, 1, 1, 1), mode="replicate"), 3).view(n, 2, 9, 1, 1, h, w)
    return (weights * around).sum(2).permute(0, 1, 4, 2, 5, 3).reshape(n, 2, UP * h, UP * w)
