"""denoise: noise out of photographs and films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pixcli.errors import UsageError
from pixcli.tasks.base import Option, Result, Sample, stacked
from pixcli.tasks.same_size import SameSize

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.media.picture import Picture
    from pixcli.models import Card, Model
    from pixcli.tasks.base import MakeRunner

GREY = "denoise-grey"  # the model that is asked in the default's place where a picture is grey
APART = 16  # every so many pixels are looked at first for a colour


class Denoise(SameSize):
    """Remove noise from photographs and films.

    The network is given the picture and, where it takes one, a map of the noise's level (FFDNet, Zhang et al.
    2018): the level that was told, or 0, which means that it has to see for itself. Grey pictures, also those
    that are written as colours, have a model of their own unless another is named, and stay grey.
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

    def beside(self, card: Card) -> dict[str, Any]:
        from pixcli.models import find

        return {"grey": find(GREY, self.name).sha256} if self._is_usual(card) else {}

    def attach(self, model: Model, run: MakeRunner) -> None:
        from pixcli.models import find, load

        super().attach(model, run)
        if self.values["sigma"] is None and not getattr(model.net, "blind", True):
            raise UsageError(f"{model.card.name} has to be told how strong the noise is", "give --sigma N")
        self.grey = self.adapted(load(find(GREY, self.name)), run) if self._is_usual(model.card) else None

    def _is_usual(self, card: Card) -> bool:
        return card.name == self.default

    def level(self) -> float | None:
        return (self.values["sigma"] or 0.0) / 255 if self.takes in (2, 4) else None

    def prepare(self, picture: Picture) -> Sample:
        sample = super().prepare(picture)
        if self.grey is None or not (_alike(sample.tensor[:, ::APART, ::APART]) and _alike(sample.tensor)):
            return sample
        return replace(sample, tensor=sample.tensor[:1])

    def infer(self, samples: Sequence[Sample]) -> list[Tensor]:
        runner = self.grey if self.grey and len(samples[0].tensor) == 1 else self.runner
        return list(runner(stacked(samples), samples[0].answer))

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        if not sample.context.gray:
            answer = answer.expand(3, -1, -1)
        return super().finish(answer, sample)


def _alike(tensor: Tensor) -> bool:
    """Whether all channels are the same."""
    return bool((tensor[1:] == tensor[:1]).all())
