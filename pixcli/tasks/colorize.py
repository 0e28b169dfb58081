"""colorize: colour for black-and-white pictures and films."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixcli.tasks.base import Option, PictureTask, Result, Sample
from pixcli.tasks.working import STRIP, planes, reduced, steadied, unrest, working_size

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.media.picture import Array, Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner, Memory

RADIUS, EPS = 4, 2e-3  # of the guided filter at the working size; lightness in 0..1


@dataclass(frozen=True)
class Context:
    picture: Picture
    rgb: Array
    lightness: Tensor  # (1, h, w) in 0..1 at the working size


class Colorize(PictureTask):
    """Colour black-and-white photographs and films.

    The network sees the lightness of the whole picture at its working size and answers with colour (ab of
    Lab); the picture keeps its own lightness at full size, and the colour is brought up along its edges.
    Sepia and faded pictures are taken by their lightness.
    """

    name, default = "colorize", "colorize"
    example = "pixcli colorize old_photos/ -o out/"

    flicker_unit = "of ab"

    temperature = Option(
        None,
        "Of the annealed mean over colours: lower is more vivid, higher safer (the model's own by default).",
        float,
        min=0.01,
        max=4,
    )
    saturation = Option(None, "Factor on the colour (the model's own by default).", float, min=0, max=4)
    strength = Option(
        1.0, "1: the network's colour; 0: the picture's own; between: a mixture.", float, min=0, max=1
    )

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        self.side = model.card.footprint.side or 256
        self.multiple = model.card.footprint.multiple
        self.runner = run(annealed_mean(model.net, self.values["temperature"] or 0.38), model.card.footprint)

    def prepare(self, picture: Picture) -> Sample:
        import numpy as np
        import torch

        from pixcli.infer.lab import lightness_of
        from pixcli.media.colour import to_srgb

        rgb = np.require(to_srgb(picture), requirements=["C", "W"])
        size = working_size(picture.height, picture.width, self.side, self.multiple)
        lightness = lightness_of(reduced(rgb, *size)) / 100
        return Sample(lightness, Context(picture, rgb, lightness), torch.float32)

    def follow(self, memory: Memory, sample: Sample, answer: Tensor) -> tuple[Tensor, Memory]:
        return steadied(memory, sample.tensor, answer)

    def flicker(self, before: Memory, after: Memory) -> float | None:
        return unrest(before, after, lambda a, b: (a - b).norm(dim=0, keepdim=True))

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        import numpy as np
        import torch
        from torch.nn import functional as F

        from pixcli.infer.guided import coefficients, rows
        from pixcli.infer.lab import eight_bits, lab_to_linear, lab_to_rgb, lightness_of, rgb_to_lab
        from pixcli.media.colour import from_srgb
        from pixcli.media.picture import peak_of

        context: Context = sample.context
        rgb, strength = context.rgb, self.values["strength"]
        white = peak_of(rgb.dtype)
        height, width = rgb.shape[:2]
        ab = F.interpolate(
            answer[None], size=context.lightness.shape[1:], mode="bilinear", align_corners=False
        )[0]
        saturation = 1.0 if self.values["saturation"] is None else self.values["saturation"]
        model = coefficients(context.lightness, ab * (saturation * strength), RADIUS, EPS)
        out = np.empty((height, width, 3), rgb.dtype)
        gray = context.picture.gray and rgb.dtype != np.float32
        if gray:
            table = lightness_of(torch.arange(peak_of(rgb.dtype) + 1)[None, None] / peak_of(rgb.dtype))[
                0, 0
            ].numpy()
        step = max(1, STRIP // width)
        for top in range(0, height, step):
            bottom = min(height, top + step)
            own = rgb[top:bottom]
            lightness = torch.from_numpy(table[own[..., 0]])[None] if gray else lightness_of(planes(own))
            gain, offset = rows(model, top, bottom, height, width).chunk(2)
            ab = torch.addcmul(offset, gain, lightness / 100)
            if strength < 1:
                ab = ab + (1 - strength) * rgb_to_lab(planes(own))[1]
            if rgb.dtype == np.uint8:
                coloured = eight_bits(lab_to_linear(lightness, ab))
            else:
                coloured = lab_to_rgb(lightness, ab)
                if rgb.dtype == np.uint16:
                    coloured = (coloured * white).round_()
            out[top:bottom] = coloured.permute(1, 2, 0).numpy()
        picture = context.picture
        return Result({"": picture.with_pixels(from_srgb(out, picture), picture.alpha)})


def annealed_mean(net: Any, temperature: float) -> Any:
    """The network made to answer ab: the annealed mean over its bins (Zhang et al. 2016, eq. 5).

    A regression's ab is passed on.
    """
    import torch
    from torch import nn

    from pixcli.nets.ab_bins import bins

    class AnnealedMean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net
            self.register_buffer("centres", bins())

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.net(
                torch.cat((x, x.flip(3)))
            ).float()  # of the picture and its mirror image
            if answer.shape[1] == 2:
                return folded(answer) * 110
            share = folded((answer / temperature).softmax(1))
            # a sum over 313 bins wants float32, which autocast would not leave it
            with torch.autocast(x.device.type, enabled=False):
                return (share.movedim(1, -1) @ self.get_buffer("centres")).movedim(-1, 1)

    def folded(x: Tensor) -> Tensor:
        seen, mirrored = x.chunk(2)
        return (seen + mirrored.flip(3)) / 2

    return AnnealedMean().eval()
