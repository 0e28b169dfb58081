"""From a card to a network that is ready to run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixcli.errors import WeightsError
from pixcli.models.card import Card
from pixcli.models.check import fit, read_header, read_safetensors, require, same_shapes
from pixcli.models.pickles import SUFFIXES

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Model:
    """A network with its weights, in eval mode, float32, on the CPU, batch norm folded; and its card."""

    card: Card
    net: nn.Module


def load(card: Card) -> Model:
    """Raises WeightsError, in one line, for whatever is wrong with the file or with its fit to the card."""
    from pixcli.models.blank import blank
    from pixcli.models.fold import fold

    if card.network == "dis":
        from pixcli.models.dis import Dis

        return Model(card, Dis())
    if card.path.suffix in SUFFIXES:
        from pixcli.models.convert import read_published

        _, tensors = read_published(card.path, card.arguments.get("scale"))
        net = blank(card, {k: v.shape for k, v in tensors.items()})
    else:
        header = read_header(card.path)
        require(header.metadata, card.path, "task", network=card.network)
        if not card.file:
            require(header.metadata, card.path, task=card.task)
        net = blank(card, header.shapes)
        same_shapes(header.shapes, net, card.path)
        tensors, data = read_safetensors(card.path)
        if card.sha256 and hashlib.sha256(data).hexdigest() != card.sha256:
            raise WeightsError(f"{card.path}: is not the file that its card describes", "the sha256 differs")
    fit(tensors, net, card.path)
    return Model(card, fold(net.eval()).requires_grad_(False))
