"""inpaint: scratches, letters, stains and things that should not be there, filled from what is round them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pixcli.errors import InputError
from pixcli.tasks.base import Option, Result, Sample, stacked
from pixcli.tasks.same_size import SameSize, made, seen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pixcli.infer.runner import Runner
    from pixcli.media.picture import Picture
    from pixcli.models import Card, Model
    from pixcli.tasks.base import MakeRunner

FINDER = "scratches"  # the model that --mask auto asks
RIM = 2  # pixels round what it finds that are filled too: damage has soft edges
LEAST = 128  # pixels of context round a hole, where the network does not say that it looks farther


@dataclass(frozen=True)
class Context:
    """weight: (H, W), 1 where the fill is taken, 0 where the picture stays. top, left: of the sample in it.

    mask: (H, W), as it was given or found, neither grown nor feathered. deep: a hole is deeper than the
    network sees. flat: the one colour round the holes, where it is one.
    """

    picture: Picture
    mask: NDArray[np.bool_]
    weight: NDArray[np.float32]
    top: int
    left: int
    deep: bool
    flat: NDArray[Any] | None

    @property
    def unusual(self) -> bool:
        return self.deep or self.flat is not None


@dataclass
class Unmasked:
    """A picture whose mask a network has to find; masked: what the filling network is given, once it has."""

    picture: Picture
    masked: Sample | None = None


class Inpaint(SameSize):
    """Fill what a mask marks from what is round it: scratches, letters, stains, people.

    White in a mask (a picture of the same size) is filled; outside of it, grown and feathered as asked, every
    pixel stays bit for bit. In a folder of masks each picture's own has its name and place. With alpha, what
    is not opaque is filled and becomes opaque; a colour wants quotes: --mask '#FF00FF'. With auto a network
    of its own finds scratches, dust, cracks and tears of old photographs and films; --save-mask writes what
    it found, to be corrected by hand and given back: NAME.mask.png is the mask of NAME too.

    The network takes the picture, black in the hole, and the hole as ones. Holes deeper than it sees are
    filled from coarse to fine.
    """

    name, default = "inpaint", "inpaint"
    example = "pixcli inpaint scans/ -o whole/ --mask masks/"
    needs = {"mask": "masks/"}  # noqa: RUF012

    mask = Option(
        None,
        "What to fill: a mask file, a folder of them, alpha, a colour #RRGGBB, or auto: damage that is seen.",
    )
    threshold = Option(
        None,
        "How sure --mask auto has to be of damage; lower finds more. The model's own.",
        float,
        min=0.01,
        max=0.99,
    )
    save_mask = Option(False, "Write the mask beside the picture: NAME.mask.png, white is filled.", bool)
    grow = Option(0, "Pixels by which the mask is widened.", int, min=0, max=500)
    feather = Option(0, "Pixels round it over which the fill fades into the picture.", int, min=0, max=500)
    accepts = (4, 2)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.values["mask"] not in (None, "alpha", "auto"):
            self._masks()

    def _masks(self) -> Any:
        from pixcli.tasks.masks import Masks

        return Masks(self.values["mask"] or "alpha")

    def beside(self, card: Card) -> dict[str, Any]:
        if self.values["mask"] == "auto":
            from pixcli.models import find

            return {"finder": find(FINDER, self.name).sha256}
        return {"masks": self._masks().state()} if self.values["mask"] else {}

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        self.finder = None
        if self.values["mask"] == "auto":
            self.finder = self._finder(run)
        else:
            self.masks = self._masks()
        self.reach = model.card.footprint.reach
        self.multiple = model.card.footprint.multiple

    def _finder(self, run: MakeRunner) -> Runner:
        from pixcli.models import find, load
        from pixcli.tasks.adapter import Adapter

        model = load(find(FINDER, self.name))
        if self.values["threshold"] is None:
            self.values["threshold"] = model.card.settings.get("threshold", 0.5)
        return run(Adapter(model.net, 3), model.card.footprint)

    def maps(self) -> int:
        return 1

    def mixed(self) -> float:
        return 1.0

    def prepare(self, picture: Picture) -> Sample:
        if self.finder is not None:
            return replace(super().prepare(picture), context=Unmasked(picture))
        return self.masked(picture, self.masks.hole(picture))

    def masked(self, picture: Picture, mask: NDArray[np.bool_]) -> Sample:
        """What the filling network is given; the hole is the mask, grown."""
        import numpy as np
        import torch

        from pixcli.media.picture import peak_of
        from pixcli.tasks.fill import deep
        from pixcli.tasks.masks import feathered, grown

        weight = feathered(grown(mask, self.values["grow"]), self.values["feather"])
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
        return Sample(tensor, Context(picture, mask, weight, top, left, far, flat), tensor.dtype)

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
        if self.finder is None:
            return self.filled(samples)
        answers = []
        for sample, mask in zip(samples, self.found(samples), strict=True):
            sample.context.masked = self.masked(sample.context.picture, mask)
            answers += self.filled([sample.context.masked])
        return answers

    def found(self, samples: Sequence[Sample]) -> Iterator[NDArray[np.bool_]]:
        """The masks of pictures of one size."""
        import torch

        from pixcli.tasks.masks import grown

        assert self.finder is not None
        for answer in self.finder(stacked(samples), torch.uint8):
            yield grown((answer[0] >= 255 * self.values["threshold"]).numpy(), RIM)

    def filled(self, samples: Sequence[Sample]) -> list[Tensor]:
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
        from pixcli.media.maps import Map

        c: Context = getattr(sample.context, "masked", sample).context
        maps = {"mask": Map(c.mask * np.uint8(255))} if self.values["save_mask"] else {}
        own, high, wide = c.picture, *answer.shape[1:]
        place = slice(c.top, c.top + high), slice(c.left, c.left + wide)
        weight = (c.weight[place] * self.values["strength"])[..., None]
        if not weight.any():
            return Result({"": own}, maps=maps)
        part = own.with_pixels(own.pixels[place])
        fill = made(np.ascontiguousarray(answer.permute(1, 2, 0).numpy()), part).pixels
        mixed = part.pixels + weight * (fill.astype(np.float32) - part.pixels)
        mixed = as_type(mixed / np.float32(own.peak), own.pixels.dtype)
        pixels = own.pixels.copy()
        pixels[place] = np.where(weight == 0, part.pixels, np.where(weight == 1, fill, mixed))
        alpha = own.alpha
        if self.values["mask"] == "alpha" and alpha is not None:
            alpha = np.where(c.weight == 1, alpha.dtype.type(own.peak), alpha)
        return Result({"": own.with_pixels(pixels, alpha)}, maps=maps)
