"""denoise-grey: the network of denoise with one channel, for old films and photographs.

It may begin from denoise's weight: three equal channels through that network are one through this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from pixcli.train.photographs import SHARP
from pixcli.train.recipes.denoise import Denoise
from pixcli.train.restore import LITTLE, LUMA, Pixels

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from pixcli.train.loop import Batch

SHARES = (0.4, 0.45, 0.05, 0.1)  # of the sources: as much of BSDS500 as of larger pictures


class DenoiseGrey(Denoise):
    name = "denoise_grey"
    arguments = Denoise.arguments | {"colours": 1}
    schedule = replace(Denoise.schedule, batch=9)
    patch = 128  # fewer of the pixels lie near an edge than in smaller crops
    sources = tuple(replace(s, share=share) for s, share in zip(SHARP, SHARES, strict=True))
    title = "Noise of grey cameras, films and files removed; σ 0 to 55, known or not"

    def adopt(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        head, tail = weights["head.weight"], weights["tail.weight"]
        if tail.shape[0] == 4:
            return weights
        colours, level = head.split((12, 4), 1)  # each: the four places of a halved pixel
        head = torch.cat([colours.unflatten(1, (3, 4)).sum(1), level], 1)
        return weights | {"head.weight": head, "tail.weight": tail.unflatten(0, (3, 4)).mean(0)}

    def pair(self, clean: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        grey = (clean @ LUMA)[..., None]
        return self.degrade(grey.repeat(3, 2), rng)[..., 2:], grey

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        """The mean over the crops of the root of the squared error: what PSNR sees, at every level alike."""
        squared = (net(batch["low"]) - batch["high"]).square().mean((1, 2, 3))
        return (squared + LITTLE**2 / 100).sqrt().mean()


RECIPE = DenoiseGrey()
