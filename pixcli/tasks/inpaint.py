"""inpaint: scratches, letters, stains and things that should not be there, filled from what is round them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixcli.errors import InputError
from pixcli.tasks.base import Option, Result, Sample
from pixcli.tasks.same_size import SameSize, made, seen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pixcli.media.picture import Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner

LEAST = 128  # pixels of context round a hole, where the network does not say that it looks farther


@dataclass(frozen=True)
class Context:
    """weight: (H, W), 1 where the fill is taken, 0 where the picture stays. top, left: of the sample in it.

    deep: a hole is deeper than the network sees. flat: the one colour round the holes, where it is one.
    """

    picture: Picture
    weight: NDArray[np.float32]
    top: int
    left: int
    deep: bool
    flat: NDArray[Any] | None

    @property
    def unusual(self) -> bool:
        return self.deep or self.flat is not None


class Inpaint(SameSize):
    """Fill what a mask marks from what is round it: scratches, letters, stains, people.

    White in a mask (a picture of the same size) is filled; outside of it, grown and feathered as asked, every
    pixel stays bit for bit. In a folder of masks each picture's own has its name and place. With alpha, what
    is not opaque is filled and becomes opaque; a colour wants quotes: --mask '#FF00FF'.

    The network takes the picture, black in the hole, and the hole as ones. Holes deeper than it sees are
    filled from coarse to fine.
    """

    name, default = "inpaint", "inpaint"
    example = "pixcli inpaint scans/ -o whole/ --mask masks/"
    needs = {"mask": "masks/"}  # noqa: RUF012

    mask = Option(None, "What to fill: a mask file, a folder of them, alpha, or a colour #RRGGBB.")
    grow = Option(0, "Pixels by which the mask is widened.", int, min=0, max=500)
    feather = Option(0, "Pixels round it over which the fill fades into the picture.", int, min=0, max=500)
    accepts = (4, 2)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.values["mask"] is not None and self.values["mask"] != "alpha":
            self._masks()

    def _masks(self) -> Any:
        from pixcli.tasks.masks import Masks

        return Masks(self.values["mask"] or "alpha")

    def beside(self) -> dict[str, Any]:
        return {"masks": self._masks().state()} if self.values["mask"] else {}

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        self.masks = self._masks()
        self.reach = model.card.footprint.reach
        self.multiple = model.card.footprint.multiple

    def maps(self) -> int:
        return 1

    def mixed(self) -> float:
        return 1.0

    def prepare(self, picture: Picture) -> Sample:
        import numpy as np
        import torch

        from pixcli.media.picture import peak_of
        from pixcli.tasks.fill import deep
        from pixcli.tasks.masks import feathered, grown

        weight = feathered(grown(self.masks.hole(picture), self.values["grow"]), self.values["feather"])
        top, left, bottom, right = self.box(weight)
        rgb, hole = seen(picture)[top:bottom, left:right], weight[top:bottom, left:right, None] > 0
        if hole.all():
            raise InputError("its mask covers all of it: there is nothing to fill it from")
        known = rgb[~hole[..., 0]]
        flat = known[0] if (known == known[0]).all() else None
        far = self.reach is not None and bool(deep(torch.from_numpy(hole[None, ..., 0])).any())
        black, white = rgb.dtype.type(0), rgb.dtype.type(peak_of(rgb.dtype))
        x = np.concatenate([np.where(hole, black, rgb), np.where(hole, white, black)], 2)
        tensor = torch.from_numpy(x).permute(2, 0, 1)
        return Sample(tensor, Context(picture, weight, top, left, far, flat), tensor.dtype)

    def box(self, weight: NDArray[np.float32]) -> tuple[int, int, int, int]:
        """Top, left, bottom, right of the part that the network is given: the holes and all that it sees.

        Its corner is a multiple of the network's, so that the part gives what the whole would.
        """
        import numpy as np

        if self.reach is None:
            return 0, 0, *weight.shape
        margin, step = max(self.reach, LEAST), self.multiple
        edges = []
        for axis, length in enumerate(weight.shape):
            touched = np.flatnonzero(weight.any(1 - axis))
            first, last = (int(touched[0]), int(touched[-1])) if len(touched) else (0, 0)
            edges.append((max(0, first - margin) // step * step, min(length, last + 1 + margin)))
        return edges[0][0], edges[1][0], edges[0][1], edges[1][1]

    def infer(self, samples: Sequence[Sample]) -> list[Tensor]:
        plain = [s for s in samples if not s.context.unusual]
        answers = iter(super().infer(plain) if plain else [])
        return [self._unusual(s) if s.context.unusual else next(answers) for s in samples]

    def _unusual(self, sample: Sample) -> Tensor:
        """The answer for holes in one flat colour, which says nothing to a network, or for deep ones."""
        import torch

        from pixcli.tasks.fill import fill

        flat = sample.context.flat
        if flat is None:
            return fill(self.runner, sample.tensor)
        return torch.from_numpy(flat)[:, None, None].expand(-1, *sample.tensor.shape[1:])

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        import numpy as np

        from pixcli.media.colour import as_type

        c: Context = sample.context
        own, high, wide = c.picture, *answer.shape[1:]
        place = slice(c.top, c.top + high), slice(c.left, c.left + wide)
        weight = (c.weight[place] * self.values["strength"])[..., None]
        if not weight.any():
            return Result({"": own})
        part = own.with_pixels(own.pixels[place])
        fill = made(np.ascontiguousarray(answer.permute(1, 2, 0).numpy()), part).pixels
        mixed = part.pixels + weight * (fill.astype(np.float32) - part.pixels)
        mixed = as_type(mixed / np.float32(own.peak), own.pixels.dtype)
        pixels = own.pixels.copy()
        pixels[place] = np.where(weight == 0, part.pixels, np.where(weight == 1, fill, mixed))
        alpha = own.alpha
        if self.values["mask"] == "alpha" and alpha is not None:
            alpha = np.where(c.weight == 1, alpha.dtype.type(own.peak), alpha)
        return Result({"": own.with_pixels(pixels, alpha)})
