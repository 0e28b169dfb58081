"""What the engine tells the world. Terminal and NDJSON are listeners: functions called with an Event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class Item:
    """What became of one input.

    seconds: work spent on it by all threads together, waiting in queues not counted. pixels: width × height ×
    frames of the input. lost: what the output could not keep. text: why it was skipped, or what is wrong when
    it failed; then `error` is the kind ("input", "output", "device", "usage", "weights", "refused" by the
    plan, "internal"). flicker: of a film, how far what stands still changes from frame to frame, in the unit
    that the summary says.
    """

    status: Status
    input: str
    outputs: tuple[str, ...] = ()
    seconds: float = 0.0
    pixels: int = 0
    lost: tuple[str, ...] = ()
    error: str = ""
    text: str = ""
    trace: str = ""
    flicker: float | None = None


@dataclass(frozen=True)
class Summary:
    """How a run ended. total = done + skipped + failed + left, those that a stopped run did not finish.

    peak_memory: bytes, of this process; 0 where the system does not say. ended: why the run stopped early, or
    "". flicker: the mean over films, in flicker_unit; None where there was none to tell of.
    """

    total: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    left: int = 0
    pixels: int = 0
    seconds: float = 0.0
    peak_memory: int = 0
    exit_code: int = 0
    ended: str = ""
    flicker: float | None = None
    flicker_unit: str = ""

    @property
    def pixels_per_second(self) -> float:
        return self.pixels / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Event:
    """What happened; the fields that belong to a kind are set.

    start: `task`, `model`, `device`, `total`. item: `item`. progress: `done` of `total` (0: unknown) frames
    of `input`, or, when `input` is empty, a sign of life with the inputs under way, `busy`. note: `text`; and
    `runtime` ("torch", "openvino"), when it tells what computes the network from here on.
    summary: `summary`.
    """

    kind: Literal["start", "item", "progress", "note", "summary"]
    task: str = ""
    model: str = ""
    device: str = ""
    input: str = ""
    text: str = ""
    runtime: str = ""
    done: int = 0
    total: int = 0
    busy: tuple[str, ...] = ()
    item: Item | None = None
    summary: Summary | None = None


Listener = Callable[[Event], None]
