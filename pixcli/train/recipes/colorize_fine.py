"""colorize, second stage: the same at the working size of whole photographs, mostly from larger pictures.

Start it from the last checkpoint of `colorize` (`--start runs/colorize/last.pt`).
"""

from __future__ import annotations

from dataclasses import replace

from pixcli.train.loop import Schedule
from pixcli.train.recipes.colorize import Colorize

SHARES = (0.25, 0.25, 0.10, 0.05, 0.35)  # of the sources of the first stage


class ColorizeFine(Colorize):
    name = "colorize_fine"
    schedule = Schedule(steps=3_000, rate=3e-4, batch=32, warmup=50, decay=0.02, ema=0.998, clip=1.0)
    sources = tuple(replace(s, share=p) for s, p in zip(Colorize.sources, SHARES, strict=True))
    sides = (192, 224, 256)
    odds = (0.4, 0.4, 0.2)


RECIPE = ColorizeFine()
