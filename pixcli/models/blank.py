"""A network as its card describes it, never larger than the file that is to fill it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from pixcli.errors import WeightsError
from pixcli.models.card import Card
from pixcli.nets import NETWORKS, build

ARGUMENT_LIMIT = 4096  # no layer of ours is wider, no network deeper
SPARE = 1_000_000  # numbers that a network may use without keeping them


class _TooLarge(ValueError):
    pass


class _Budget(TorchFunctionMode):
    """Ends the building once torch.empty, from which all layers are made, has given too many numbers.

    They cost no memory until they are written. (The meta device would do, but costs seconds of imports.)
    """

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.left = numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        if func is torch.empty:
            self.left -= answer.numel()
            if self.left < 0:
                raise _TooLarge("more numbers than the file holds")
        return answer


def blank(card: Card, shapes: Mapping[str, Iterable[int]]) -> nn.Module:
    """The card's network, freshly initialised; shapes: those of the tensors that it is for.

    Raises WeightsError for an unknown network, wrong arguments, or ones that ask for far more numbers.
    """
    if card.network not in NETWORKS:
        known = ", ".join(NETWORKS)
        raise WeightsError(
            f"{card.path}: is for network {card.network!r}, which is not known", f"known: {known}"
        )
    asked = f"{card.path}: {card.network} cannot be built with {card.arguments}"
    if not all(map(_modest, card.arguments.values())):
        raise WeightsError(f"{asked}: too large")
    try:
        with _Budget(2 * sum(prod(shape) for shape in shapes.values()) + SPARE):
            return build(card.network, card.arguments)
    except (TypeError, ValueError, LookupError, RuntimeError, ArithmeticError) as e:
        raise WeightsError(f"{asked}: {str(e).partition(chr(10))[0]}") from None


def _modest(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return len(value) <= 64 and all(map(_modest, value))
    return isinstance(value, str | bool) or (isinstance(value, int | float) and abs(value) <= ARGUMENT_LIMIT)
