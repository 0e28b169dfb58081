"""deblur: shake, motion and defocus taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixcli.tasks.base import Option, Sample
from pixcli.tasks.same_size import SameSize

if TYPE_CHECKING:
    from pixcli.media.picture import Picture

FEW = 64  # pixels: a picture of a shorter side tells too little of its blur


class Deblur(SameSize):
    """Sharpen what camera shake, motion or a lens out of focus have blurred.

    First the one blur is looked for that would explain the whole picture, and the picture is divided by it
    (Cho & Lee 2009, Wiener). The network sees both: it cleans the quotient where that is right, and sharpens
    the picture by itself where it is not. Networks that take the picture alone are given that.
    """

    name, default = "deblur", "deblur"
    example = "pixcli deblur shaken/ -o sharp/"

    kernel = Option(
        "auto",
        "auto: look for one blur of the whole picture first; none: the network alone, which is faster.",
        choices=("auto", "none"),
    )
    accepts = (6, 3, 1)

    def maps(self) -> int:
        return 3 if self.takes == 6 else 0

    def prepare(self, picture: Picture) -> Sample:
        sample = super().prepare(picture)
        if not self.maps():
            return sample
        import torch

        x = sample.tensor
        quotient = x
        if self.values["kernel"] == "auto" and min(x.shape[1:]) >= FEW:
            from pixcli.infer.shake import kernel_of, without
            from pixcli.media.picture import peak_of
            from pixcli.tasks.working import luma

            peak = peak_of(picture.pixels.dtype)
            own = x.float() / peak
            light = luma(own.expand(3, -1, -1))[0]
            quotient = without(own, kernel_of(light)).clamp(float(own.min()), float(own.max())) * peak
            quotient = (quotient if x.dtype.is_floating_point else quotient.round()).to(x.dtype)
        return Sample(torch.cat((x, quotient.expand(3, -1, -1))), sample.context, sample.answer)
