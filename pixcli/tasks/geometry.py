"""What depth and normals share: a whole look at the picture and its mirror image, edges, steadiness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pixcli.tasks.base import MapTask, Option, Sample, stacked
from pixcli.tasks.working import luma, seen, steadied

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.media.picture import Array, Picture
    from pixcli.tasks.base import Memory

RADIUS, EPS = 4, 1e-3  # of the guided filter at the answer's size; lightness in 0..1


@dataclass(frozen=True)
class Context:
    picture: Picture
    rgb: Array


class Geometry(MapTask):
    """part: the channels of the network's answer that are meant. signs: of each in a mirror."""

    part: ClassVar[slice]
    signs: ClassVar[tuple[int, ...]]

    average = Option(
        "mirror",
        "mirror: the mean with the mirrored picture's answer, in twice the time.",
        choices=("none", "mirror"),
    )

    def prepare(self, picture: Picture) -> Sample:
        import torch

        rgb, small = seen(picture, self.model.card.footprint)
        return Sample(small, Context(picture, rgb), torch.float32)

    def infer(self, samples: Sequence[Sample]) -> list[Tensor]:
        """The channels that are meant, of each."""
        import torch

        x, kind = stacked(samples), samples[0].answer
        answers = [a[self.part] for a in self.runner(x, kind)]
        if self.values["average"] == "none":
            return answers
        signs = torch.tensor(self.signs, dtype=kind)[:, None, None]
        mirrored = (a[self.part].flip(-1) * signs for a in self.runner(x.flip(-1), kind))
        return [(a + b) / 2 for a, b in zip(answers, mirrored, strict=True)]

    def follow(self, memory: Memory, sample: Sample, answer: Tensor) -> tuple[Tensor, Memory]:
        return steadied(memory, luma(sample.tensor), answer)
