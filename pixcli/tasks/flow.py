"""flow: where everything in a picture has moved to in the next."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pixcli.errors import InputError
from pixcli.tasks.base import MapTask, Option, Result, Sample, stacked
from pixcli.tasks.working import enlarged, planes, reduced, working_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from pixcli.media.picture import Array, Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner

SIDE = 1080  # what is larger on its shorter side is looked at reduced, where the card says no other
RADIUS, EPS = 4, 1e-3  # of the guided filter that brings such flows up
ARROWS = 32  # along the longer side
PNG_MOST = 512  # pixels that KITTI's PNG holds


@dataclass(frozen=True)
class Context:
    rgb: Array


class Flow(MapTask):
    """Tell where everything has moved to from one picture or frame to the next.

    Two pictures make one pair, and so do each picture of a folder and the next in it, or two frames of a
    film; a picture of another size, or one that cannot be read, ends a run of them. A flow holds for each
    pixel of the first picture how many pixels it moves to the right and down: Middlebury's .flo, KITTI's PNG
    of 16 bits (within 512 pixels, to 1/64), or .npz with `flow` and `valid`. Films become films of the
    colour wheel, whose last frame shows the motion of the one before.

    `--model dis` takes OpenCV's dense inverse search instead of a network (extra `dis`).
    """

    name, default = "flow", "flow"
    example = "pixcli flow frames/ -o flow/"
    forms = MappingProxyType({"flo": ".flo", "png": ".png", "npz": ".npz"})

    view = Option(
        None,
        "Write a picture for people: Middlebury's colour wheel, or arrows on the first picture.",
        choices=("wheel", "arrows"),
    )
    max_flow = Option(
        None,
        "The motion in pixels that views show at full strength; the largest of the pair, or of the film.",
        float,
        min=0.01,
    )
    occlusion = Option(
        False, "Also write what the second picture does not show, by the flow back (8 bits).", bool
    )
    stride = Option(1, "Compare each picture with the one so many after it.", int, min=1)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.learnt: float | None = None

    def apart(self) -> int:
        return int(self.values["stride"])

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        # one without weights is no work for a runner, to which stillness looks like a fault
        own = model.card.network == "dis"
        self.run: Callable[[Tensor], Tensor] = model.net if own else self.runner

    def surveys(self, kind: Literal["film", "set"]) -> bool:
        return kind == "film" and self.values["max_flow"] is None

    def learn(self, answers: Sequence[tuple[Tensor, Sample]]) -> None:
        self.learnt = max(
            (float(at_size(a[:2], s.context.rgb).norm(dim=0).max()) for a, s in answers), default=None
        )

    def prepare(self, picture: Picture, after: Picture | None = None) -> Sample:
        import torch

        if after is None:
            raise InputError("is one picture, and motion takes two", "give a second one")
        if (picture.width, picture.height) != (after.width, after.height):
            sizes = f"{picture.width}×{picture.height} and {after.width}×{after.height}"
            raise InputError(f"the two are of different sizes, {sizes}")
        rgb, later = (as_seen(p) for p in (picture, after))
        footprint = self.model.card.footprint
        side = footprint.side or SIDE
        if min(rgb.shape[:2]) <= side:
            both = [planes(p).clamp(0, 1) for p in (rgb, later)]
        else:
            size = working_size(picture.height, picture.width, side, footprint.multiple)
            both = [reduced(p, *size) for p in (rgb, later)]
        return Sample(torch.cat(both), Context(rgb), torch.float32)

    def infer(self, samples: Sequence[Sample]) -> list[Tensor]:
        """(2, h, w), and where occlusion is asked for a third channel of 0 and 1."""
        import torch

        x = stacked(samples)
        there = self.run(x)
        if not self.values["occlusion"]:
            return list(there)
        from pixcli.infer.occlusion import occluded

        back = self.run(torch.cat((x[:, 3:], x[:, :3]), 1))
        return list(torch.cat((there, occluded(there, back).float()), 1))

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        import numpy as np

        from pixcli.media.maps import Map

        rgb, form = sample.context.rgb, self.map_format()
        flow = self.full(at_size(answer[:2], rgb), rgb)
        more = {}
        if self.values["occlusion"]:
            hidden = self.full(answer[2:], rgb)[..., 0] > 0.5
            more["occlusion"] = Map(hidden.astype(np.uint8) * np.uint8(255))
        if not self.exact():
            return Result({"": self.shown(flow, rgb)}, maps=more)
        far = form == "png" and bool((np.abs(flow) >= PNG_MOST).any())
        lost = (f"motion beyond {PNG_MOST} pixels",) if far else ()
        return Result(
            lost=lost, maps={"": Map(flow, form, "flow"), **more}, view=lambda: self.shown(flow, rgb)
        )

    def full(self, x: Tensor, rgb: Array) -> Array:
        """(H, W, C) float32 at the picture's size, with its edges where it was reduced."""
        import numpy as np

        full = np.empty((*rgb.shape[:2], len(x)), np.float32)
        if x.shape[1:] == rgb.shape[:2]:
            full[:] = x.permute(1, 2, 0).numpy()
            return full
        for top, bottom, strip in enlarged(x, rgb, RADIUS, EPS):
            full[top:bottom] = strip.permute(1, 2, 0).numpy()
        return full

    def shown(self, flow: Array, rgb: Array) -> Picture:
        from pixcli.media.flow_colours import flow_arrows, flow_colours
        from pixcli.media.picture import Picture

        largest = self.values["max_flow"] or self.learnt
        if self.values["view"] == "arrows":
            return Picture(flow_arrows(flow, rgb, ARROWS, largest))
        return Picture(flow_colours(flow, None, largest))


def as_seen(picture: Picture) -> Array:
    """sRGB (H, W, 3); what is transparent as its surroundings."""
    import numpy as np

    from pixcli.media.alpha import bleed
    from pixcli.media.colour import to_srgb

    return np.require(bleed(to_srgb(picture), picture.alpha), requirements=["C", "W"])


def at_size(flow: Tensor, rgb: Array) -> Tensor:
    """A flow (2, h, w) in pixels of the picture (H, W, 3); it stays (2, h, w)."""
    import torch

    height, width = rgb.shape[:2]
    return flow * torch.tensor((width / flow.shape[2], height / flow.shape[1])).view(2, 1, 1)
