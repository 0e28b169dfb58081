"""enhance-dark: pictures taken in too little light, made as bright as they were meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixcli.tasks.base import Option, Result, Sample, Task
from pixcli.tasks.same_size import SameSize, made, seen

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.media.picture import Array, Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner

WIDEST = 1.6  # times its working side: up to there the network is given the picture as it is
LONGEST = 4  # times the working side: what a panorama's longer side is limited to
RADIUS, EPS = 4, 2e-3  # of the guided filter at the working size; light in 0..1
FLOOR = 1 / 64  # added to dark and bright before they are divided
STEEPEST = 24.0  # gain
LINEAR = 2.2  # exponent from sRGB values to light, near enough for a mean
BRIGHTEST = 0.8  # mean light that --exposure goes up to
STRIP = 1 << 16  # pixels


@dataclass(frozen=True)
class Context:
    """rgb: what was seen, (H, W, 1 or 3). small: the same at the working size, None where that is its own."""

    picture: Picture
    rgb: Array
    small: Tensor | None


class EnhanceDark(SameSize):
    """Brighten pictures and films that were taken in too little light.

    How much light a picture lacks is seen from the whole of it. The network takes the dark picture, sRGB in
    0..1, and answers with it in its right light and free of noise. One with a working side (the card's
    footprint) gets larger pictures at that size: its gain is then brought up along the edges of the full
    picture. A local network, as Zero-DCE, works at full size.

    A network for camera raw files, as See-in-the-Dark, takes the sensor's own numbers, raised by --exposure
    (auto: to a mean of middle grey, 300 times at most), and answers with the developed picture.
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

    def attach(self, model: Model, run: MakeRunner) -> None:
        self.space = model.card.space
        if self.space.startswith("raw-"):
            Task.attach(self, model, run)
            return
        super().attach(model, run)
        self.side, self.multiple = model.card.footprint.side, model.card.footprint.multiple

    def mixed(self) -> float:
        return 1.0

    def prepare(self, picture: Picture) -> Sample:
        import numpy as np
        import torch
        from torch.nn import functional as F

        from pixcli.media.picture import peak_of

        if self.space.startswith("raw-"):
            from pixcli.tasks.sensor import packed, sensor_of

            sensor = sensor_of(picture, self.space, self.model.card.name)
            return Sample(packed(sensor, self.values["exposure"]), picture, torch.uint16)
        rgb = seen(picture)
        x = torch.from_numpy(rgb).permute(2, 0, 1)
        if not self.side or min(x.shape[1:]) <= WIDEST * self.side:
            deep = torch.float32 if rgb.dtype == np.float32 else torch.uint16
            return Sample(x, Context(picture, rgb, None), deep)
        factor = self.side / min(x.shape[1:])
        size = [
            round(min(n * factor, self.side * LONGEST) / self.multiple) * self.multiple for n in x.shape[1:]
        ]
        if rgb.dtype != np.uint8:  # 8 bits are reduced as they lie, twenty times as fast
            x = x.float()
        small = F.interpolate(x[None], size=size, mode="bicubic", antialias=True)[0] / peak_of(rgb.dtype)
        small = small.clamp(0, 1)
        return Sample(small, Context(picture, rgb, small), torch.float32)

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        import numpy as np

        from pixcli.infer.guided import coefficients, rows
        from pixcli.media.colour import as_float, as_type

        if self.space.startswith("raw-"):
            return self.developed(answer, sample.context)
        c: Context = sample.context
        high, wide = c.rgb.shape[:2]
        lit = as_channels_last(answer)
        dark = c.rgb if c.small is None else as_channels_last(c.small)
        power, strength = self.power(as_float(thin(dark)), as_float(thin(lit))), self.values["strength"]
        if c.small is not None:
            gain = ((answer.clamp(0, 1) + FLOOR) / (c.small + FLOOR)).clamp(1 / STEEPEST, STEEPEST)
            model = coefficients(c.small.mean(0, keepdim=True), gain, RADIUS, EPS)
        out = np.empty(c.rgb.shape, c.rgb.dtype)
        step = max(1, STRIP // wide)
        for top in range(0, high, step):
            bottom = min(high, top + step)
            own = as_float(c.rgb[top:bottom])
            if c.small is None:
                y = as_float(lit[top:bottom])
            else:
                a, b = (as_channels_last(v) for v in rows(model, top, bottom, high, wide).chunk(2))
                y = (own + FLOOR) * (a * own.mean(2, keepdims=True) + b).clip(1 / STEEPEST) - FLOOR
            y = y.clip(0, 1) ** np.float32(power)
            out[top:bottom] = as_type(own + np.float32(strength) * (y - own), out.dtype)
        return Result({"": made(out, c.picture)})

    def developed(self, answer: Tensor, picture: Picture) -> Result:
        """The picture that a network has made of a sensor's numbers."""
        import numpy as np

        from pixcli.media.colour import as_float, as_type
        from pixcli.tasks.sensor import placed

        assert picture.sensor is not None
        rgb, strength = placed(as_channels_last(answer), picture.sensor), self.values["strength"]
        if strength < 1 and rgb.shape == picture.pixels.shape:
            own = as_float(picture.pixels)
            rgb = as_type(own + np.float32(strength) * (as_float(rgb) - own), rgb.dtype)
        return Result({"": picture.with_pixels(rgb)})

    def power(self, dark: Array, lit: Array) -> float:
        """The exponent that gives a lit picture the light that was asked for."""
        stops = self.values["exposure"]
        if stops is None:
            return 1.0
        wanted = min(BRIGHTEST, float((dark.clip(0, 1) ** LINEAR).mean()) * 2**stops)
        return solved(lambda p: float((lit.clip(0, 1) ** (LINEAR * p)).mean()), wanted, 0.02, 50.0)


def as_channels_last(x: Tensor) -> Array:
    """(C, H, W) → (H, W, C), a view."""
    return x.permute(1, 2, 0).numpy()


def thin(picture: Array) -> Array:
    """Pixels of a regular grid, at most 1024 of each side, for means."""
    high, wide = (-(-n // 1024) for n in picture.shape[:2])
    return picture[::high, ::wide]


def solved(falling: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where a falling function has this value, to a thousandth; the nearer end where it has it nowhere."""
    if falling(high) >= wanted:
        return high
    while high > 1.001 * low:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if falling(middle) > wanted else (low, middle)
    return low
