"""enhance-dark: pictures taken in too little light, made as bright as they were meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixcli.tasks.base import Option, Result, Sample
from pixcli.tasks.same_size import SameSize, made, seen

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.media.picture import Array, Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner

MEAN = 0.45  # of sRGB values: what a lifted picture has
STEEPEST = 0.12  # exponent of the strongest lift: at 10 of 255 it brightens seventeenfold
SIDE = 320  # working side, where the card says none
RADIUS, EPS = 6, 4e-3  # of the guided filter at the working size; light in 0..1
LINEAR = 2.2  # exponent from sRGB values to light, near enough for a mean
BRIGHTEST = 0.8  # mean light that --exposure goes up to
STRIP = 1 << 16  # pixels
FLOOR = 1 / 64  # added to both sides of a ratio of lights


@dataclass
class Context:
    """rgb: what was seen, (H, W, 1 or 3). light: set by `infer`, see `light_of`; None where there is none."""

    picture: Picture
    rgb: Array
    light: Tensor | None = None


class EnhanceDark(SameSize):
    """Brighten pictures and films that were taken in too little light, and clean the noise that comes up.

    How much light a picture lacks is decided from the whole of it: it is lifted by one exponent first,
    x ** g, which brings its mean to 0.45 and leaves black, white and well-lit pictures where they are. The
    network finishes that. It takes the lifted picture and g as a map, (4, H, W) in 0..1, and answers with
    the picture in its right light, free of noise, (3, H, W). It works at full size, and for large pictures
    once more at a working size, where it sees how bright each part should be: that light is brought up along
    the edges of the picture. A network of three channels (Zero-DCE) is given the dark picture itself.
    """

    name, default = "enhance-dark", "enhance-dark"
    example = "pixcli enhance-dark night/ -o bright/"

    exposure = Option(
        None,
        "Stops (doublings of light) over the input's own; auto: as the network says.",
        float,
        min=-4,
        max=10,
        auto=True,
    )
    accepts = (4, 3)

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        footprint = model.card.footprint
        self.multiple = footprint.multiple
        self.side = footprint.side or (SIDE if self.maps() else None)

    def maps(self) -> int:
        return 1 if self.takes == 4 else 0

    def mixed(self) -> float:
        return 1.0

    def prepare(self, picture: Picture) -> Sample:
        import numpy as np
        import torch

        rgb = seen(picture)
        context = Context(picture, rgb)
        answer = torch.float32 if rgb.dtype == np.float32 else torch.uint16
        x = with_exponent(rgb, exponent(rgb)) if self.maps() else rgb
        return Sample(torch.from_numpy(x).permute(2, 0, 1), context, answer)

    def infer(self, samples: Sequence[Sample]) -> list[Tensor]:
        answers = super().infer(samples)
        high, wide = samples[0].tensor.shape[1:]
        if self.side and min(high, wide) > 1.25 * self.side:
            for sample, answer in zip(samples, answers, strict=True):
                sample.context.light = self.light_of(sample.tensor, answer)
        return answers

    def light_of(self, x: Tensor, answer: Tensor) -> Tensor:
        """How the answer's light must change to be that of the working size: a guided filter's model."""
        from pixcli.infer.guided import coefficients

        factor = self.side / min(x.shape[1:])  # type: ignore[operator]
        size = [max(self.multiple, round(n * factor / self.multiple) * self.multiple) for n in x.shape[1:]]
        wanted = self.runner(reduced(x, size)[None])[0].clamp(0, 1)
        here = reduced(answer, size)
        ratio = ((wanted + FLOOR) / (here + FLOOR)).clamp(0.25, 4)
        return coefficients(here.mean(0, keepdim=True), ratio, RADIUS, EPS)

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        import numpy as np

        from pixcli.infer.guided import rows
        from pixcli.media.colour import as_float, as_type

        c: Context = sample.context
        high, wide = c.rgb.shape[:2]
        lit, strength = answer.permute(1, 2, 0).numpy(), self.values["strength"]
        power = self.power(as_float(c.rgb[thin(high), thin(wide)]), as_float(lit[thin(high), thin(wide)]))
        out = np.empty(c.rgb.shape, c.rgb.dtype)
        step = max(1, STRIP // wide)
        for top in range(0, high, step):
            bottom = min(high, top + step)
            y = as_float(lit[top:bottom])
            if c.light is not None:
                gain, offset = (
                    v.permute(1, 2, 0).numpy() for v in rows(c.light, top, bottom, high, wide).chunk(2)
                )
                y = y * (gain * y.mean(2, keepdims=True) + offset).clip(0.25, 4)
            y = y.clip(0, 1) ** np.float32(power)
            if strength < 1:
                own = as_float(c.rgb[top:bottom])
                y = own + np.float32(strength) * (y - own)
            out[top:bottom] = as_type(y, out.dtype)
        return Result({"": made(out, c.picture)})

    def power(self, dark: Array, lit: Array) -> float:
        """The exponent that gives a lit picture the light that was asked for."""
        stops = self.values["exposure"]
        if stops is None:
            return 1.0
        wanted = min(BRIGHTEST, float((dark.clip(0, 1) ** LINEAR).mean()) * 2**stops)
        return solved(lambda p: float((lit.clip(0, 1) ** (LINEAR * p)).mean()), wanted, 0.02, 50.0)


def exponent(rgb: Array) -> float:
    """g between STEEPEST and 1: the mean of rgb ** g is MEAN, or as near as that goes; 1 for well-lit ones.

    rgb: (H, W, C) uint8, uint16 or float with 0..1.
    """
    import numpy as np

    from pixcli.media.colour import as_type

    if rgb.dtype != np.uint8:
        rgb = as_type(rgb[thin(rgb.shape[0]), thin(rgb.shape[1])], np.uint8)
    share = np.bincount(rgb.ravel(), minlength=256) / rgb.size
    values = np.arange(256) / 255
    return solved(lambda g: float(share @ values**g), MEAN, STEEPEST, 1.0)


def with_exponent(rgb: Array, g: float) -> Array:
    """(H, W, C + 1): rgb ** g, and g; uint16 for integers, float32 for floats."""
    import numpy as np

    if rgb.dtype == np.float32:
        return np.concatenate([rgb.clip(0) ** np.float32(g), np.full_like(rgb[..., :1], g)], 2)
    peak = np.iinfo(rgb.dtype).max
    table = np.rint((np.arange(peak + 1) / peak) ** g * 65535).astype(np.uint16)
    out = np.empty((*rgb.shape[:2], rgb.shape[2] + 1), np.uint16)
    out[..., :-1] = table[rgb]
    out[..., -1] = round(g * 65535)
    return out


def thin(length: int) -> slice:
    """Every so manieth: at most 1024 of a side, for statistics."""
    return slice(None, None, -(-length // 1024))


def reduced(x: Tensor, size: Sequence[int]) -> Tensor:
    """(C, H, W) of integers or floats → (C, *size) float32 in 0..1, thinned out first where it is huge."""
    import torch
    from torch.nn import functional as F

    step = max(1, min(n // (4 * m) for n, m in zip(x.shape[1:], size, strict=True)))
    x = x[:, ::step, ::step]
    peak = {torch.uint8: 255, torch.uint16: 65535}.get(x.dtype, 1)
    return F.interpolate(x.float()[None] / peak, size=tuple(size), mode="area")[0]


def solved(falling: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where a falling function has this value, to a thousandth; the nearer end where it has it nowhere."""
    if falling(high) >= wanted:
        return high
    while high > 1.001 * low:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if falling(middle) > wanted else (low, middle)
    return low
