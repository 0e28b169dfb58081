"""Frames through the belt, in order, each steadied by what the task remembers of those before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

from pixcli.engine.belt import Belt, Load
from pixcli.engine.interrupts import Stop
from pixcli.engine.room import room_for
from pixcli.engine.settings import Settings
from pixcli.errors import PixcliError

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.tasks import Result, Sample, Task
    from pixcli.tasks.base import Memory

T = TypeVar("T")
Tell = Callable[[int, int], None]


class Stopped(PixcliError):
    """The run was stopped in the middle of a film."""

    def __init__(self) -> None:
        super().__init__("stopped")


class Recall:
    """What a task remembers while it goes through a film.

    now: of the frames so far; at first what an earlier run kept. every: it is put by after each so many.
    """

    def __init__(self, now: Memory = None, every: int | None = None) -> None:
        self.now, self.every = now, every
        self.frames = 0
        self.changes: list[float] = []
        self.put_by: deque[Memory] = deque()

    def follow(self, task: Task, sample: Sample, answer: Tensor) -> Tensor:
        """The answer made steady; called frame by frame."""
        before = self.now
        answer, self.now = task.follow(before, sample, answer)
        if (change := task.flicker(before, self.now)) is not None:
            self.changes.append(change)
        self.frames += 1
        if self.every is not None and self.frames % self.every == 0:
            self.put_by.append(self.now)
        return answer

    def flicker(self) -> float | None:
        """The mean over the frames that have been through in this run."""
        return sum(self.changes) / len(self.changes) if self.changes else None

    def next(self) -> Memory:
        """The oldest that was put by and not asked for yet; None when there is none."""
        return self.put_by.popleft() if self.put_by else None


def in_order(
    task: Task,
    loads: Iterator[Load[T]],
    settings: Settings,
    stop: Stop,
    recall: Recall | None = None,
    then: Callable[[T, Result], Any] | None = None,
) -> Generator[tuple[T, Any]]:
    """The results of frames, in order; instead of them, what `then` makes of each on an encoding thread.

    A frame that fails ends it: raises what it raised, or Stopped.
    """
    memory = recall or Recall()

    def infer(samples: Sequence[Sample]) -> list[Tensor]:
        answers = zip(samples, task.infer(samples), strict=True)
        return [memory.follow(task, sample, answer) for sample, answer in answers]

    def finish(tag: T, answer: Tensor, sample: Sample) -> Any:
        result = task.finish(answer, sample)
        return result if then is None else then(tag, result)

    own = Stop(stop)
    belt: Belt[T, Any] = Belt(loads, infer, finish, stop=own, room=room_for(task, settings), ordered=True)
    with closing(belt.outcomes()) as outcomes:
        for outcome in outcomes:
            if outcome is None:
                continue
            if outcome.error is not None:
                raise outcome.error
            if outcome.value is None:
                raise Stopped
            yield outcome.tag, outcome.value
    if stop.asked:
        raise Stopped
