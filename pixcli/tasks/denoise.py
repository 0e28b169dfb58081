"""denoise: noise out of photographs and films."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixcli.errors import UsageError
from pixcli.tasks.base import Option
from pixcli.tasks.same_size import SameSize

if TYPE_CHECKING:
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner


class Denoise(SameSize):
    """Remove noise from photographs and films.

    The network is given the picture and, where it takes one, a map of the noise's level (FFDNet, Zhang et al.
    2018): the level that was told, or 0, which means that it has to see for itself.
    """

    name, default = "denoise", "denoise"
    example = "pixcli denoise photos/ -o clean/"

    sigma = Option(
        None,
        "Level of the noise in steps of 8 bits; auto: the network sees for itself.",
        float,
        min=0,
        max=75,
        auto=True,
    )
    accepts = (4, 3, 2, 1)  # with a map of the level, or without

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        if self.values["sigma"] is None and not getattr(model.net, "blind", True):
            raise UsageError(f"{model.card.name} has to be told how strong the noise is", "give --sigma N")

    def level(self) -> float | None:
        return (self.values["sigma"] or 0.0) / 255 if self.takes in (2, 4) else None
