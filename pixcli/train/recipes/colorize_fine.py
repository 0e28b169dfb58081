"""colorize, second stage: the same at the working size of whole photographs, with larger pictures.

Start it from the first stage, or from the weight before (`--start weights/colorize.safetensors`). The decoder
is moved by Muon, the encoder by AdamW.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from pixcli.nets.lite_colour import LiteColour
from pixcli.train.loop import Schedule
from pixcli.train.muon import Muon
from pixcli.train.recipes.colorize import Colorize
from pixcli.train.store import Source

SHARES = (0.17, 0.13, 0.07, 0.05, 0.32)  # of the sources of the first stage
LARGER = (
    Source(
        "data/photos_voc",
        0.16,
        short_side=256,
        colourful=6,
        hold_every=40,
        optional=True,
        title="1,907 photographs in the manner of Pascal VOC (public repository "
        "BernieChen96/ImageClassification, 69098f4, JPEGImages)",
        licence="none stated",
    ),
    Source(
        "data/photos_flickr",
        0.10,
        colourful=6,
        hold_every=40,
        optional=True,
        title="1,000 photographs of Flickr8k (public repository quantumnaan/sic_translator, d27da85, "
        "data/images)",
        licence="none stated",
    ),
)
MUON = 8.0  # its rate, in those of AdamW


class ColorizeFine(Colorize):
    name = "colorize_fine"
    schedule = Schedule(steps=20_000, rate=5e-4, batch=32, warmup=100, decay=0.02, ema=0.998, clip=1.0)
    sources = (*(replace(s, share=p) for s, p in zip(Colorize.sources, SHARES, strict=True)), *LARGER)
    sides = (128, 192, 224)
    odds = (0.4, 0.3, 0.3)

    def optimiser(self, net: nn.Module) -> torch.optim.Optimizer:
        assert isinstance(net, LiteColour)
        encoder, decoder = self.groups(net)
        head = {id(p) for p in net.head.parameters()}
        kernels = [p for p in decoder["params"] if p.dim() > 1 and id(p) not in head]
        rest = [p for p in decoder["params"] if p.dim() < 2 or id(p) in head]
        groups: list[dict[str, Any]] = [
            {"params": kernels, "factor": MUON},
            {"params": rest, "factor": 1.0, "adam": True},
            encoder | {"adam": True},
        ]
        return Muon(groups, lr=self.schedule.rate, decay=self.schedule.decay)


RECIPE = ColorizeFine()
