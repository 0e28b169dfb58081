"""FillVAE: a conditional variational auto-encoder that fills holes, trained on its bound and on features.

After Kingma & Welling, ICLR 2014, arXiv:1312.6114, and Sohn, Lee, Yan, NIPS 2015: what a hole holds is drawn
as z, and the decoder makes it of z and of what is seen around. The layers are ours.

    picture with its hole ─ encoder ─┬────────── skips ──────────┐
    whole picture (training) ─ recogniser ─ z ─(+)──────────── decoder ─ answer

In: (N, 4, H, W) sRGB in [0, 1], and 1 in the hole; H and W multiples of 16.
Out: (N, 3, H, W) in [0, 1], the picture itself outside of the hole, which is filled for the likeliest z, 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def down(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, 2, 1), nn.ELU(), nn.Conv2d(c_out, c_out, 3, padding=1), nn.ELU()
    )


class FillVAE(nn.Module):
    """`latent` numbers say what the hole holds."""

    maps = 1
    side = 128

    def __init__(self, features: Sequence[int] = (32, 64, 128, 256), latent: int = 128) -> None:
        super().__init__()
        self.multiple = 2 ** len(features)
        self.encoder = nn.ModuleList(down(a, b) for a, b in pairwise((4, *features)))
        self.recogniser = nn.Sequential(*(down(a, b) for a, b in pairwise((3, *features))))
        self.posterior = nn.Linear(features[-1], 2 * latent)
        self.latent = nn.Linear(latent, features[-1])
        skips, outs = (4, *features[:-1]), (16, *features[:-1])
        self.decoder = nn.ModuleList(
            nn.Conv2d(f + skip, out, 3, padding=1) for f, skip, out in zip(features, skips, outs, strict=True)
        )
        self.last = nn.Conv2d(16, 3, 3, padding=1)

    def decode(self, x: Tensor, z: Tensor | None = None) -> Tensor:
        """The filled picture for a z (N, latent); None is the prior's mean."""
        f, skips = x, []
        for layer in self.encoder:
            skips.append(f)
            f = layer(f)
        if z is None:
            z = f.new_zeros(len(x), self.latent.in_features)
        f = f + self.latent(z)[..., None, None]
        for layer in reversed(self.decoder):
            f = F.interpolate(f, scale_factor=2, mode="nearest")
            f = F.elu(layer(torch.cat((f, skips.pop()), 1)))
        return torch.lerp(x[:, :3].float(), self.last(f).float().sigmoid(), x[:, 3:].float())

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(x)

    def loss(
        self,
        x: Tensor,
        whole: Tensor,
        features: Callable[[Tensor], Sequence[Tensor]] | None = None,
        weights: Sequence[float] = (),
    ) -> Tensor:
        """The negative bound a picture: ‖y - ŷ‖² + Σ λ_l ‖η_l(y) - η_l(ŷ)‖² + KL(q(z | y) ‖ N(0, 1)).

        whole: (N, 3, H, W), the truth. features: η, the maps of a network (VGG in the deck) to compare;
        weights: a λ for each.
        """
        mean, log_variance = self.posterior(self.recogniser(whole).mean((2, 3))).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        y = self.decode(x, z)
        error = (y - whole).square().sum((1, 2, 3))
        if features is not None:
            for weight, ours, truth in zip(weights, features(y), features(whole), strict=True):
                error = error + weight * (ours - truth).square().sum((1, 2, 3))
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1)
        return (error + divergence).mean()
