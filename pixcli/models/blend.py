"""Between two weights of one network: what both have learnt, in any mixture.

Wang et al. (ESRGAN, ECCVW 2018) call it network interpolation. It works for weights of which one was trained
on from the other, or both from a third.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from pixcli.errors import WeightsError
from pixcli.models.blank import blank
from pixcli.models.card import Card
from pixcli.models.check import fit, read_safetensors
from pixcli.models.save import save


def blend(first: Card, second: Card, share: float, target: Path) -> Card:
    """Write (1 - share) · first + share · second as `target` (.safetensors), and a card from the second's.

    Figures and weaknesses of neither hold for the mixture, so its card has none. Raises WeightsError when the
    two are not for one network, and OutputError when the target cannot be written.
    """
    if (first.task, first.network, first.arguments) != (second.task, second.network, second.arguments):
        raise WeightsError(f"{first.name} and {second.name} are not weights of one network")
    one, two = (read_safetensors(card.path)[0] for card in (first, second))
    if one.keys() != two.keys():
        raise WeightsError(f"{first.name} and {second.name} do not hold the same tensors")
    mixed = {k: torch.lerp(one[k].float(), two[k].float(), share) for k in one}
    net = blank(second, {k: v.shape for k, v in mixed.items()})
    fit(mixed, net, second.path)
    training = {
        "blend": f"{1 - share:g} × {first.name} + {share:g} × {second.name}",
        first.name: {k: v for k, v in first.training.items() if k != "validation"},
        second.name: {k: v for k, v in second.training.items() if k != "validation"},
    }
    card = replace(second, name=target.stem, training=training, measures=(), weaknesses=())
    return save(target, net, card)
