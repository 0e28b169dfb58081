"""A film or an animation through the belt: every frame, in order, steadied by the task."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from pixcli.engine.belt import Belt, Load
from pixcli.engine.interrupts import Stop
from pixcli.engine.pictures import Saved, Work, refuse_losses, size_of, target_of, written
from pixcli.engine.room import cost_of, room_for
from pixcli.engine.settings import Settings
from pixcli.errors import InputError, PixcliError
from pixcli.media import frames, write, write_frames
from pixcli.media.formats import CAN

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.media.picture import Picture
    from pixcli.plan import Plan
    from pixcli.tasks import Result, Sample, Task

T = TypeVar("T")
Tell = Callable[[int, int], None]
PROGRESS_S = 0.2


class Stopped(PixcliError):
    """The run was stopped in the middle of a film."""

    def __init__(self) -> None:
        super().__init__("stopped")


class Damaged(InputError):
    """A film of which only a part could be decoded; that part was written."""

    def __init__(self, what: str, saved: Saved) -> None:
        super().__init__(what, "what could be decoded was written")
        self.saved = saved


def carry_film(task: Task, work: Work, plan: Plan, settings: Settings, stop: Stop, tell: Tell) -> Saved:
    """Do a film. tell(frames done, frames in all or 0) is called now and then.

    Raises Stopped, Damaged, and what reader, task and writer raise; but for Damaged the output is then as it
    was.
    """
    from pixcli.media import FilmReader, FilmWriter  # the film library is of no use to stills

    job = work.job
    lost: dict[str, None] = {}
    with FilmReader(job.input, max_pixels=settings.max_pixels) as reader:
        width, height = task.check(reader.width, reader.height)
        cost = cost_of(task, reader.width, reader.height)
        loads = (Load(f, cost, partial(task.prepare, replace(f.picture, name=job.relative))) for f in reader)

        writer = FilmWriter(
            job.output,
            reader,
            width=width,
            height=height,
            codec=settings.codec,
            crf=settings.crf,
            preset=settings.preset,
            pix_fmt=settings.pix_fmt,
        )
        said = time.monotonic()
        with writer, closing(_through(task, loads, settings, stop)) as results:
            for frame, result in results:
                writer.write(result.pictures[""], frame)
                lost.update(dict.fromkeys(result.lost))
                work.pixels += reader.width * reader.height
                if time.monotonic() - said > PROGRESS_S:
                    said = time.monotonic()
                    tell(writer.frames_written, reader.frame_count_hint)
            refuse_losses((*lost, *writer.lost), settings)
        lost.update(dict.fromkeys(writer.lost))
        if settings.strict and lost:  # tags that the container dropped without a word
            job.output.unlink()
            refuse_losses(lost, settings)
        saved = Saved((job.output,), tuple(lost))
        if faults := reader.faults():
            raise Damaged("; ".join(faults), saved)
        return saved


def carry_animation(task: Task, work: Work, plan: Plan, settings: Settings, stop: Stop, tell: Tell) -> Saved:
    """Do an animation or a TIFF of several pages, as `carry_film`; a format of stills gets the first."""
    job = work.job
    cost = cost_of(task, *size_of(job))
    pages = frames(job.input, max_pixels=settings.max_pixels)
    loads = (Load(page, cost, partial(task.prepare, replace(page, name=job.relative))) for page in pages)
    lost: dict[str, None] = {}
    work.pixels = 0
    faults: list[Exception] = []  # of the frames, which the writer would take for its encoder's

    def pictures(results: Iterable[tuple[Picture, Result]]) -> Iterator[Picture]:
        try:
            for number, (page, result) in enumerate(results, 1):
                lost.update(dict.fromkeys(result.lost))
                work.pixels += page.width * page.height
                tell(number, page.ride.save.get("frames", 0))
                yield result.pictures[""]
        except Exception as e:
            faults.append(e)
            raise

    with closing(_through(task, loads, settings, stop)) as results:
        try:
            made = pictures(results)
            first = next(made)
            target = target_of(job, first, plan, settings)
            how = target.how(settings)
            if CAN[target.format].frames:
                make = partial(write_frames, chain([first], made), **how)
            else:
                make = partial(write, first, **how)
            gone = written(make, target.path, target.said, settings)
        except Exception:
            if faults:
                raise faults[0] from None
            raise
    return Saved((target.path,), tuple(dict.fromkeys((*lost, *target.said, *gone))))


def _through(
    task: Task, loads: Iterator[Load[T]], settings: Settings, stop: Stop
) -> Generator[tuple[T, Result]]:
    """The results of frames, in order. A frame that fails ends it: raises what it raised, or Stopped."""
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
