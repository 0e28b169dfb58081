"""colorize, third stage: mostly whole photographs; the error of the shown colour beside the cross-entropy.

Start it from the average of the first two stages, or from the last checkpoint of `colorize_fine`.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from pixcli.nets.ab_bins import bins
from pixcli.train.loop import Schedule
from pixcli.train.recipes.colorize import KEPT, Colorize
from pixcli.train.recipes.colorize_fine import ColorizeFine
from pixcli.train.store import Source

SHARES = (0.08, 0.17, 0.08, 0.07, 0.10)  # of the sources of the first stage
TEMPERATURE = 1.1  # of the mean that is shown
GREY = 300.0  # ab squared: about what grey misses by


class ColorizeMean(ColorizeFine):
    name = "colorize_mean"
    schedule = Schedule(steps=12_000, rate=4e-4, batch=32, warmup=100, decay=0.02, ema=0.998, clip=1.0)
    sources = (
        *(replace(s, share=p) for s, p in zip(Colorize.sources, SHARES, strict=True)),
        Source(
            "data/photos_web",
            0.50,
            short_side=320,
            colourful=6,
            hold_every=40,
            optional=True,
            title="photographs of everyday scenes from public repositories",
            licence="as of the sets named",
        ),
    )

    def colour_loss(self, logits: Tensor, ab: Tensor) -> Tensor:
        if not hasattr(self, "taken"):
            self.taken = (1 - KEPT) * self.weights.log().to(logits.device)[:, None, None]
            self.bins = bins().to(logits.device)
        share = ((logits - self.taken) / TEMPERATURE).softmax(1)
        shown = torch.einsum("nkhw,kc->nchw", share, self.bins)
        return super().colour_loss(logits, ab) + F.mse_loss(shown, ab) * 2 / GREY


RECIPE = ColorizeMean()
