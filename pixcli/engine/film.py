"""A film through the belt: into another film, whole or in segments, or into a folder of pictures.

A film of one segment goes straight from reader to writer. A longer one is written segment by segment and
joined without being encoded again, so that a run that is killed goes on with the first segment that is
missing.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixcli.engine.belt import Load
from pixcli.engine.in_order import Recall, Tell, in_order
from pixcli.engine.interrupts import Stop
from pixcli.engine.pairs import paired
from pixcli.engine.pictures import Saved, Work, path_of, put_beside, refuse_losses, writer_of
from pixcli.engine.room import cost_of
from pixcli.engine.segments import Segments, frames_in_one
from pixcli.engine.settings import Settings
from pixcli.engine.survey import survey_film
from pixcli.errors import InputError, OutputError
from pixcli.plan.naming import frame_name

if TYPE_CHECKING:
    from pixcli.media.film import FilmSource, FilmWriter, Frame
    from pixcli.plan import Job, Plan
    from pixcli.tasks import Result, Sample, Task

PROGRESS_S = 0.2


class Damaged(InputError):
    """A film of which only a part could be decoded; that part was written."""

    def __init__(self, what: str, saved: Saved) -> None:
        super().__init__(what, "what could be decoded was written")
        self.saved = saved


def carry_film(task: Task, work: Work, plan: Plan, settings: Settings, stop: Stop, tell: Tell) -> Saved:
    """Do a film, or a sequence of pictures that makes one.

    tell(frames done, frames in all or 0) is called now and then. Raises Stopped, Damaged, and what reader,
    task and writer raise; but for Damaged the output is then as it was.
    """
    survey_film(task, partial(_open, work.job, settings), stop)
    reader = _open(work.job, settings)
    with closing(reader):
        film = _Film(task, work, plan, settings, stop, tell, reader)
        saved = film.carry()
        if faults := reader.faults():
            raise Damaged("; ".join(faults), saved)
        return saved


def _open(job: Job, settings: Settings) -> FilmSource:
    if job.kind == "sequence":
        from pixcli.media.film_sequence import SequenceReader

        return SequenceReader(job.members, settings.fps, max_pixels=settings.max_pixels)
    from pixcli.media.film import FilmReader, Part  # the film library is of no use to stills

    part = Part(settings.start, settings.end, settings.every)
    return FilmReader(job.input, part=part, max_pixels=settings.max_pixels)


class _Film:
    def __init__(
        self,
        task: Task,
        work: Work,
        plan: Plan,
        settings: Settings,
        stop: Stop,
        tell: Tell,
        reader: FilmSource,
    ) -> None:
        self.task, self.work, self.plan, self.settings = task, work, plan, settings
        self.stop, self.tell, self.reader = stop, tell, reader
        self.job = work.job
        self.size = task.check(reader.width, reader.height)
        self.pixels = reader.width * reader.height
        self.apart = task.apart()
        self.before = 0  # frames that were done before and are read again, for the last ones to hold
        self.lost: dict[str, None] = {}  # an ordered set
        self.through, self.told = 0, time.monotonic()

    def carry(self) -> Saved:
        length = frames_in_one(self.task, self.settings, self.pixels + self.size[0] * self.size[1])
        if self.settings.frames and self.job.kind == "film":
            return self.resumably(self.to_pictures, length)
        if (
            self.plan.home is None
            or self.reader.frame_count_hint <= length
            or not self.writer(self.job.output).joinable
        ):
            return self.whole()
        return self.resumably(self.in_segments, length)

    # One film, in one go

    def whole(self) -> Saved:
        self.lose(self.other_container())
        recall = Recall()
        results = self.results(recall)
        with self.writer(self.job.output, judge=self.judge) as out, closing(results):
            self.write(out, results)
        self.lose(out.lost)
        return Saved((self.job.output,), tuple(self.lost), flicker=recall.flicker())

    def write(self, out: FilmWriter, results: Iterable[tuple[Frame, Result]]) -> None:
        for frame, result in results:
            out.write(result.shown(), frame)
            self.lose(result.lost)
            self.count()

    # The same in segments

    def resumably(self, way: Callable[[Segments], Saved], length: int) -> Saved:
        segments = Segments(self.plan, self.job, length)
        self.through = len(segments.done) * length
        self.before = min(self.apart, self.through)
        self.reader.skip(self.through - self.before)
        self.lose((*self.other_container(), *segments.lost))
        try:
            saved = way(segments)
        except InputError:
            segments.remove()
            raise
        segments.remove()
        return saved

    def in_segments(self, segments: Segments) -> Saved:
        from pixcli.media.film import join

        suffix = self.job.output.suffix
        recall = Recall(segments.memory(), segments.frames)
        results = self.results(recall)
        with closing(results):
            while (first := next(results, None)) is not None:
                path = segments.film(len(segments.done)).with_suffix(suffix)
                with self.writer(path, alone=True) as out:
                    self.write(out, chain([first], islice(results, segments.frames - 1)))
                self.lose(out.lost)
                refuse_losses(self.lost, self.settings)
                segments.add(out.frames_written, self.lost, recall.next())
        parts = [segments.film(n).with_suffix(suffix) for n in range(len(segments.done))]
        self.lose(join(parts, self.job.output, self.reader, self.judge))
        return Saved((self.job.output,), tuple(self.lost), flicker=recall.flicker())

    # A folder of numbered pictures

    def to_pictures(self, segments: Segments) -> Saved:
        form = self.job.output.suffix[1:]
        how = {"quality": self.settings.quality, "compress": self.settings.compress}

        def save(tag: tuple[int, Frame], result: Result) -> tuple[str, ...]:
            path = segments.pictures / frame_name(tag[0], form)
            lost = list(result.lost)
            for name, part in result.parts().items():
                lost += writer_of(part, how)(path_of(path, name, part))
            put_beside(result, self.job.output.parent.parent)
            return tuple(lost)

        recall = Recall(segments.memory(), segments.frames)
        pairs = paired(self.reader, self.apart, hold=False, before=self.before)
        loads = (
            Load((n, f), self.cost, self.preparing(taken))
            for n, (f, taken) in enumerate(pairs, self.through + 1)
        )
        results = in_order(self.task, loads, self.settings, self.stop, recall, save)
        with closing(results):
            while (first := next(results, None)) is not None:
                frames = 0
                for _, lost in chain([first], islice(results, segments.frames - 1)):
                    frames += 1
                    self.lose(lost)
                    self.count()
                refuse_losses(self.lost, self.settings)
                segments.add(frames, self.lost, recall.next())
        place = self.job.output.parent
        put_in_place(segments.pictures, place)
        made = (place / frame_name(n + 1, form) for n in range(self.reader.frames_read - self.apart))
        return Saved(tuple(made), tuple(self.lost), place, recall.flicker())

    # What all of them need

    @property
    def cost(self) -> int:
        return cost_of(self.task, self.reader.width, self.reader.height)

    def results(self, recall: Recall) -> Generator[tuple[Frame, Result]]:
        cost = self.cost
        pairs = paired(self.reader, self.apart, before=self.before)
        loads = (Load(f, cost, self.preparing(taken)) for f, taken in pairs)
        return in_order(self.task, loads, self.settings, self.stop, recall)

    def preparing(self, taken: Iterable[Frame]) -> Callable[[], Sample]:
        """A sequence's pictures have names of their own."""
        pictures = (frame.picture for frame in taken)
        return partial(self.task.prepare, *(replace(p, name=p.name or self.job.relative) for p in pictures))

    def writer(self, path: Path, **more: Any) -> FilmWriter:
        from pixcli.media.film import FilmWriter

        s, (width, height) = self.settings, self.size
        encoder = {"codec": s.codec, "crf": s.crf, "preset": s.preset, "pix_fmt": s.pix_fmt}
        return FilmWriter(path, self.reader, width=width, height=height, **encoder, **more)  # type: ignore[arg-type]

    def count(self) -> None:
        self.through += 1
        self.work.pixels += self.pixels
        if time.monotonic() - self.told > PROGRESS_S:
            self.told = time.monotonic()
            self.tell(self.through, self.reader.frame_count_hint)

    def lose(self, what: Iterable[str]) -> None:
        self.lost.update(dict.fromkeys((*what, *self.reader.lost)))

    def judge(self, lost: Iterable[str]) -> None:
        refuse_losses((*self.lost, *lost), self.settings)

    def other_container(self) -> tuple[str, ...]:
        """What people are told when nobody asked for another container and their own is only read."""
        own, made = self.job.input.suffix.lower(), self.job.output.suffix.lower()
        asked = self.job.named or self.settings.format is not None or self.settings.frames
        return () if asked or self.job.kind != "film" or own in ("", made) else (f"{own[1:]} container",)


def put_in_place(made: Path, place: Path) -> None:
    """Give a folder of numbered pictures its final name; one of an earlier run gives way.

    Raises InputError when there is anything else in that.
    """
    aside = made.with_name("before")
    try:
        if place.exists():
            strange = [p.name for p in place.iterdir() if not re.fullmatch(r"\d{6,}(\.\w+){1,2}", p.name)]
            if strange:
                raise InputError(f"{place} holds other files as well: {strange[0]}", "give another -o OUT")
            place.rename(aside)
        place.parent.mkdir(parents=True, exist_ok=True)
        made.rename(place)
    except OSError as e:
        raise OutputError(f"cannot write {place}: {e.strerror or e}") from e
    shutil.rmtree(aside, ignore_errors=True)
