"""An animation or a TIFF of several pages through the belt: every frame, in order, steadied by the task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from pixcli.engine.belt import Load
from pixcli.engine.in_order import Recall, Tell, in_order
from pixcli.engine.interrupts import Stop
from pixcli.engine.pairs import paired
from pixcli.engine.pictures import Saved, Work, size_of, target_of, written
from pixcli.engine.room import cost_of
from pixcli.engine.settings import Settings
from pixcli.engine.survey import survey_frames
from pixcli.media import frames, write, write_frames
from pixcli.media.formats import CAN

if TYPE_CHECKING:
    from pixcli.media.picture import Picture
    from pixcli.plan import Plan
    from pixcli.tasks import Result, Task


def carry_animation(task: Task, work: Work, plan: Plan, settings: Settings, stop: Stop, tell: Tell) -> Saved:
    """Do an animation or a TIFF of several pages; a format of stills gets the first.

    tell(frames done, frames in all or 0) is called now and then. Raises Stopped, and what reader, task and
    writer raise; the output is then as it was.
    """
    job = work.job
    cost = cost_of(task, *size_of(job))
    survey_frames(task, partial(frames, job.input, max_pixels=settings.max_pixels), stop)
    pages = frames(job.input, max_pixels=settings.max_pixels)
    named = (replace(page, name=job.relative) for page in pages)
    loads = (Load(page, cost, partial(task.prepare, *taken)) for page, taken in paired(named, task.apart()))
    lost: dict[str, None] = {}
    work.pixels = 0
    faults: list[Exception] = []  # of the frames, which the writer would take for its encoder's

    def pictures(results: Iterable[tuple[Picture, Result]]) -> Iterator[Picture]:
        try:
            for number, (page, result) in enumerate(results, 1):
                lost.update(dict.fromkeys(result.lost))
                work.pixels += page.width * page.height
                tell(number, page.ride.save.get("frames", 0))
                yield result.shown()
        except Exception as e:
            faults.append(e)
            raise

    recall = Recall()
    with closing(in_order(task, loads, settings, stop, recall)) as results:
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
    told = tuple(dict.fromkeys((*lost, *target.said, *gone)))
    return Saved((target.path,), told, flicker=recall.flicker())
