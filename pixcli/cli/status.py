"""`pixcli status OUT`: what an output folder's ledger knows."""

import json as jsonlib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from pixcli.cli.options import Checksum, Debug, Json
from pixcli.cli.panels import alone
from pixcli.errors import NothingToDo

HELP = """Say how far the work in an output folder is.

Prints counts, failures with their reasons, and what is stale: whose input, output or weights have changed.

\b
Examples:
  pixcli status out/
  pixcli status out/ --json
"""


def status(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="An output folder.")],
    checksum: Checksum = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    from pixcli.models import catalogue
    from pixcli.plan import rows, shown, standing

    known = rows(out)
    if not known:
        raise NothingToDo(f"{out}: pixcli has not worked here", "name a folder that was given to -o")
    weights = {card.name: card.sha256 for card in catalogue() if card.sha256}
    found = [(row, *standing(row, out, weights, checksum)) for _, row in sorted(known.items())]
    counts = Counter((row.task, state) for row, state, _ in found)
    if json:
        for row, state, why in found:
            about = {"input": row.input, "output": row.output, "task": row.task, "model": row.model}
            cost = {"seconds": row.seconds, "pixels": row.pixels}
            print(jsonlib.dumps({"status": state, "text": why, "lost": list(row.lost)} | about | cost))
    else:
        for row, state, why in found:
            if state != "done":
                print(f"{state:10} {shown(row.input)}: {shown(why)}")
        for task in sorted({task for task, _ in counts}):
            words = [f"{n} {state}" for (t, state), n in sorted(counts.items()) if t == task]
            print(f"{task}: {', '.join(words)}")
    raise typer.Exit(1 if any(state == "failed" for _, state, _ in found) else 0)


def make() -> Any:
    """The command."""
    return alone("status", status, help=HELP, exits=(0, 1, 3))
