"""deblur: shake, motion and defocus taken back."""

from __future__ import annotations

from pixcli.tasks.same_size import SameSize


class Deblur(SameSize):
    """Sharpen what camera shake, motion or a lens out of focus have blurred.

    The network finds the blur by itself, another one in each part of the picture where it has to.
    """

    name, default = "deblur", "deblur"
    example = "pixcli deblur shaken/ -o sharp/"
