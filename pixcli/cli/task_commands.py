"""One command for each task, built from what the task declares."""

import contextlib
import hashlib
import inspect
import json
import platform
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from pixcli import __version__
from pixcli.cli import options
from pixcli.cli.film_options import film_matter, film_settings
from pixcli.cli.manual import RUN
from pixcli.cli.panels import alone
from pixcli.cli.task_options import given_options, own_parameters, parameters_of, with_parameters
from pixcli.errors import PixcliError, UsageError, WeightsError
from pixcli.tasks import TASKS, Task

if TYPE_CHECKING:
    from pixcli.engine.listen_report import Report
    from pixcli.models import Card
    from pixcli.plan import Plan

INPUTS = """Pictures and films are known by their content, in folders of any depth. What the task does not
change (size, depth, alpha, profile, EXIF, timing, sound) comes out as it went in, or the line of that file
says what was lost. A rerun does what is missing, failed or stale and nothing else."""


def perform(task_type: type[Task], typed: dict[str, Any]) -> int:
    """What a task's command does: parse → plan → run; the exit code.

    torch comes in when there is something to do.
    """
    given = SimpleNamespace(**typed)
    task = task_type(**given_options(task_type, typed | _map_named(task_type, given)))
    shard = _shard(given.shard)
    _check_streams(task.name, given)
    _check_needs(task)
    _check_out(task, given)

    from pixcli.models import find

    card = find(given.model or task.default, task.name)
    plan = _plan(task, card, given, shard)
    if given.dry_run:
        from pixcli.engine import pixels_of

        cost = plan.cost(pixels_of)
        print(json.dumps(plan.as_dict(cost)) if given.json else "\n".join(plan.describe(cost)))
        return 1 if plan.counts["refuse"] or plan.counts["problems"] else 0
    return _run(task, card, plan, given)


def _check_streams(name: str, given: SimpleNamespace) -> None:
    if not given.inputs and given.listed is None:
        raise UsageError(f"{name} needs an INPUT", f"for instance: pixcli {name} photos/ -o out/")
    if given.out is None and not given.in_place:
        line = shlex.join(["pixcli", *sys.argv[1:], "-o", "out/"])
        raise UsageError(f"{name} needs to know where to write", f"type: {line}")
    if given.out is not None and given.in_place:
        raise UsageError("--in-place and -o exclude each other", "leave one of them away")
    if given.out == "-" and given.json:
        raise UsageError("-o - and --json both want stdout", "write to a file, or leave --json away")
    if given.out == "-" and sys.stdout.isatty() and not given.dry_run:
        raise UsageError(
            "-o - would fill the terminal with a picture", "pipe it: pixcli … -o - | …, or -o - > FILE"
        )
    if given.report is not None and given.report.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--report {given.report}: must end in .html", "for instance --report out.html")
    if "-" in (given.inputs or []) and sys.stdin.isatty():
        raise UsageError("no picture comes on stdin", "pipe one in, or name a file")


def _map_named(task: type[Task], given: SimpleNamespace) -> dict[str, str]:
    """The format of maps that the output's suffix means, where none is told."""
    end = "" if given.out is None or given.format is not None else Path(given.out).suffix.lower()
    return next(({"format": name} for name, suffix in task.forms.items() if suffix == end), {})


def _check_out(task: Task, given: SimpleNamespace) -> None:
    """Pictures are not replaced by maps, and no picture's name is given to a map."""
    if not task.forms:
        return
    if given.in_place:
        raise UsageError(f"{task.name} gives no picture to replace the input by", "give -o OUT")
    from pixcli.plan.job import PICTURES

    end = Path(given.out).suffix.lower()
    if task.exact() and end != task.suffix() and end[1:] in PICTURES and not Path(given.out).is_dir():
        raise UsageError(f"-o {given.out}: {task.name} gives a map, {task.suffix()}", "or a view: --view")


def _check_needs(task: Task) -> None:
    for key, example in task.needs.items():
        if task.values[key] is None:
            line = shlex.join(["pixcli", *sys.argv[1:], f"--{key}", example])
            raise UsageError(f"{task.name} needs to know its --{key}", f"type: {line}")


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {text}: is no I/N with I from 1 to N", "for instance 1/4 … 4/4")
    return int(match[1]) - 1, int(match[2])


def _plan(task: Task, card: "Card", given: SimpleNamespace, shard: tuple[int, int] | None) -> "Plan":
    from pixcli import plan
    from pixcli.media.kind import kind_of, words_of

    matter = {k: card.settings.get(k) if v is None else v for k, v in task.values.items()}
    matter |= task.beside(card)
    matter |= {
        k: getattr(given, k) for k in ("format", "quality", "codec", "crf", "preset", "pix_fmt", "strict")
    }
    matter |= film_matter(given)
    return plan.make(
        given.inputs or [],
        given.out,
        task=task.name,
        kind_of=kind_of,
        words_of=words_of,
        suffix_of=partial(_suffix_of, task),
        also=frozenset(suffix[1:] for suffix in task.forms.values()),
        as_frames=given.frames,
        apart=task.apart(),
        size_of=_size_of,
        options=matter,
        weights=card.sha256 or _digest(card),
        model=given.model or task.default,
        name=given.name,
        format=_suffix_asked(task, given.format),
        in_place=given.in_place,
        recursive=not given.no_recursive,
        listed_from=given.listed,
        on_exist=given.on_exist,
        force=given.force,
        retry_failed=given.retry_failed,
        checksum=given.checksum,
        shard=shard,
    )


