"""What a task is: its options, what it needs of a picture, what it makes of the network's answer.

Importing a task costs nothing: torch and numpy are imported inside the methods that use them, for the
command line is built from these declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pixcli.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from pixcli.infer.footprint import Footprint
    from pixcli.infer.runner import Runner
    from pixcli.media.maps import Map
    from pixcli.media.picture import Picture
    from pixcli.models import Card, Model

    Memory = tuple[Tensor, ...] | None
    MakeRunner = Callable[[nn.Module, Footprint], Runner]


@dataclass(frozen=True)
class Option:
    """One option: `--name` on the command line, a keyword in Python. type: int, float, str or bool.

    auto: "auto" may be said too, and means None.
    """

    default: Any
    help: str
    type: type = str
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    auto: bool = False

    def check(self, name: str, value: Any) -> Any:
        """The value in this option's type. Raises UsageError when it does not fit."""
        if value is None or (self.auto and value == "auto"):
            return None
        try:
            value = self.type(value)
        except (TypeError, ValueError):
            raise UsageError(f"--{name}: {value!r} is no {self.type.__name__}") from None
        if self.choices and value not in self.choices:
            raise UsageError(f"--{name}: {value!r} is none of {', '.join(self.choices)}")
        if (self.min is not None and value < self.min) or (self.max is not None and value > self.max):
            raise UsageError(f"--{name}: {value} is not within {self.min} … {self.max}")
        return value


@dataclass(frozen=True)
class Sample:
    """What the network takes of one picture.

    tensor: (C, H, W) uint8, uint16 or float32 (floats in the card's range; integers stand for 0..1 and are
    scaled on the device). context: whatever `finish` needs to know; nobody else looks inside. answer: the
    type that the answer is wanted in.
    """

    tensor: Tensor
    context: Any
    answer: torch.dtype


@dataclass(frozen=True)
class Result:
    """Named outputs of one input, pictures and exact maps; "" is the main one.

    lost: what they could not keep ("icc", "16-bit"). view: makes a picture of the main map, as large as
    `Task.check` says, which is what films are made of. beside: files for the folder, once for all that lie in
    it, by name.
    """

    pictures: dict[str, Picture] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    maps: dict[str, Map] = field(default_factory=dict)
    view: Callable[[], Picture] | None = None
    beside: dict[str, bytes] = field(default_factory=dict)

    def shown(self) -> Picture:
        """The main picture, or the view of the main map."""
        return self.view() if self.view is not None else self.pictures[""]

    def parts(self) -> dict[str, Picture | Map]:
        """All outputs, the main one first."""
        found: dict[str, Picture | Map] = self.maps | self.pictures
        return {name: found[name] for name in sorted(found, key=lambda name: name != "")}


