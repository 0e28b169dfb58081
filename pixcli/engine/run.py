"""A run: the jobs of a plan through the belt, each outcome told and written down, and an exit code.

Everything that decides or tells happens on the caller's thread. A picture is noted as done by the thread that
wrote it: a kill costs at most one picture a thread, however long a listener keeps us waiting. Per input there
is one boundary, on the belt: whatever an input raises is its own failure, unless it says that no other input
could do better (OutputError, DeviceError).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pixcli.atomic import sweep
from pixcli.engine.animation import carry_animation
from pixcli.engine.belt import Belt, Load, Outcome
from pixcli.engine.events import Event, Item, Listener, Status, Summary
from pixcli.engine.faults import explain, trace_of
from pixcli.engine.film import Damaged, carry_film
from pixcli.engine.gather import gather
from pixcli.engine.in_order import Stopped
from pixcli.engine.interrupts import Stop, interrupts
from pixcli.engine.pictures import Saved, Several, Work, load, save, size_of
from pixcli.engine.room import cost_of, room_for
from pixcli.engine.settings import Settings
from pixcli.engine.survey import survey_set
from pixcli.errors import InputError, PixcliError
from pixcli.plan import STREAM

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.plan import Ledger, Plan
    from pixcli.tasks import Sample, Task


class Taken(Exception):
    """Another run has this input."""


def run(
    task: Task,
    plan: Plan,
    settings: Settings,
    listeners: Iterable[Listener] = (),
    ledger: Ledger | None = None,
    *,
    device: str = "",
) -> Summary:
    """Do what `plan` says with `task`, which has its network already (`attach`, whose answer is `device`).

    Never raises for a fault of an input, an output or the device: the summary holds the exit code (0, 1, 3,
    5, 6, 130, 143). SIGINT and SIGTERM are handled while it runs, when it is called on the main thread.
    """
    return _Run(task, plan, settings, listeners, ledger, device).all()


class _Run:
    def __init__(
        self,
        task: Task,
        plan: Plan,
        settings: Settings,
        listeners: Iterable[Listener],
        ledger: Ledger | None,
        device: str,
    ) -> None:
        self.task, self.plan, self.settings, self.ledger, self.device = task, plan, settings, ledger, device
        self.listeners = list(listeners)
        self.stop = Stop()
        self.counts: dict[Status, int] = {"done": 0, "skipped": 0, "failed": 0}
        self.pixels = 0
        self.flicker: list[float] = []
        self.fatal: PixcliError | None = None
        self.ended = ""
        self.stopping = False  # and has been told so
        outputs = (job.output for job in plan.todo if job.output != STREAM)
        self.busy: dict[int, str] = {}  # pictures between decoding and the end, by the id of their work
        self.folders = {Path(os.path.realpath(path)).parent for path in outputs}
        self.later: list[Work] = []  # films and animations: frames in order, one file at a time

    def all(self) -> Summary:
        began = time.perf_counter()
        total = len(self.plan.jobs) + len(self.plan.problems)
        with interrupts(self.stop, self._clean):
            for folder in self.folders:
                sweep(folder)
            model = self.task.model.card.name if self.plan.todo else ""
            self.tell(Event("start", task=self.task.name, model=model, device=self.device, total=total))
            self._settle_what_needs_no_work()
            if self.plan.todo:
                self._pictures()
            for work in self.later:
                if not self.stop.asked:
                    self._film(work)
            self._gather()
        left = total - sum(self.counts.values())
        if self.stop.signal:
            self.ended = "interrupted"
        summary = Summary(
            total=total,
            **self.counts,
            left=left,
            pixels=self.pixels,
            seconds=time.perf_counter() - began,
            peak_memory=peak_memory(),
            exit_code=self._exit_code(total),
            ended=self.ended,
            flicker=sum(self.flicker) / len(self.flicker) if self.flicker else None,
            flicker_unit=self.task.flicker_unit if self.flicker else "",
        )
        self.tell(Event("summary", summary=summary))
        return summary

    def tell(self, event: Event) -> None:
        for listener in list(self.listeners):
            try:
                listener(event)
            except BrokenPipeError:  # `| head` has seen enough; the work goes on
                self.listeners.remove(listener)
                _close_broken()

    def _exit_code(self, total: int) -> int:
        if self.stop.signal:
            return 128 + self.stop.signal
        if self.fatal is not None:
            return self.fatal.exit_code
        if self.counts["failed"]:
            return 1
        return 0 if total or self.plan.elsewhere else 3

    def _clean(self) -> None:
        for folder in self.folders:
            with contextlib.suppress(OSError):
                for temp in folder.glob(f".pixcli-{os.getpid()}-*.tmp"):
                    temp.unlink(missing_ok=True)

    def _gather(self) -> None:
        """What was done before a stop is told of too; a full disk is not tried again."""
        try:
            if self.fatal is None:
                gather(self.task, self.plan)
        except PixcliError as e:
            self.fatal, self.ended = e, str(e)

    def _settle_what_needs_no_work(self) -> None:
        for problem in self.plan.problems:
            self.count(Item("failed", str(problem.path), error="input", text=problem.text))
        for job in self.plan.jobs:
            if job.action == "skip":
                self.count(Item("skipped", str(job.input), (str(job.output),), text=job.reason))
            elif job.action == "refuse":
                self.count(Item("failed", str(job.input), error="refused", text=job.reason))

    # One input settled

    def count(self, item: Item) -> None:
        self.counts[item.status] += 1
        if item.status == "done":
            self.pixels += item.pixels
            self.flicker += [] if item.flicker is None else [item.flicker]
        self.tell(Event("item", item=item))
        most = 1 if self.settings.fail_fast else self.settings.max_failures
        if most is not None and self.counts["failed"] >= most and not self.stop.asked:
            self.ended = "first failure" if most == 1 else f"{most} failures"
            self.stop.ask()

    def note(self, work: Work, saved: Saved, seconds: float) -> None:
        if self.ledger is not None:
            self.ledger.done(work.job, saved.outputs, seconds=seconds, pixels=work.pixels, lost=saved.lost)

    def done(self, work: Work, saved: Saved, seconds: float) -> None:
        made = tuple(map(str, saved.told))
        done = Item(
            "done", str(work.job.input), made, seconds, work.pixels, saved.lost, flicker=saved.flicker
        )
        self.count(done)

    def failed(self, work: Work, error: Exception, seconds: float, outputs: tuple[Path, ...] = ()) -> None:
        """A fatal fault is not held against the input: its claim ends with the ledger and a rerun does it."""
        fault = explain(error)
        fatal = fault.fatal
        if fatal is None and self.ledger is not None:
            try:
                written = error.saved.outputs if isinstance(error, Damaged) else ()
                self.ledger.failed(work.job, fault.text, written, seconds=seconds)
            except PixcliError as e:
                fatal = e
        if fatal is not None:
            self.fatal = self.fatal or fatal
            self.ended = self.ended or str(fatal)
            self.stop.ask()
        made = tuple(map(str, outputs))
        trace = trace_of(error) if self.settings.debug else ""
        self.count(
            Item("failed", str(work.job.input), made, seconds, work.pixels, (), fault.kind, fault.text, trace)
        )

    def skipped(self, work: Work) -> None:
        self.count(Item("skipped", str(work.job.input), text="another run has it"))

    def claim(self, work: Work) -> None:
        if self.ledger is not None and not work.claimed and not self.ledger.claim(work.job):
            raise Taken
        work.claimed = True

    # Pictures: in any order

    def _pictures(self) -> None:
        survey_set(self.task, self.plan, self.settings, self.stop)
        belt: Belt[Work, Saved] = Belt(
            self._source(),
            self.task.infer,
            self._save,
            note=self._note,
            stop=self.stop,
            room=room_for(self.task, self.settings),
        )
        with contextlib.closing(belt.outcomes()) as outcomes:
            for outcome in outcomes:
                self._settle(outcome)

    def _settle(self, outcome: Outcome[Work, Saved] | None) -> None:
        if outcome is None:
            if self.stop.signal and not self.stopping:
                self.stopping = True
                self.tell(Event("note", text="stopping after what is under way; once more stops at once"))
            self.tell(Event("progress", busy=(*self.busy.copy().values(),)))
            return
        self.busy.pop(id(outcome.tag), None)
        if outcome.error is None and outcome.value is not None:
            self.done(outcome.tag, outcome.value, outcome.seconds)
        elif isinstance(outcome.error, Several):
            self.later.append(outcome.tag)
        elif isinstance(outcome.error, Taken):
            self.skipped(outcome.tag)
        elif outcome.error is not None:
            made = outcome.value.outputs if outcome.value is not None else ()
            self.failed(outcome.tag, outcome.error, outcome.seconds, made)

    def _source(self) -> Iterator[Load[Work]]:
        for job in self.plan.todo:
            work = Work(job)
            if job.kind in ("film", "sequence"):
                self.later.append(work)
            else:
                cost = max(job.size, cost_of(self.task, *size_of(job)))
                yield Load(work, cost, partial(self._prepare, work))

    def _prepare(self, work: Work) -> Sample:
        self.claim(work)
        self.busy[id(work)] = str(work.job.input)
        pictures = load(work.job, self.settings)
        work.pixels = pictures[0].width * pictures[0].height
        if self.task.apart() and len(pictures) == 1:
            raise InputError(
                "has no neighbour of its size to be compared with", "give two pictures of one size"
            )
        self.task.check(pictures[0].width, pictures[0].height)
        return self.task.prepare(*pictures)

    def _save(self, work: Work, answer: Tensor, sample: Sample) -> Saved:
        return save(self.task.finish(answer, sample), work.job, self.plan, self.settings)

    def _note(self, outcome: Outcome[Work, Saved]) -> None:
        if outcome.value is not None:
            self.note(outcome.tag, outcome.value, outcome.seconds)
        elif outcome.error is not None and explain(outcome.error).fatal is not None:
            self.stop.ask()  # before the next one runs into it

    # Films and animations: frames in order, one file at a time

    def _film(self, work: Work) -> None:
        began = time.perf_counter()
        carry = carry_animation if work.job.kind == "picture" else carry_film
        made: tuple[Path, ...] = ()
        try:
            self.claim(work)
            saved = carry(
                self.task, work, self.plan, self.settings, self.stop, partial(self._frames_done, work)
            )
            made = saved.told
            self.note(work, saved, time.perf_counter() - began)
        except Taken:
            self.skipped(work)
        except Stopped:
            pass
        except Damaged as e:
            self.failed(work, e, time.perf_counter() - began, e.saved.told)
        except Exception as e:
            self.failed(work, e, time.perf_counter() - began, made)
        else:
            self.done(work, saved, time.perf_counter() - began)

    def _frames_done(self, work: Work, done: int, total: int) -> None:
        self.tell(Event("progress", input=str(work.job.input), done=done, total=total))


def _close_broken() -> None:
    """Point streams whose reader has gone to nowhere, or Python complains of them at its exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def peak_memory() -> int:
    """The most memory that this process has had, in bytes; 0 where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