def _size_of(path: Path) -> tuple[int, int]:
    from pixcli.media import size_of  # brings in Pillow

    return size_of(path)


def _suffix_asked(task: Task, format: str | None) -> str | None:
    """What --format says, as a suffix: those of maps have names of their own."""
    return format if format is None else task.forms.get(format.lower().removeprefix("."), format)


def _suffix_of(task: Task, path: Path, kind: str) -> str:
    """Of the output: the task's; or the input's own; or, of one that is only read, one that is written."""
    from pixcli.plan.job import split_suffix

    if kind == "frame":
        return task.suffix() or ".png"
    own = split_suffix(path.name)[1]
    if kind != "film":
        if task.suffix():
            return task.suffix()
        from pixcli.media.kind import output_suffix
    else:
        from pixcli.media.film_codec import output_suffix  # brings in the film library
    return output_suffix(own)


def _typed_format(plan: "Plan", out: str | None) -> str | None:
    """The suffix of an output that was typed as a file's name, where its format is not the input's."""
    from pixcli.media.kind import format_of_suffix

    for job in plan.jobs:
        if out is not None and job.output == Path(out) and job.kind == "picture":
            own, typed = format_of_suffix(job.input.suffix), format_of_suffix(job.output.suffix)
            return job.output.suffix if typed and typed != own else None
    return None


def _digest(card: "Card") -> str:
    """The hash of a weight file whose card does not say it."""
    try:
        with card.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise WeightsError(f"{card.path}: {fault.strerror}") from None


def _run(task: Task, card: "Card", plan: "Plan", given: SimpleNamespace) -> int:
    from pixcli.engine import Listener, Settings, attach, run
    from pixcli.engine.listen_json import Lines
    from pixcli.engine.listen_terminal import People

    names = "device precision runtime tile batch workers format quality codec crf preset pix_fmt"
    names += " segment fail_fast max_failures strict max_pixels debug"
    settings = Settings(**{name: getattr(given, name) for name in names.split()}, **film_settings(given))
    if task.forms and _suffix_asked(task, given.format) != given.format:
        settings = replace(settings, format=None)
    if settings.format is None:
        settings = replace(settings, format=_typed_format(plan, given.out))
    listeners: list[Listener] = [
        People(quiet=given.quiet, debug=given.debug),
        *([Lines()] if given.json else []),
    ]
    report = _report(card, given)
    if report is not None:
        listeners.append(report)

    device = ""
    if plan.todo:
        from pixcli.models import load

        try:
            device = attach(task, load(card), settings, listeners)
        except PixcliError as fault:
            if report is not None:
                report.fail(str(fault))
            raise
    else:  # the run has only to tell so, and need not wait for torch
        task.model = cast(Any, SimpleNamespace(card=card))
    with plan.ledger() if plan.todo else contextlib.nullcontext() as ledger:
        return run(task, plan, settings, listeners, ledger, device=device).exit_code


def _report(card: "Card", given: SimpleNamespace) -> "Report | None":
    if given.report is None:
        return None
    from pixcli.engine.listen_report import Report

    about = {
        "command": shlex.join(["pixcli", *sys.argv[1:]]),
        "folder": str(Path.cwd()),
        "weights": f"{card.path.name}, sha256 {card.sha256}" if card.sha256 else card.path.name,
        "machine": f"{platform.node()}, {platform.system()} {platform.machine()}",
        "pixcli": __version__,
    }
    return Report(given.report, about)


def _command(task: type[Task]) -> Callable[..., int]:
    def command(**typed: Any) -> int:
        return perform(task, typed)

    own = own_parameters(task)
    return with_parameters(command, own + parameters_of(options.shared, but=[p.name for p in own]))


def help_of(task: type[Task]) -> str:
    """The task's own words, what goes in and comes out, and examples."""
    first = task.example or f"pixcli {task.name} photos/ -o out/"
    needs = "".join(f" --{key} {example}" for key, example in task.needs.items())
    one = f"photo.jpg -o photo_{task.name}.png"
    if task().apart():
        one = f"first.jpg second.jpg -o second{task().suffix()}"
    more = (
        f"pixcli {task.name} {one}{needs}",
        f"pixcli {task.name} film.mp4 -o film_{task.name}.mp4{needs}",
        f"pixcli {task.name} photos/ -o out/{needs} --report out.html",
    )
    examples = "\n".join(f"  {line}" for line in (first, *more))
    return f"{inspect.cleandoc(task.__doc__ or '')}\n\n{INPUTS}\n\n\b\nExamples:\n{examples}\n"


def make(name: str) -> Any:
    """The command of a task."""
    task = TASKS[name]
    return alone(task.name, _command(task), help=help_of(task), exits=RUN, section=name)
