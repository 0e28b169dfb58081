"""Paths → jobs: what there is to do, what is up to date, what may not be written. Writes nothing itself."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from pixcli.errors import InputError, NothingToDo, UsageError
from pixcli.plan.collide import fold
from pixcli.plan.decide import ON_EXIST, Rules, decide
from pixcli.plan.discover import KindOf, WordsOf, discover
from pixcli.plan.job import STREAM, Found, Job, Problem, shown
from pixcli.plan.ledger import Ledger
from pixcli.plan.ledger_file import FILE, Row, name_of, place_of, rows
from pixcli.plan.naming import SuffixOf, name_outputs
from pixcli.plan.pace import seconds_per_pixel
from pixcli.plan.sequence import SizeOf, as_pairs, as_sequence
from pixcli.plan.setting import Setting
from pixcli.plan.standing import standing

__all__ = [
    "STREAM",
    "Cost",
    "Found",
    "Job",
    "Ledger",
    "Plan",
    "Problem",
    "Row",
    "Setting",
    "make",
    "rows",
    "shown",
    "standing",
]
PixelsOf = Callable[[Job], int]


@dataclass(frozen=True)
class Plan:
    """All that a run will do, in order. Data only: it can be printed, compared, and run later.

    home: the folder that the ledger lies in; None when the output is stdout. name: of the ledger's file.
    passed: files in folders that are neither picture nor film. elsewhere: jobs of other shards. pace: seconds
    per pixel of an earlier run, by the clock; None when none is known.
    """

    setting: Setting
    jobs: tuple[Job, ...]
    problems: tuple[Problem, ...] = ()
    home: Path | None = None
    name: str = FILE
    on_exist: str = "skip"
    checksum: bool = False
    passed: int = 0
    elsewhere: int = 0
    pace: float | None = None
    _guard: Any = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def todo(self) -> tuple[Job, ...]:
        return tuple(j for j in self.jobs if j.action == "do")

    @cached_property
    def counts(self) -> dict[str, int]:
        """{"do", "skip", "refuse", "problems"}."""
        actions = Counter(j.action for j in self.jobs)
        return {a: actions[a] for a in ("do", "skip", "refuse")} | {"problems": len(self.problems)}

    @property
    def bytes(self) -> int:
        """Size of the inputs that are to be done."""
        return sum(j.size for j in self.todo)

    def ledger(self) -> Ledger:
        """The ledger to run this plan with; makes OUT. Raises OutputError when OUT cannot be written."""
        return Ledger(self.home, self.setting, name=self.name, checksum=self.checksum)

    def reserve(self, job: Job, output: Path) -> None:
        """Take `output` for a job that cannot have the planned one (a GIF of photographs becomes a PNG).

        Raises InputError when that is another job's output, an input, or a file that may not be overwritten.
        """
        if output == job.output:
            return
        place = _place(output)
        with self._guard:
            other = self._taken.setdefault(place, job)
        if other is not job:
            raise InputError(
                f"would have to be written as {shown(output)}, which belongs to {shown(other.input)}",
                "give --format or --name",
            )
        if output.exists() and not job.mine and self.on_exist != "overwrite":
            raise InputError(
                f"{shown(output)} exists and was not made by pixcli", "--on-exist overwrite replaces it"
            )

    @cached_property
    def _taken(self) -> dict[str, Job]:
        taken = {_place(j.input): j for j in self.jobs if j.input != STREAM}
        return taken | {_place(j.output): j for j in self.jobs if j.output != STREAM}

    def cost(self, pixels_of: PixelsOf) -> Cost:
        """What the work to do amounts to. pixels_of(job): by the header; 0 where that does not say."""
        each = [pixels_of(job) for job in self.todo]
        pixels = sum(each)
        whole = pixels > 0 and all(each)
        return Cost(pixels, pixels * self.pace if self.pace is not None and whole else None)

    def summary(self, cost: Cost | None = None) -> str:
        """One line of counts."""
        c = self.counts
        films = sum(j.kind in ("film", "sequence") for j in self.todo)
        what = f" ({films} of them films)" if films else ""
        parts = [f"{c['do']} to do{what}, {_size(self.bytes)}"]
        parts += [str(cost)] * bool(cost and cost.pixels)
        parts += [f"{c['skip']} up to date"]
        parts += [f"{c['refuse']} refused"] * bool(c["refuse"])
        parts += [f"{c['problems']} with problems"] * bool(c["problems"])
        parts += [f"{self.elsewhere} for other shards"] * bool(self.elsewhere)
        parts += [f"{self.passed} other files passed over"] * bool(self.passed)
        return ", ".join(parts)

    def describe(self, cost: Cost | None = None) -> list[str]:
        """The lines of --dry-run: one for each job and problem, then the counts."""
        lines = [f"{j.action:<6} {shown(j.input)} → {shown(j.output)} ({j.reason})" for j in self.jobs]
        lines += [f"error  {shown(p.path)}: {p.text}" for p in self.problems]
        return [*lines, self.summary(cost)]

    def as_dict(self, cost: Cost | None = None) -> dict[str, Any]:
        """The same for JSON (ASCII only, or lone surrogates of odd names cannot be printed)."""
        return {
            "task": self.setting.task,
            "out": None if self.home is None else str(self.home),
            "counts": self.counts,
            "bytes": self.bytes,
            "pixels": cost.pixels if cost else None,
            "seconds": cost.seconds if cost else None,
            "passed": self.passed,
            "elsewhere": self.elsewhere,
            "jobs": [j.as_dict() for j in self.jobs],
            "problems": [{"input": str(p.path), "text": p.text} for p in self.problems],
        }


@dataclass(frozen=True)
class Cost:
    """pixels: of all inputs to do, frames counted. seconds: as an earlier run tells; None when none does."""

    pixels: int
    seconds: float | None

    def __str__(self) -> str:
        size = f"{self.pixels / 1e6:.1f} megapixels"
        return size if self.seconds is None else f"{size}, about {_time(self.seconds)} by an earlier run"


def make(
    inputs: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    task: str,
    kind_of: KindOf,
    words_of: WordsOf = lambda path: "",
    options: Mapping[str, Any] | None = None,
    weights: str = "",
    model: str = "",
    name: str | None = None,
    format: str | None = None,
    suffix_of: SuffixOf | None = None,
    also: frozenset[str] = frozenset(),
    as_frames: bool = False,
    apart: int = 0,
    size_of: SizeOf | None = None,
    in_place: bool = False,
    recursive: bool = True,
    listed_from: str | Path | None = None,
    on_exist: str = "skip",
    force: bool = False,
    retry_failed: bool = False,
    checksum: bool = False,
    shard: tuple[int, int] | None = None,
    stdin: BinaryIO | None = None,
) -> Plan:
    """The plan for these inputs. Touches nothing: neither OUT nor the ledger is made or changed.

    inputs: files, folders, "-" (one picture on stdin). out: a folder, a file for a single input, "-"
    (stdout), None with in_place. kind_of(path) → "picture", "film" or None; words_of(path): what a file that
    is neither looks like. options: those that the result depends on; weights: their sha256, and model what
    people call them. suffix_of(input, kind): the output's suffix where no `format` is forced; the input's own
    without it. also: suffixes that pictures may get beside the known ones. as_frames: a film becomes a folder
    of numbered pictures, and its output is the first of them. apart: each picture goes with the one so many
    places after it, and size_of(path) tells which can; 0: each goes alone.
    on_exist "skip": up to date → skip, stale or missing or failed before → do, not ours or changed by others
    → refuse; "overwrite": do all; "error": refuse whatever exists. force: also redo what is up to date.
    retry_failed: only what failed before. checksum: a file is the same when its content is, where the ledger
    knows it; else when size and time are. shard: (i, n) with 0 ≤ i < n, the same files for the same relative
    paths whatever else is there. Raises
    UsageError (contradictions, collisions), NothingToDo (no input at all), OutputError (damaged ledger).
    """
    if on_exist not in ON_EXIST:
        raise UsageError(f"--on-exist {on_exist}: is none of {', '.join(ON_EXIST)}")
    if shard and not 0 <= shard[0] < shard[1]:
        raise UsageError(f"--shard {shard[0]}/{shard[1]}: shards count from 0 to {shard[1] - 1}")
    if not inputs and listed_from is None:
        raise UsageError("no input given")
    search = discover(
        inputs,
        kind_of=kind_of,
        words_of=words_of,
        recursive=recursive,
        listed_from=listed_from,
        out=out,
        stdin=stdin,
    )
    found = as_sequence(search.found, out)
    if apart and size_of:
        found = as_pairs(found, search.problems, apart, size_of)
    home, outputs = name_outputs(
        found,
        out,
        task=task,
        name=name,
        format=format,
        in_place=in_place,
        suffix_of=suffix_of,
        also=also,
        as_frames=as_frames,
    )
    if not found and not search.problems:
        passed = f"{search.passed} other files passed over" if search.passed else ""
        raise NothingToDo("no picture and no film among the inputs", passed)
    setting = Setting(task, options or {}, weights, model)
    rules = Rules(setting, on_exist, force, retry_failed, checksum)
    ledger = name_of(home, shard) if home is not None else FILE
    known = rows(home, ledger) if home is not None else {}
    by_output = defaultdict[str, list[Row]](list)
    for row in known.values():
        by_output[row.output].append(row)
    jobs = []
    for f, output in zip(found, outputs, strict=True):
        if shard and shard_of(f.relative, shard[1]) != shard[0]:
            continue
        job = _job(f, output, task, home, by_output, rules)
        jobs.append(replace(job, named=out is not None and output == Path(out)))
    return Plan(
        setting,
        tuple(jobs),
        tuple(search.problems),
        home,
        ledger,
        on_exist,
        checksum,
        search.passed,
        len(found) - len(jobs),
        seconds_per_pixel(known.values(), setting),
    )


def shard_of(relative: str, n: int) -> int:
    """The shard that a path belongs to: by its hash, so that new files move no others."""
    return int.from_bytes(hashlib.sha256(os.fsencode(relative)).digest()[:8]) % n


def _job(
    f: Found, output: Path, task: str, home: Path | None, by_output: Mapping[str, list[Row]], rules: Rules
) -> Job:
    here = by_output.get(place_of(output, home), []) if home is not None and by_output else []
    row = next((r for r in here if r.task == task), None)
    others = [r for r in here if r.task != task]
    action, reason = decide(f, output, row, others, home, rules)
    revision = row.revision if row else 0
    return Job(
        *(f.path, f.kind, output, f.relative, action, reason, f.size, f.mtime_ns, row is not None, revision),
        members=f.members,
    )


def _place(path: Path) -> str:
    return fold(os.path.abspath(path))  # noqa: PTH100


def _size(n: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