class Task:
    """A command. Subclasses say `name`, `default` (a card's name) and, as class attributes, their Options.

    needs: the options without which no picture can be done, and for each a value for the line to type.
    forms: the formats of exact maps that --format may name, and the suffix of each. gathers: the key in the
    text of PNGs under which maps tell what `gathered` makes a file of; "" where it makes none. flicker_unit:
    that of `flicker`; "" where there is none.

    The engine calls `attach` once, then for each picture `prepare` (on a decoding thread), `infer` (with one
    or several samples, on the thread that owns the network), for films `follow` (in order), and `finish` (on
    an encoding thread).
    """

    name: ClassVar[str]
    default: str
    example: ClassVar[str] = ""
    needs: ClassVar[dict[str, str]] = {}
    forms: ClassVar[Mapping[str, str]] = MappingProxyType({})
    gathers: ClassVar[str] = ""
    flicker_unit: ClassVar[str] = ""

    def __init__(self, **given: Any) -> None:
        options = self.options()
        for key in given:
            if key not in options:
                raise UsageError(
                    f"{self.name} has no option {key!r}", f"it has: {', '.join(options) or 'none'}"
                )
        self.values = {k: o.check(k.replace("_", "-"), given.get(k, o.default)) for k, o in options.items()}

    @classmethod
    def title(cls) -> str:
        """What it does, in a sentence: the first line of its docstring."""
        return (cls.__doc__ or "").partition("\n")[0]

    @classmethod
    def options(cls) -> dict[str, Option]:
        """The options of this task by Python name, in the order of declaration."""
        found: dict[str, Option] = {}
        for c in reversed(cls.__mro__):
            found |= {k: v for k, v in vars(c).items() if isinstance(v, Option)}
        return found

    def suffix(self) -> str:
        """That of the output of a picture when no format is asked for; "": the picture's own."""
        return ""

    def exact(self) -> bool:
        """Whether the main output is a map, not a picture."""
        return False

    def beside(self, card: Card) -> dict[str, Any]:
        """What results depend on beside input, options and the card's weights: a change makes them stale."""
        return {}

    def attach(self, model: Model, run: MakeRunner) -> None:
        """Take the network: options that the user left open get the card's calibrated settings."""
        self.model = model
        for key, value in model.card.settings.items():
            if key in self.values and self.values[key] is None:
                self.values[key] = value
        self.runner = run(model.net, model.card.footprint)

    def check(self, width: int, height: int) -> tuple[int, int]:
        """The size (width, height) that the result will have. Raises InputError when that is too much."""
        return width, height

    def apart(self) -> int:
        """Of tasks that compare two pictures: so many frames the second is after the first. Else 0.

        `prepare` is then given both.
        """
        return 0

    def surveys(self, kind: Literal["film", "set"]) -> bool:
        """Whether some answers of a film, or of all pictures of a run, are wanted before the first result."""
        return False

    def learn(self, answers: Sequence[tuple[Tensor, Sample]]) -> None:
        """Take in what the survey gave."""

    def prepare(self, picture: Picture) -> Sample:
        raise NotImplementedError

    def infer(self, samples: Sequence[Sample]) -> list[Tensor]:
        """The network's answers, each (C, H, W), in the order of the samples, which all have one shape."""
        return list(self.runner(stacked(samples), samples[0].answer))

    def follow(self, memory: Memory, sample: Sample, answer: Tensor) -> tuple[Tensor, Memory]:
        """A film frame's answer made steady with what was kept of earlier frames, and what to keep.

        memory: None at first, else tensors on the processor, which are not changed: they are written to a
        file where a long film may have to go on after a kill.
        """
        return answer, None

    def flicker(self, before: Memory, after: Memory) -> float | None:
        """How far what stands still has changed from one frame's memory to the next; None at a cut."""
        return None

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        raise NotImplementedError

    def gathered(self, told: Mapping[str, str]) -> dict[str, bytes]:
        """Files, by name, that tell of all maps of a folder. told: what each map says, by its path."""
        return {}


class PictureTask(Task):
    """A picture in, a picture out, in the input's own format, with its alpha, depth, profile and metadata."""


class MapTask(Task):
    """A picture in, exact values of its pixels out, in a file that holds them, or a view of them for people.

    `--format` names one of `forms`, the first by default; where a view or a picture is written, and for
    films, any format of those.
    """

    format = Option(None, "Write maps in this format; views also as jpg, webp, …; films as mp4, mkv, ….")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        wanted = self.values["format"]
        if wanted is None:
            return
        from pixcli.plan.job import FILMS, PICTURES

        wanted = wanted.lower().removeprefix(".")
        if self.exact() and wanted not in self.forms:  # png is png16 where that is the only one
            wanted = next((form for form, suffix in self.forms.items() if suffix == f".{wanted}"), wanted)
        self.values["format"] = wanted
        known = {*self.forms, *FILMS, *(() if self.exact() else PICTURES)}
        if wanted not in known:
            hint = "views can be written as pictures, too" if wanted in PICTURES else ""
            raise UsageError(f"--format {wanted}: {self.name} writes {', '.join(self.forms)}", hint)
        if not self.exact() and wanted in self.forms and self.forms[wanted] != ".png":
            raise UsageError(f"--format {wanted} holds maps, and a picture of them was asked for")

    def exact(self) -> bool:
        return self.values.get("view") is None

    def map_format(self) -> str:
        """A key of `forms`."""
        wanted = self.values["format"]
        return wanted if wanted in self.forms else next(iter(self.forms))

    def suffix(self) -> str:
        return self.forms[self.map_format()] if self.exact() else ".png"


def stacked(samples: Sequence[Sample]) -> Tensor:
    """(N, C, H, W) of samples of one shape; a single one is not copied."""
    import torch

    return samples[0].tensor[None] if len(samples) == 1 else torch.stack([s.tensor for s in samples])
