"""panoptic: what each pixel shows, and which of the things it belongs to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pixcli.errors import WeightsError
from pixcli.tasks.base import MapTask, Option, Result, Sample
from pixcli.tasks.segment import colour_of, plain
from pixcli.tasks.working import luma, seen, steadied, unrest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pixcli.infer.segments import Canvas, Segment
    from pixcli.media.maps import Map
    from pixcli.media.picture import Array, Picture
    from pixcli.models import Model
    from pixcli.tasks.base import MakeRunner, Memory

SCORE = 0.5  # of a model whose card says none, as COCO's combine script has it
USUAL = 640 * 480  # pixels of the picture that --min-area is told for
SHARE = 0.55  # of the segment's colour in an overlay
NUMBERS = 1 << 16  # of one class's things, in the two lower bytes of an id


@dataclass(frozen=True)
class Context:
    name: str
    rgb: Array


class Panoptic(MapTask):
    """Label every pixel of photographs and films, and tell one thing from the next.

    A map is a PNG in COCO's coding: the id of a segment is R + 256 G + 65536 B, 0 is void. Of ours, B is the
    class and the rest the number of the thing, 0 for stuff. panoptic.json tells the segments of all maps in
    the folder as COCO's evaluator reads them, and each PNG its own in its text. Films become films of the
    overlay, in which a thing keeps its colour.
    """

    name, default = "panoptic", "panoptic"
    example = "pixcli panoptic photos/ -o panoptic/"
    forms = MappingProxyType({"png": ".png"})
    gathers = "panoptic"
    flicker_unit = "% of the labels"

    view = Option(
        None, "Write a picture for people instead of the map.", choices=("overlay", "color", "side")
    )
    merge = Option(
        "fpn",
        "How things and stuff become one: fpn leaves out stuff below --min-area; naive keeps it.",
        choices=("fpn", "naive"),
    )
    score = Option(None, "Leave out things that are less sure (the model's own by default).", float, 0, 1)
    overlap = Option(0.5, "Leave out a thing of which more than this is taken by surer ones.", float, 0, 1)
    min_area = Option(4096, "Least pixels of stuff, of a picture of 640 × 480.", int, 0)

    def exact(self) -> bool:
        return self.values["view"] is None

    def attach(self, model: Model, run: MakeRunner) -> None:
        import numpy as np

        from pixcli.tasks.instances import Packed, form_of

        rows = model.card.classes
        if not rows:
            raise WeightsError(f"{model.card.name}: its card does not name the classes")
        self.ids = [int(row.get("id", n)) for n, row in enumerate(rows, 1)]
        if min(self.ids) < 1 or max(self.ids) > 255:
            raise WeightsError(f"{model.card.name}: ids of classes must be within 1 … 255")
        self.things = np.array([bool(row.get("thing")) for row in rows])
        self.colours = [tuple(row.get("color") or colour_of(n)) for n, row in enumerate(rows)]
        self.form = form_of(model.net, self.things)
        if hasattr(model.net, "find"):
            model = replace(model, net=Packed(model.net))
        super().attach(model, run)
        if self.values["score"] is None:
            self.values["score"] = SCORE

    def check(self, width: int, height: int) -> tuple[int, int]:
        return (2 * width if self.values["view"] == "side" else width), height

    def prepare(self, picture: Picture) -> Sample:
        import torch

        rgb, small = seen(picture, self.model.card.footprint)
        return Sample(small, Context(picture.name, rgb), torch.float32)

    def follow(self, memory: Memory, sample: Sample, answer: Tensor) -> tuple[Tensor, Memory]:
        """A thing gets the number of the one that lay there before; the numbers are planes at the end."""
        import numpy as np
        import torch

        from pixcli.infer.segments import MOST, numbered
        from pixcli.tasks.instances import planes_for

        light = luma(sample.tensor)
        maps, kept = steadied(memory and memory[:2], light, answer[: self.form.maps])
        answer = torch.cat((maps, answer[self.form.maps :]))
        height, width = answer.shape[1:]
        _, canvas, found = self.form(answer, height, width, self.values["score"], self.values["overlap"])
        before = memory[2].numpy() if memory is not None else np.zeros((height, width), np.int64)
        used = int(memory[3]) if memory is not None else 0
        numbers, used = numbered(before, canvas, len(found), used)
        planes = torch.zeros(planes_for(MOST, height, width) * height * width)
        for segment, number in zip(found, numbers, strict=True):
            planes[segment.number - 1] = number
        now = np.array([0, *numbers])[canvas]
        lost = ~np.isin(before, numbers) & (now == 0)  # a thing that is not found now may be found again
        answer = torch.cat((answer, planes.view(-1, height, width)))
        known = torch.from_numpy(np.where(lost, before, now))
        return answer, (*(kept or ()), known, torch.tensor(used))

    def flicker(self, before: Memory, after: Memory) -> float | None:
        """What has another class, or is of another thing."""
        if before is None or after is None:
            return None
        other = before[2] != after[2]
        k = len(self.things)

        def changed(a: Tensor, b: Tensor) -> Tensor:
            return 100.0 * (other | (a[:k].argmax(0) != b[:k].argmax(0)) if len(a) else other)[None]

        return unrest(before, after, changed)

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        context: Context = sample.context
        canvas, segments = self.segments(answer, context.rgb)
        if not self.exact():
            return Result({"": self.shown(canvas, segments, context.rgb)})
        return Result(
            maps={"": self.map_of(canvas, segments, context.name)},
            view=lambda: self.shown(canvas, segments, context.rgb),
        )

    def segments(self, answer: Tensor, rgb: Array) -> tuple[Canvas, list[Segment]]:
        """A canvas of the picture's size and its segments; things have their numbers, stuff has 0."""
        import numpy as np

        from pixcli.infer.segments import fill, measured

        height, width = rgb.shape[:2]
        labels, canvas, found = self.form(answer, height, width, self.values["score"], self.values["overlap"])
        if len(answer) > (own := self.form.channels(*answer.shape[1:])):
            numbers = answer[own:].reshape(-1).long().tolist()
            found = [replace(s, number=(numbers[s.number - 1] - 1) % (NUMBERS - 1) + 1) for s in found]
        least = self.values["min_area"] * height * width / USUAL if self.values["merge"] == "fpn" else 0
        stuff = np.flatnonzero(~self.things).tolist()
        return measured(canvas, fill(canvas, found, labels, stuff, least))

    def map_of(self, canvas: Canvas, segments: list[Segment], name: str) -> Map:
        import numpy as np

        from pixcli.media.maps import Map

        table = np.zeros((len(segments) + 1, 3), np.uint8)
        told = []
        for n, s in enumerate(segments, 1):
            table[n] = s.number % 256, s.number // 256, self.ids[s.kind]
            code = s.number + NUMBERS * self.ids[s.kind]
            row = {"id": code, "category_id": self.ids[s.kind], "area": s.area, "bbox": list(s.box)}
            told.append(row | {"iscrowd": 0} | ({"score": round(s.score, 4)} if s.number else {}))
        height, width = canvas.shape
        words = {"image": name, "height": height, "width": width, "segments_info": told}
        text = {"Software": "pixcli", "model": self.model.card.name, self.gathers: json.dumps(words)}
        return Map(table[canvas], text=text)

    def shown(self, canvas: Canvas, segments: list[Segment], rgb: Array) -> Picture:
        """The overlay (also of films), the colours alone, or the picture and its colours beside; 8 bits."""
        import numpy as np

        from pixcli.media.colour import as_type

        table = np.zeros((len(segments) + 1, 3), np.uint8)
        for n, s in enumerate(segments, 1):
            table[n] = shade(self.colours[s.kind], s.number)
        colours, own = table[canvas], as_type(rgb, np.dtype(np.uint8))
        view = self.values["view"]
        if view == "color":
            return plain(colours)
        if view == "side":
            return plain(np.concatenate((own, colours), 1))
        for y, rim in enumerate(edges(canvas)):  # by rows: a picture in floats is large
            line, mine = colours[y], own[y]
            inside = (canvas[y] > 0) & ~rim
            line[inside] = mine[inside] * (1 - SHARE) + line[inside] * SHARE + 0.5
            line[canvas[y] == 0] = mine[canvas[y] == 0]
        return plain(colours)

    def gathered(self, told: Mapping[str, str]) -> dict[str, bytes]:
        found = {path: words for path, text in told.items() if (words := understood(text))}
        stems = Counter(PurePosixPath(path).stem for path in found)
        images, annotations = [], []
        for path, words in found.items():
            stem = PurePosixPath(path).stem
            known = stem.isdecimal() and stems[stem] == 1  # as COCO's pictures are called
            number = int(stem) if known else str(PurePosixPath(path).with_suffix(""))
            size = {"height": words["height"], "width": words["width"]}
            images.append({"id": number, "file_name": words["image"], **size})
            annotations.append(
                {"image_id": number, "file_name": path, "segments_info": words["segments_info"]}
            )
        told_of = {"images": images, "annotations": annotations, "categories": self.categories()}
        words = {"made_by": "pixcli panoptic", "model": self.model.card.name, **told_of}
        return {"panoptic.json": (json.dumps(words, indent=1, ensure_ascii=False) + "\n").encode()}

    def categories(self) -> list[dict[str, Any]]:
        """The model's classes as COCO's evaluator reads them; those that it merges are in `merges`."""
        made = []
        for n, row in enumerate(self.model.card.classes):
            color = list(row.get("color") or colour_of(n))
            known = {"id": int(row.get("id", n + 1)), "name": str(row["name"]), "color": color}
            merges = {"merges": list(row["merges"])} if "merges" in row else {}
            made.append(known | {"isthing": int(bool(row.get("thing")))} | merges)
        return made


def understood(text: str) -> dict[str, Any]:
    """What a map tells of its segments; nothing where the text is another program's."""
    try:
        words = json.loads(text)
    except ValueError:
        return {}
    ours = isinstance(words, dict) and words.keys() >= {"image", "height", "width", "segments_info"}
    return words if ours else {}


def shade(colour: tuple[int, ...], number: int) -> tuple[int, int, int]:
    """Of the number-th thing of a class: its hue turned a little, other light; of 0 the colour itself."""
    import colorsys

    if not number:
        return colour[0], colour[1], colour[2]
    h, s, _ = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
    turn, light = number * 0.618034 % 1, number * 0.754878 % 1
    r, g, b = colorsys.hsv_to_rgb((h + 0.24 * (turn - 0.5)) % 1, max(s, 0.45), 0.55 + 0.45 * light)
    return round(255 * r), round(255 * g), round(255 * b)


def edges(canvas: Canvas) -> NDArray[np.bool_]:
    """Pixels whose neighbour to the right or below is of another segment."""
    import numpy as np

    found = np.zeros(canvas.shape, bool)
    found[:, :-1] = canvas[:, :-1] != canvas[:, 1:]
    found[:-1] |= canvas[:-1] != canvas[1:]
    return found
