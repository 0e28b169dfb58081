"""`pixcli models`: what there is for each task."""

from __future__ import annotations

import dataclasses
import json as jsonlib
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixcli.cli.options import Debug, Json
from pixcli.cli.panels import alone
from pixcli.errors import UsageError
from pixcli.tasks import TASKS

if TYPE_CHECKING:
    from pixcli.models import Card

HELP = """List the models: task, size, measured quality, licence.

\b
Examples:
  pixcli models
  pixcli models --task superres --json
"""


def as_json(card: Card) -> dict[str, Any]:
    """The card as plain data, with the size of its file in bytes (None when it is missing)."""
    size = card.path.stat().st_size if card.path.is_file() else None
    return dataclasses.asdict(card) | {"path": str(card.path), "bytes": size}


def quality(card: Card) -> str:
    """The first measure by each protocol, a line each set: "set5 psnr x2 37.41, x3 33.83"."""
    told: dict[str, list[str]] = {}
    seen = set()
    for m in card.measures:
        about, protocol = str(m.get("set", "")), str(m.get("protocol", ""))
        if (about, protocol) not in seen:
            seen.add((about, protocol))
            scale = found[0] + " " if (found := re.match(r"x\d+\b", protocol)) else ""
            told.setdefault(f"{about} {m.get('measure', '')}", []).append(f"{scale}{m.get('value', 0):.4g}")
    return "\n".join(f"{what} {', '.join(figures)}" for what, figures in told.items())


def _models(task: str | None, json: bool) -> None:
    from pixcli.models import catalogue

    if task is not None and task not in TASKS:
        raise UsageError(f"--task: there is no task {task!r}", f"there are: {', '.join(TASKS)}")
    cards = [c for c in catalogue() if task in (None, c.task)]
    if json:
        for card in cards:
            print(jsonlib.dumps(as_json(card), default=str))
        return

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    table.add_column("model", no_wrap=True)
    table.add_column("parameters\nfile", justify="right", no_wrap=True)
    table.add_column("what it does, and how well")
    for card in cards:
        size = as_json(card)["bytes"]
        mark = " *" if card.name == TASKS[card.task].default else ""
        file = "missing" if size is None else f"{size / 1e6:.1f} MB"
        about = "\n".join(filter(None, (card.title, quality(card))))
        row = (f"{card.name}{mark}", f"{card.parameters / 1e6:.2f} M\n{file}", about)
        table.add_row(*map(Text, row))
    console = Console() if sys.stdout.isatty() else Console(width=120)  # a pipe has no width
    console.print(table)
    print("* is what its task takes without --model")
    for licence in sorted({card.licence for card in cards}):
        names = [card.name for card in cards if card.licence == licence]
        console.print(Text(f"{', '.join(names)}: {licence}"))


def models(
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="TASK", help="Only for this task.", autocompletion=lambda: [*TASKS]),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    _models(task, json)


def make() -> Any:
    """The command."""
    return alone("models", models, help=HELP, exits=(0, 2))
