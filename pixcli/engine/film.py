"""A film or an animation through the belt: frames in order, every one of them, steadied by the task, written
as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pixcli import media
from pixcli.engine.belt import Belt, Load
from pixcli.engine.interrupts import Stop
from pixcli.engine.pictures import Saved, Work
from pixcli.engine.room import cost_of, room_for
from pixcli.engine.settings import Settings
from pixcli.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.tasks import Result, Sample, Task

T = TypeVar("T")
PROGRESS_S = 0.2


class Stopped(Exception):
    """The run was stopped in the middle of a film."""


class Damaged(InputError):
    """A film of which only a part could be decoded; that part was written."""

    def __init__(self, what: str, saved: Saved) -> None:
        super().__init__(what, "what could be decoded was written")
        self.saved = saved


def carry_film(
    task: Task, work: Work, settings: Settings, stop: Stop, tell: Callable[[int, int], None]
) -> Saved:
    """Do a film. tell(frames done, frames in all or 0) is called now and then.

    Raises Stopped, Damaged, and what reader, task and writer raise; then nothing stands under the output's
    name that was not there.
    """
    job = work.job
    with media.FilmReader(job.input, max_pixels=settings.max_pixels) as reader:
        width, height = task.check(reader.width, reader.height)
        cost = cost_of(task, reader.width, reader.height)
        loads = (Load(f, cost, partial(task.prepare, f.picture)) for f in reader)
        writer = media.FilmWriter(
            job.output,
            reader,
            width=width,
            height=height,
            codec=settings.codec,
            crf=settings.crf,
            preset=settings.preset,
            pix_fmt=settings.pix_fmt,
        )
        lost: dict[str, None] = {}
        said = time.monotonic()
        with writer, closing(_through(task, loads, settings, stop)) as results:
            for frame, result in results:
                writer.write(result.pictures[""], frame)
                lost |= dict.fromkeys(result.lost)
                work.pixels += reader.width * reader.height
                if time.monotonic() - said > PROGRESS_S:
                    said = time.monotonic()
                    tell(writer.frames_written, reader.frame_count_hint)
        saved = Saved((job.output,), tuple(lost | dict.fromkeys(writer.lost)))
        if faults := reader.faults():
            raise Damaged("; ".join(faults), saved)
        return saved


def _through(
    task: Task, loads: Iterator[Load[T]], settings: Settings, stop: Stop
) -> Generator[tuple[T, Result]]:
    """The results of frames, in their order. A frame that fails is the end of it: raises what it raised, or
    Stopped."""
    memory: Any = None

    def infer(samples: Sequence[Sample]) -> list[Tensor]:
        nonlocal memory
        steady = []
        for sample, answer in zip(samples, task.infer(samples), strict=True):
            answer, memory = task.follow(memory, sample, answer)
            steady.append(answer)
        return steady

    own = Stop(stop)
    belt: Belt[T, Result] = Belt(
        loads,
        infer,
        lambda tag, answer, sample: task.finish(answer, sample),
        stop=own,
        room=room_for(task, settings),
        ordered=True,
    )
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
