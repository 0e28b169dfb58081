"""superres: larger pictures and films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from pixcli.errors import UsageError
from pixcli.tasks.base import Option, PictureTask, Result, Sample, stacked

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.media.picture import Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner


@dataclass(frozen=True)
class Context:
    picture: Picture
    passes: tuple[int, ...]
    size_hw: tuple[int, int]


class SuperRes(PictureTask):
    """Enlarge photographs and films by any factor.

    The network enlarges by the next whole factor that it knows (several times for large ones) and the rest
    is antialiased bicubic. Alpha is enlarged along; colours bleed under transparent pixels first, so that no
    fringe appears.
    """

    name, default = "superres", "superres"
    example = "pixcli superres photos/ -o big/ --scale 4"

    scale = Option(
        None,
        "Enlargement, any number above 1 (4 when neither --width nor --height is given).",
        float,
        min=1.0,
        max=32,
    )
    width = Option(None, "Width of the result in pixels; the height follows.", int, min=1, max=100_000)
    height = Option(
        None,
        "Height of the result in pixels; with --width: the largest size that fits both.",
        int,
        min=1,
        max=100_000,
    )

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        v = self.values
        if v["scale"] is not None and (v["width"] or v["height"]):
            raise UsageError("--scale and --width or --height exclude each other", "give one of them")
        if v["scale"] is not None and v["scale"] <= 1:
            raise UsageError(f"--scale {v['scale']:g} does not enlarge", "give a number above 1")

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        card = model.card
        self.scales = tuple(sorted(card.scales or (card.footprint.scale,)))
        if self.scales == (card.footprint.scale,):
            self.runners = {self.scales[0]: self.runner}
        else:
            self.runners = {s: run(model.net, replace(card.footprint, scale=s)) for s in self.scales}

    def check(self, width: int, height: int) -> tuple[int, int]:
        wide, high = self.values["width"], self.values["height"]
        if wide or high:
            factor = min((wide or 1e9) / width, (high or 1e9) / height)
        else:
            factor = self.values["scale"] or 4.0
        return _times(width, factor, wide), _times(height, factor, high)

    def prepare(self, picture: Picture) -> Sample:
        import numpy as np
        import torch

        from pixcli.media.alpha import bleed
        from pixcli.media.colour import to_srgb

        width, height = self.check(picture.width, picture.height)
        rgb = np.require(bleed(to_srgb(picture), picture.alpha), requirements=["C", "W"])
        tensor = torch.from_numpy(rgb).permute(2, 0, 1)
        passes = plan_passes(max(width / picture.width, height / picture.height), self.scales)
        return Sample(tensor, Context(picture, passes, (height, width)), tensor.dtype)

    def infer(self, samples: Sequence[Sample]) -> list[Tensor]:
        x = stacked(samples)
        for scale in samples[0].context.passes:
            x = self.runners[scale](x, samples[0].answer)
        return list(x)

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        import numpy as np
        import torch

        from pixcli.infer.resize import resize
        from pixcli.media.colour import from_srgb

        context: Context = sample.context
        picture, (height, width) = context.picture, context.size_hw
        if picture.gray:
            answer = mean(answer)
        rgb = np.ascontiguousarray(resize(answer, height, width).permute(1, 2, 0).numpy())
        pixels = from_srgb(rgb, picture)
        alpha = None
        if picture.alpha is not None:
            cover = torch.from_numpy(np.ascontiguousarray(picture.alpha[None]))
            alpha = resize(cover, height, width)[0].numpy()
            if pixels.dtype == np.float32:
                alpha = alpha.clip(0, 1)
            clear = alpha == 0
            if clear.any():  # colours that cannot be seen stay what they were
                own = torch.from_numpy(np.ascontiguousarray(picture.pixels.transpose(2, 0, 1)))
                own = resize(own, height, width).permute(1, 2, 0)
                pixels = np.where(clear[..., None], own.numpy(), pixels)
        return Result({"": picture.with_pixels(pixels, alpha)})


def plan_passes(factor: float, scales: tuple[int, ...]) -> tuple[int, ...]:
    """The fewest enlargements by the network, largest first, that reach factor, and of those the least.

    >>> [plan_passes(factor, (2, 3, 4)) for factor in (1, 2.5, 4, 6)]
    [(), (3,), (4,), (3, 2)]
    """
    if factor <= 1:
        return ()
    enough = [s for s in scales if s >= factor - 1e-9]
    if enough:
        return (enough[0],)
    rests = [(s, plan_passes(factor / s, scales)) for s in scales]
    return min(((s, *rest) for s, rest in rests if rest), key=lambda p: (len(p), prod(p), -p[0]))


def _times(side: int, factor: float, wanted: int | None) -> int:
    """A side enlarged: exactly as wanted where that set the factor."""
    return max(1, wanted if wanted and factor == wanted / side else round(side * factor))


def mean(rgb: Tensor) -> Tensor:
    """(3, H, W) → (1, H, W), the plain mean, of the same type."""
    grey = rgb.float().mean(0, keepdim=True)
    return grey if rgb.dtype.is_floating_point else grey.round_().to(rgb.dtype)
