"""deblur: shake, motion and defocus taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixcli.tasks.base import Option, Sample
from pixcli.tasks.same_size import SameSize, seen

if TYPE_CHECKING:
    from pixcli.media.picture import Array, Picture

FEW = 64  # pixels: a picture of a shorter side tells too little of its blur


class Deblur(SameSize):
    """Sharpen what camera shake, motion or a lens out of focus have blurred.

    First the one blur is looked for that would explain the whole picture, and the picture is divided by it
    (Xu et al. 2013, Wiener). The network sees both: it cleans the quotient where that is right, and sharpens
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
        import numpy as np
        import torch

        if not self.maps():
            return super().prepare(picture)
        rgb = seen(picture)
        quotient = self.quotient(rgb) if self.values["kernel"] == "auto" else rgb
        both = np.concatenate((rgb, np.broadcast_to(quotient, (*rgb.shape[:2], 3))), 2)
        tensor = torch.from_numpy(both).permute(2, 0, 1)
        return Sample(tensor, picture, tensor.dtype)

    def quotient(self, rgb: Array) -> Array:
        """The picture (H, W, C) divided by its blur, of its type and within its range; or as it is."""
        import numpy as np

        from pixcli.infer.blur import RIPPLES, in_strips, ripples
        from pixcli.infer.shake import kernel_of
        from pixcli.media.colour import as_type
        from pixcli.tasks.working import luma, planes

        if min(rgb.shape[:2]) < FEW:
            return rgb
        x = planes(rgb)
        light = luma(x.expand(3, -1, -1))[0]
        divided = in_strips(x, kernel_of(light)).clamp(float(x.min()), float(x.max()))
        if ripples(light, luma(divided.expand(3, -1, -1))[0]) > RIPPLES:
            return rgb
        return as_type(np.ascontiguousarray(divided.permute(1, 2, 0).numpy()), rgb.dtype)
