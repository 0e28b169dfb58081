"""`pixcli status OUT`: what an output folder's ledger knows."""

import json as jsonlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixcli.cli.options import Debug, Json
from pixcli.cli.panels import alone
from pixcli.errors import NothingToDo

if TYPE_CHECKING:
    from pixcli.plan import Row

HELP = """Say how far the work in an output folder is.

Prints counts, failures with their reasons, and what is stale: whose input, output or weights have changed.

\b
Examples:
  pixcli status out/
  pixcli status out/ --json
"""


def state_of(row: "Row", home: Path) -> tuple[str, str]:
    """What has become of an output since: ("done" | "stale" | "failed" | "working" | "unfinished", why)."""
    if row.status == "failed":
        return "failed", row.error
    if row.status == "claimed" and row.alive:
        return "working", f"process {row.pid} on {row.host}"
    if row.status != "done":
        return "unfinished", "its run ended; the same command goes on with it"
    for made in row.outputs:
        look = made.now(home)
        if look != "same":
            return "stale", f"{made.path} {'is gone' if look == 'gone' else 'was changed since'}"
    try:
        source = Path(row.input).stat()
    except OSError:
        return "done", ""  # an input that was moved away makes no output wrong
    replaced = any((home / m.path).exists() and (home / m.path).samefile(row.input) for m in row.outputs)
    if not replaced and (source.st_size, source.st_mtime_ns) != (row.size, row.mtime_ns):
        return "stale", "the input was changed since"
    return "done", ""


def status(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="An output folder.")],
    json: Json = False,
    debug: Debug = False,
) -> None:
    from pixcli.plan import rows, shown

    known = rows(out)
    if not known:
        raise NothingToDo(f"{out}: pixcli has not worked here", "name a folder that was given to -o")
    found = [(row, *state_of(row, out)) for _, row in sorted(known.items())]
    counts = Counter((row.task, state) for row, state, _ in found)
    if json:
        for row, state, why in found:
            about = {"input": row.input, "output": row.output, "task": row.task, "seconds": row.seconds}
            print(jsonlib.dumps({"status": state, "text": why, "lost": list(row.lost), **about}))
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
