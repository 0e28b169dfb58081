"""SSDA: stacked sparse denoising auto-encoder, for noise and for holes.

Xie, Xu, Chen, NIPS 2012, Image Denoising and Inpainting with Deep Neural Networks. The sizes of the layers
are ours: the paper varies them.

In: (N, C + maps, H, W) grey or sRGB in [0, 1], any size; with `maps` 1 the last channel is 1 in the hole.
Out: (N, C, H, W) in [0, 1]. With a hole: the picture itself outside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.patches import SlidingWindow


class SSDA(SlidingWindow):
    """h = σ(W x + b) from layer to layer, and back by σ(W' h + b'); patches of `patch` pixels."""

    def __init__(
        self,
        channels: int = 1,
        maps: int = 0,
        patch: int = 8,
        hidden: Sequence[int] = (320, 320),
        stride: int = 2,
    ) -> None:
        super().__init__(patch, patch, stride)
        self.channels, self.maps = channels, maps
        self.space = "gray" if channels == 1 else "srgb"
        out = channels * patch * patch
        self.encoder = nn.ModuleList([nn.Conv2d(channels + maps, hidden[0], patch, stride)])
        self.encoder.extend(nn.Conv2d(a, b, 1) for a, b in pairwise(hidden))
        self.decoder = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise((out, *hidden)))

    def encode(self, x: Tensor, layers: int) -> Tensor:
        for layer in self.encoder[:layers]:
            x = layer(x).sigmoid()
        return x

    def answer(self, x: Tensor) -> Tensor:
        x = self.encode(x, len(self.encoder))
        for layer in reversed(self.decoder):
            x = layer(x).sigmoid()
        return x

    def forward(self, x: Tensor) -> Tensor:
        y = self.slide(x)
        own, hole = x[:, : self.channels], x[:, self.channels :]
        return torch.lerp(own.float(), y, hole.float()) if hole.shape[1] else y

    def loss(
        self,
        x: Tensor,
        clean: Tensor,
        layer: int | None = None,
        beta: float = 0.01,
        rho: float = 0.05,
        decay: float = 1e-4,
    ) -> Tensor:
        """½ ‖y - ŷ‖² a patch + β Σ KL(ρ ‖ ρ̂) + λ/2 (‖W‖² + ‖W'‖²); ρ̂ is the mean activation of a unit.

        x, clean: (N, …, H, W), what the network takes and should give. layer: which auto-encoder of the stack
        is trained by itself (the codes of the ones below it are its pictures); None for the whole stack, as
        at the end, where the paper leaves out the sparsity.
        """
        if layer is None:
            y, wanted, sparse = (
                self.answer(x),
                F.unfold(clean, self.patch, stride=self.stride),
                x.new_zeros(()),
            )
            weights = [m.weight for m in (*self.encoder, *self.decoder) if isinstance(m, nn.Conv2d)]
        else:
            h = self.encode(x, layer + 1)
            y = self.decoder[layer](h).sigmoid()
            wanted = F.unfold(clean, self.patch, stride=self.stride)
            if layer:
                full = torch.cat((clean, x[:, self.channels :] * 0), 1)  # a clean picture has no hole
                wanted = self.encode(full, layer)
            mean = h.mean((0, 2, 3)).clamp(1e-6, 1 - 1e-6)
            sparse = (rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()
            weights = [
                m.weight for m in (self.encoder[layer], self.decoder[layer]) if isinstance(m, nn.Conv2d)
            ]
        error = 0.5 * (y.flatten(2) - wanted.flatten(2)).square().sum(1).mean()
        return error + beta * sparse + decay / 2 * torch.stack([w.square().sum() for w in weights]).sum()
