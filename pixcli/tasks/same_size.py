"""What the tasks share whose result is as large as the picture: colours in, strength, colours out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pixcli.errors import WeightsError
from pixcli.tasks.base import Option, PictureTask, Result, Sample

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.infer.runner import Runner
    from pixcli.media.picture import Array, Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner


class SameSize(PictureTask):
    """The network takes sRGB in 0..1 and answers with a picture of that size.

    Grey pictures stay grey; a network for grey takes each colour by itself. Alpha stays as it is, and colours
    that it hides stay too.
    """

    strength = Option(
        1.0, "1: as the network says; 0: the picture as it was; between: a mixture.", float, min=0, max=1
    )
    accepts: ClassVar[tuple[int, ...]] = (3, 1)  # numbers of channels that its networks may take

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        self.runner = self.adapted(model, run)

    def adapted(self, model: Model, run: MakeRunner) -> Runner:
        """The network as this task calls it. Raises WeightsError when it takes other channels."""
        from pixcli.tasks.adapter import Adapter

        colours = getattr(model.net, "channels", 3)  # networks say what they take where that is not 3, 0
        self.takes = colours + getattr(model.net, "maps", 0)
        if self.takes not in self.accepts:
            wanted = ", ".join(map(str, sorted(self.accepts)))
            raise WeightsError(f"{model.card.name}: takes {self.takes} channels, not {wanted} as this task")
        net = Adapter(model.net, colours, self.maps(), self.level(), self.mixed())
        return run(net, model.card.footprint)

    def maps(self) -> int:
        """How many maps the samples have after the colours."""
        return 0

    def level(self) -> float | None:
        """The value of one more map for the network, the same everywhere; None when it takes none."""
        return None

    def mixed(self) -> float:
        """The share of the network in what it answers; 1 where the task mixes later."""
        return float(self.values["strength"])

    def prepare(self, picture: Picture) -> Sample:
        import torch

        tensor = torch.from_numpy(seen(picture)).permute(2, 0, 1)
        return Sample(tensor, picture, tensor.dtype)

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        import numpy as np

        if answer.dtype.is_floating_point:  # no brighter or darker than white, black and the picture
            x = sample.tensor
            answer = answer.clamp(min(0.0, float(x.min())), max(1.0, float(x.max())))
        return Result({"": made(np.ascontiguousarray(answer.permute(1, 2, 0).numpy()), sample.context)})


def seen(picture: Picture) -> Array:
    """What a network sees of a picture: (H, W, 3) sRGB, or (H, W, 1) where it is grey.

    Colours are drawn under transparent pixels, so that no fringe appears.
    """
    import numpy as np

    from pixcli.media.alpha import bleed
    from pixcli.media.colour import to_srgb

    rgb = to_srgb(picture)
    rgb = bleed(rgb[..., :1] if picture.gray else rgb, picture.alpha)
    return np.require(rgb, requirements=["C", "W"])


def made(rgb: Array, picture: Picture) -> Picture:
    """The picture with these sRGB colours, as large, in its own space and type; hidden colours stay."""
    import numpy as np

    from pixcli.media.colour import from_srgb

    pixels = from_srgb(rgb, picture)
    if picture.alpha is not None and not picture.alpha.all():
        pixels = np.where((picture.alpha == 0)[..., None], picture.pixels, pixels)
    return picture.with_pixels(pixels, picture.alpha)
