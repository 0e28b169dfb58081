"""colorize, further stages: as much at the working size of whole photographs, half from larger pictures.

Start it from the last checkpoint of `colorize` or of itself (`--start runs/colorize/last.pt`). A finished
weight lacks the part of the rebalancing that its calibration took back, and has to learn that anew.
"""

from __future__ import annotations

from dataclasses import replace

from pixcli.train.loop import Schedule
from pixcli.train.recipes.colorize import Colorize

SHARES = (0.20, 0.18, 0.07, 0.05, 0.34, 0.12, 0.04)  # of the sources of the first stage


class ColorizeFine(Colorize):
    name = "colorize_fine"
    schedule = Schedule(steps=6_000, rate=6e-4, batch=32, warmup=100, decay=0.02, ema=0.998, clip=1.0)
    sources = tuple(replace(s, share=p) for s, p in zip(Colorize.sources, SHARES, strict=True))
    sides = (128, 192, 256)
    odds = (0.4, 0.35, 0.25)


RECIPE = ColorizeFine()
