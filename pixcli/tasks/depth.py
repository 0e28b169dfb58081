"""depth: how far each pixel is."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pixcli.errors import UsageError, WeightsError
from pixcli.tasks.base import Option, Result, Sample
from pixcli.tasks.geometry import EPS, RADIUS, Geometry
from pixcli.tasks.working import enlarged, unrest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pixcli.media.maps import Map
    from pixcli.media.picture import Array, Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner, Memory

UNITS = ("metres", "log metres", "10 / metres")  # that a card may say of its network's answer
LEAST, MOST = 1e-3, 1e4  # metres: nearer than any lens, farther than any sight
FOV = 60.0  # degrees
BEHIND = 0.1  # of a relative map's range is added before it is inverted, or its far end would be endless
# Turbo by its author's polynomial (Mikhailov 2019, Apache-2.0), from x^0 up
TURBO = (
    (0.13572138, 4.61539260, -42.66032258, 132.13108234, -152.94239396, 59.28637943),
    (0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604),
    (0.10667330, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973),
)

Range = tuple[float, float]


class Depth(Geometry):
    """Tell how far everything in photographs and films is.

    A map is a PNG of 16 bits: millimetres, 0 where nothing is known, for a model that knows metres; else
    inverse depth (larger is nearer) without a unit, over the full range of values. Unit, scale and range are
    in the PNG's text, and where metres cannot be relied on: outside the scenes that a model was trained on
    they are relative. npy, pfm and exr hold metres, or inverse depth, as floats; ply holds points in metres.
    Films become films of the view, with one range for all frames.
    """

    name, default = "depth", "depth"
    part, signs = slice(0, 1), (1,)
    flicker_unit = "% of the depth"
    example = "pixcli depth photos/ -o depth/ --view turbo"
    forms = MappingProxyType({"png16": ".png", "npy": ".npy", "pfm": ".pfm", "exr": ".exr", "ply": ".ply"})

    view = Option(
        None, "Write a picture for people instead of the map; near is bright.", choices=("turbo", "gray")
    )
    range = Option(
        None,
        "What views and relative maps span: picture (each its own), clip (a film its own), set (one for all"
        " pictures), or A,B in the map's unit. Films take clip by default, pictures picture.",
    )
    fov = Option(
        None,
        "Horizontal angle of view in degrees, for points (the model's own by default, or 60).",
        float,
        min=1,
        max=179,
    )

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.learnt: Range | None = None
        word = self.values["range"]
        if word in (None, "picture", "clip", "set"):
            return
        try:
            low, high = map(float, word.split(","))
        except ValueError:
            low = high = 0.0
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UsageError(
                f"--range {word}: is none of picture, set, clip, and no A,B", "for instance 0.5,10"
            )
        self.learnt = (low, high)

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        self.metric = model.card.unit in UNITS
        if model.card.unit and not self.metric:
            raise WeightsError(f"{model.card.name}: depth in {model.card.unit!r} is not known")

    def surveys(self, kind: Literal["film", "set"]) -> bool:
        word = self.values["range"]
        return word == "set" if kind == "set" else word in (None, "clip")

    def learn(self, answers: Sequence[tuple[Tensor, Sample]]) -> None:
        ranges = [self.range_of(answer[0]) for answer, _ in answers]
        self.learnt = (min(r[0] for r in ranges), max(r[1] for r in ranges)) if ranges else None

    def range_of(self, x: Tensor) -> Range:
        values = self.values_of(x)
        return float(values.min()), float(values.max())

    def values_of(self, x: Tensor) -> Tensor:
        """Metres, or inverse depth, of what a network says."""
        match self.model.card.unit:
            case "log metres":
                x = x.exp()
            case "10 / metres":
                x = 10 / x.clamp(min=LEAST)
        return x.clamp(LEAST, MOST) if self.metric else x

    def flicker(self, before: Memory, after: Memory) -> float | None:
        def change(a: Tensor, b: Tensor) -> Tensor:
            low, high = self.learnt or self.range_of(a[0])
            a, b = self.values_of(a), self.values_of(b)
            part: Tensor = (a / b).log() if self.metric else (a - b) / max(high - low, 1e-9)
            return part.abs() * 100

        return unrest(before, after, change)

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        rgb = sample.context.rgb
        span = self.learnt or self.range_of(answer[0])
        full = self.full(answer, rgb)
        if not self.exact():
            return Result({"": self.shown(full, span)})
        return Result(maps={"": self.map_of(full, span, rgb)}, view=lambda: self.shown(full, span))

    def full(self, x: Tensor, rgb: Array) -> Array:
        """(H, W) float32 at the picture's size, with the picture's edges, no value beyond the answer's."""
        import numpy as np

        low, high = self.range_of(x)
        full = np.empty(rgb.shape[:2], np.float32)
        for top, bottom, strip in enlarged(x, rgb, RADIUS, EPS):
            full[top:bottom] = self.values_of(strip[0]).clamp(low, high).numpy()
        return full

    def map_of(self, full: Array, span: Range, rgb: Array) -> Map:
        import numpy as np

        from pixcli.media.maps import Map

        form, card = self.map_format(), self.model.card
        text = {"Software": "pixcli", "model": card.name}
        if self.metric and card.scenes:
            text["scenes"] = f"the unit holds for {card.scenes}; elsewhere depth is known up to a factor"
        if form == "ply":
            points, colours = self.points(full, span, rgb)
            return Map(
                points, form, colours=colours, text={"unit": "metres" if self.metric else "any"} | text
            )
        if form != "png16":
            unit = "metres" if self.metric else "relative inverse depth"
            return Map(full, form, text={"unit": unit} | text)
        low, high = span
        if self.metric:
            text |= {"unit": "millimetres", "scale": "0.001", "unknown": "0"}
            text |= {"range": f"{float(full.min()):.6g} {float(full.max()):.6g} metres"}
            return Map(np.rint(full * 1000).clip(1, 65535).astype(np.uint16), text=text)
        text |= {"unit": "relative inverse depth", "scale": f"{(high - low) / 65535:.9g}"}
        text |= {"offset": f"{low:.9g}", "range": f"{low:.9g} {high:.9g}"}
        return Map(np.rint(share(full, span) * 65535).astype(np.uint16), text=text)

    def points(self, full: Array, span: Range, rgb: Array) -> tuple[Array, Array]:
        """x to the right, y down, z forward, of a pinhole camera; (H * W, 3), and their colours."""
        import numpy as np

        from pixcli.media.colour import as_type

        z = full if self.metric else 1 / (share(full, span) + BEHIND)
        height, width = z.shape
        focus = width / 2 / math.tan(math.radians(self.values["fov"] or FOV) / 2)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        points = np.stack(((x - (width - 1) / 2) / focus * z, (y - (height - 1) / 2) / focus * z, z), -1)
        return points.reshape(-1, 3).astype(np.float32), as_type(rgb, np.dtype(np.uint8)).reshape(-1, 3)

    def shown(self, full: Array, span: Range) -> Picture:
        """Nearness within the range, 8 bits."""
        import numpy as np

        from pixcli.media.picture import Picture

        if self.metric:
            full, span = 1 / np.maximum(full, LEAST), (1 / max(span[1], LEAST), 1 / max(span[0], LEAST))
        near = share(full, span)
        if self.values["view"] == "gray":
            return Picture(np.rint(near * 255).astype(np.uint8)[..., None])
        steps = np.linspace(0, 1, 256)
        table = np.stack([sum(c * steps**n for n, c in enumerate(row)) for row in TURBO], -1)
        return Picture(np.rint(table.clip(0, 1) * 255).astype(np.uint8)[np.rint(near * 255).astype(np.uint8)])


def share(values: Array, span: Range) -> Array:
    """Where values lie within a range: 0..1, clipped."""
    return ((values - span[0]) / max(span[1] - span[0], 1e-9)).clip(0, 1)
