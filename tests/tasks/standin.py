"""Functions of pictures that stand where a restoration task's network stands."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from pixcli.infer.device import choose
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
from pixcli.media import Picture
from pixcli.models import Card, Model

PICTURE = np.random.default_rng(0).integers(0, 256, (37, 43, 3), dtype=np.uint8)


class Net(nn.Module):
    """Any function of (N, C, H, W) as a network; channels, maps: as networks say them."""

    def __init__(self, function, channels=3, maps=0, blind=True):
        super().__init__()
        self.function, self.channels, self.maps, self.blind = function, channels, maps, blind

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def attached(task, function, footprint=Footprint(reach=8), **net):  # noqa: B008
    device = choose("cpu").torch
    card = Card("made", task.name, "none", None, footprint=footprint)
    task.attach(Model(card, Net(function, **net)), lambda net, footprint: Runner(net, footprint, device))
    return task


def through(task, pixels, alpha=None, name=""):
    picture = Picture(pixels if pixels.ndim == 3 else pixels[..., None], alpha, name=name)
    sample = task.prepare(picture)
    return task.finish(task.infer([sample])[0], sample).pictures[""]


def darker(x: Tensor) -> Tensor:
    return x[:, :3] * 0.5
