"""The first look at a film, or at all pictures of a run, for tasks whose results share something over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from pixcli.engine.interrupts import Stop
from pixcli.engine.pairs import paired
from pixcli.engine.pictures import Several, load
from pixcli.engine.settings import Settings
from pixcli.errors import InputError

if TYPE_CHECKING:
    from pixcli.media.film import FilmSource
    from pixcli.media.picture import Picture
    from pixcli.plan import Plan
    from pixcli.tasks import Task

FRAMES, PICTURES = 16, 32  # that are looked at, evenly spread


def survey_film(task: Task, open_reader: Callable[[], FilmSource], stop: Stop) -> None:
    """Show the task frames of a film."""
    if task.surveys("film"):
        with closing(open_reader()) as reader:
            step = max(1, reader.frame_count_hint // FRAMES)
            some = islice(paired(reader, task.apart(), hold=False), 0, None, step)
            _show(task, ([f.picture for f in taken] for _, taken in some), stop)


def survey_frames(task: Task, open_pages: Callable[[], Iterator[Picture]], stop: Stop) -> None:
    """The same of an animation."""
    if task.surveys("film"):
        pages = open_pages()
        first = next(pages)
        step = max(1, first.ride.save.get("frames", 1) // FRAMES)
        some = islice(paired(chain([first], pages), task.apart(), hold=False), 0, None, step)
        _show(task, (taken for _, taken in some), stop)


def survey_set(task: Task, plan: Plan, settings: Settings, stop: Stop) -> None:
    """Show the task some of the plan's pictures, done before or not; what cannot be read is passed over."""
    if not task.surveys("set"):
        return
    jobs = [job for job in plan.jobs if job.kind in ("picture", "pair")]

    def some() -> Iterable[Sequence[Picture]]:
        for job in jobs[:: max(1, len(jobs) // PICTURES)]:
            with suppress(InputError, OSError, MemoryError, Several):
                yield load(job, settings)

    _show(task, some(), stop)


def _show(task: Task, taken: Iterable[Sequence[Picture]], stop: Stop) -> None:
    seen = []
    for pictures in taken:
        if stop.asked:
            return
        sample = task.prepare(*pictures)
        seen.append((task.infer([sample])[0], sample))
    task.learn(seen)
