"""segment: what each pixel shows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pixcli.errors import UsageError, WeightsError
from pixcli.tasks.base import MapTask, Option, Result, Sample, stacked
from pixcli.tasks.working import enlarged, luma, seen, steadied, unrest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pixcli.media.maps import Map
    from pixcli.media.picture import Array, Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner, Memory

RADIUS, EPS = 4, 1e-3  # of the guided filter at the answer's size; lightness in 0..1
LARGER = 1.4  # the second of the sizes that are averaged
SHARE = 0.55  # of the class's colour in an overlay
HAZE = 0.2  # cover up to which a cutout leaves nothing, and as far from 1 all
SOLID = 0.95  # of what is left, from which a pixel's colour is the thing's own


@dataclass(frozen=True)
class Context:
    picture: Picture
    rgb: Array


class Segment(MapTask):
    """Label every pixel of photographs and films: what it shows.

    A map is an indexed PNG whose values are the ids of the classes and whose palette has their colours, or a
    grey one of 16 bits where there are ids above 255. Their names are in the PNG's text and, once for each
    folder, in classes.json. Films become films of the overlay.
    """

    name, default = "segment", "segment-general"
    flicker_unit = "% of the labels"
    example = "pixcli segment photos/ -o labels/"
    forms = MappingProxyType({"png": ".png"})

    view = Option(
        None, "Write a picture for people instead of the map.", choices=("overlay", "color", "side")
    )
    classes = Option(None, "Label only these classes, A,B,…; all else is void.")
    cutout = Option(None, "Write what shows this class (or A,B,…) on transparent ground, with soft edges.")
    mask = Option(None, "Write how much of each pixel is of this class (or A,B,…): 8 bits, 255 is all.")
    confidence = Option(False, "Write beside it how sure each label is: NAME.confidence.png, 8 bits.", bool)
    probabilities = Option(
        False, "Write beside it the share of each class: NAME.probabilities.npz, float16.", bool
    )
    refine = Option(
        None,
        "guided: edges of the labels follow those of the picture; crf: labels are drawn to like colours "
        "near by (slow). The model's own by default.",
        choices=("none", "guided", "crf"),
    )

    average = Option(
        None,
        "mirror: the mean with the mirrored picture's answer, in twice the time; scales: and both at a "
        "larger size, in six times. The model's own by default.",
        choices=("none", "mirror", "scales"),
    )

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        asked = [f"--{k}" for k in ("view", "cutout", "mask") if self.values[k] is not None]
        if len(asked) > 1:
            raise UsageError(f"{asked[0]} and {asked[1]} exclude each other", "run it once for each")

    def exact(self) -> bool:
        return all(self.values[k] is None for k in ("view", "cutout", "mask"))

    def attach(self, model: Model, run: MakeRunner) -> None:
        super().attach(model, run)
        rows = model.card.classes
        if not rows:
            raise WeightsError(f"{model.card.name}: its card does not name the classes")
        self.names = [str(row["name"]) for row in rows]
        self.ids = [int(row.get("id", n)) for n, row in enumerate(rows)]
        self.colours = [tuple(row.get("color") or colour_of(n)) for n, row in enumerate(rows)]
        self.kept = self.chosen("classes") or list(range(len(rows)))
        self.cut = self.chosen("cutout") or self.chosen("mask")
        self.void = 255 if max(self.ids) < 255 else 65535
        self.wide = max(self.ids) > 255 or (len(self.kept) < len(rows) and self.void > 255)
        if self.values["refine"] is None:
            self.values["refine"] = "guided" if self.cut else "none"

    def chosen(self, option: str) -> list[int]:
        """The numbers of the classes that an option names. Raises UsageError for one that is not there."""
        known = {name.lower(): n for n, name in enumerate(self.names)}
        found = []
        for name in (self.values[option] or "").split(","):
            if name.strip().lower() in known:
                found.append(known[name.strip().lower()])
            elif self.values[option] is not None:
                raise UsageError(
                    f"--{option}: {self.model.card.name} knows no {name.strip()!r}",
                    f"it knows {', '.join(self.names)}",
                )
        return found

    def check(self, width: int, height: int) -> tuple[int, int]:
        return (2 * width if self.values["view"] == "side" else width), height

    def prepare(self, picture: Picture) -> Sample:
        import torch

        rgb, small = seen(picture, self.model.card.footprint)
        return Sample(small, Context(picture, rgb), torch.float32)

    def infer(self, samples: Sequence[Sample]) -> list[Tensor]:
        from torch.nn import functional as F

        x = stacked(samples)
        if self.values["average"] not in ("mirror", "scales"):
            return list(self.runner(x))
        answer = self.mirrored(x)
        if self.values["average"] == "scales":
            multiple = self.model.card.footprint.multiple
            size = [round(n * LARGER / multiple) * multiple for n in x.shape[2:]]
            larger = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
            answer += F.interpolate(self.mirrored(larger), size=answer.shape[2:], mode="area")
            answer /= 2
        return list(answer)

    def mirrored(self, x: Tensor) -> Tensor:
        """The mean answer of pictures and their mirror images."""
        return (self.runner(x) + self.runner(x.flip(3)).flip(3)) / 2

    def follow(self, memory: Memory, sample: Sample, answer: Tensor) -> tuple[Tensor, Memory]:
        return steadied(memory, luma(sample.tensor), answer)

    def flicker(self, before: Memory, after: Memory) -> float | None:
        k = len(self.ids)
        return unrest(before, after, lambda a, b: 100.0 * (a[:k].argmax(0) != b[:k].argmax(0))[None])

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        context: Context = sample.context
        logits = answer[: len(self.ids)]  # the first head, where there are several
        if len(logits) < len(self.ids):
            raise WeightsError(f"{self.model.card.name}: {len(logits)} channels for {len(self.ids)} classes")
        if self.values["refine"] == "crf":
            from pixcli.tasks.refine import refined

            logits = refined(logits, sample.tensor)
        found = self.labels(logits, context.rgb)
        extra = self.extras(found)
        if self.cut:
            cover = found["cover"]
            if self.values["mask"] is not None:
                return Result({"": plain(cover[..., None])}, maps=extra)
            return Result({"": cutout(context, cover)}, maps=extra)
        numbers = found["numbers"]
        if not self.exact():
            return Result({"": self.shown(numbers, context.rgb)}, maps=extra)
        return Result(
            maps={"": self.map_of(numbers), **extra},
            view=lambda: self.shown(numbers, context.rgb),
            beside={"classes.json": self.legend()},
        )

    def labels(self, logits: Tensor, rgb: Array) -> dict[str, Array]:
        """At the picture's size: the numbers of the classes (H, W) uint16, and what else is asked for.

        cover: (H, W) uint8, of the classes to cut out; confidence: (H, W) uint8; probabilities: (K, H, W).
        """
        import numpy as np
        import torch

        count, (height, width) = len(logits), rgb.shape[:2]
        guided = self.values["refine"] != "none"
        found: dict[str, Array] = {"numbers": np.empty((height, width), np.uint16)}
        if self.cut:
            found["cover"] = np.empty((height, width), np.uint8)
        if self.values["confidence"]:
            found["confidence"] = np.empty((height, width), np.uint8)
        if self.values["probabilities"]:
            found["probabilities"] = np.empty((count, height, width), np.float16)
        small = logits.softmax(0) if guided else logits
        for top, bottom, strip in enlarged(small, rgb, RADIUS if guided else 0, EPS):
            best = strip.max(0).indices  # ten times as fast as argmax
            found["numbers"][top:bottom] = best.numpy()
            if len(found) == 1:
                continue
            share = strip.clamp(min=1e-6) if guided else strip.softmax(0)
            share = share / share.sum(0)
            if "cover" in found:
                inside = torch.zeros(count, dtype=torch.bool)
                inside[self.cut] = True
                ours = share[inside].sum(0)
                other = share[~inside].amax(0) if not inside.all() else torch.zeros_like(ours)
                found["cover"][top:bottom] = (255 * ours / (ours + other)).round().numpy()
            if "confidence" in found:
                found["confidence"][top:bottom] = (255 * share.amax(0)).round().numpy()
            if "probabilities" in found:
                found["probabilities"][:, top:bottom] = share.numpy()
        return found

    def extras(self, found: dict[str, Array]) -> dict[str, Map]:
        from pixcli.media.maps import Map

        made = {}
        if "confidence" in found:
            made["confidence"] = Map(found["confidence"])
        if "probabilities" in found:
            made["probabilities"] = Map(found["probabilities"], "npz", "probabilities")
        return made

    def map_of(self, numbers: Array) -> Map:
        import numpy as np

        from pixcli.media.maps import Map

        kind = np.uint16 if self.wide else np.uint8
        ids = np.full(len(self.ids), self.void, kind)
        ids[self.kept] = np.array(self.ids)[self.kept]
        palette = None
        if not self.wide:
            palette = np.zeros((256, 3), np.uint8)
            palette[self.ids] = self.colours
        words = ", ".join(f"{n} {name}" for n, name in zip(self.ids, self.names, strict=True))
        text = {"Software": "pixcli", "model": self.model.card.name, "classes": words}
        return Map(ids[numbers], palette=palette, text=text)

    def legend(self) -> bytes:
        rows = [
            {"id": n, "name": name, "color": list(colour)}
            for n, name, colour in zip(self.ids, self.names, self.colours, strict=True)
        ]
        if len(self.kept) < len(self.ids):
            rows = [rows[n] for n in self.kept] + [{"id": self.void, "name": "void", "color": [0, 0, 0]}]
        words = {"made_by": "pixcli segment", "model": self.model.card.name, "classes": rows}
        return (json.dumps(words, indent=1, ensure_ascii=False) + "\n").encode()

    def shown(self, numbers: Array, rgb: Array) -> Picture:
        """The overlay (also of films), the colours alone, or the picture and its colours beside; 8 bits."""
        import numpy as np

        from pixcli.media.colour import as_type

        table = np.zeros((len(self.ids), 3), np.uint8)
        table[self.kept] = np.array(self.colours, np.uint8)[self.kept]
        colours, own = table[numbers], as_type(rgb, np.dtype(np.uint8))
        view = self.values["view"]
        if view == "color":
            return plain(colours)
        if view == "side":
            return plain(np.concatenate((own, colours), 1))
        mixed = (own * (1 - SHARE) + colours * SHARE + 0.5).astype(np.uint8)
        labelled = np.isin(numbers, self.kept)[..., None]
        return plain(np.where(labelled, mixed, own))


def plain(pixels: Array) -> Picture:
    """A picture that comes from nowhere."""
    from pixcli.media.picture import Picture

    return Picture(pixels)


def cutout(context: Context, cover: Array) -> Picture:
    """The input with its ground transparent; its edges take the colours of the thing, not of the ground.

    cover: (H, W) uint8.
    """
    import numpy as np

    from pixcli.media.alpha import bleed

    picture = context.picture
    left = ((cover / np.float32(255) - HAZE) / (1 - 2 * HAZE)).clip(0, 1)
    solid = left >= SOLID
    pixels = picture.pixels
    if solid.any():
        drawn = bleed(pixels, solid.astype(np.uint8))
        rim = ((left > 0) & ~solid)[..., None]
        pixels = np.where(rim, drawn, pixels)
    peak = picture.peak
    alpha = left * (peak if picture.alpha is None else picture.alpha)
    alpha = (alpha if pixels.dtype == np.float32 else np.rint(alpha)).astype(pixels.dtype)
    return replace(picture.with_pixels(pixels, alpha), ride=replace(picture.ride, format="PNG"))


def colour_of(number: int) -> tuple[int, int, int]:
    """A colour for a class whose card has none: far from those of its neighbours, never black."""
    import colorsys

    r, g, b = colorsys.hsv_to_rgb(number * 0.618034 % 1, 0.75, 0.95 - 0.35 * (number // 3 % 2))
    return round(255 * r), round(255 * g), round(255 * b)
