"""How an output stands now, by what the ledger knows of it and what lies there."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from pixcli.plan.ledger_file import Row, is_same


def standing(row: Row, home: Path, weights: Mapping[str, str], checksum: bool = False) -> tuple[str, str]:
    """What has become of an output since: ("done" | "stale" | "failed" | "working" | "unfinished", why).

    weights: sha256 by name, of the models that there are now.
    """
    if row.status == "failed":
        return "failed", row.error
    if row.status == "claimed" and row.alive:
        return "working", f"process {row.pid} on {row.host}"
    if row.status != "done":
        return "unfinished", "its run ended; the same command goes on with it"
    for made in row.outputs:
        look = made.now(home, checksum)
        if look != "same":
            return "stale", f"{made.path} {'is gone' if look == 'gone' else 'was changed since'}"
    if weights.get(row.model, row.weights) != row.weights:
        return "stale", f"the model {row.model} was changed since"
    try:
        source = Path(row.input).stat()
    except OSError:
        return "done", ""  # an input that was moved away makes no output wrong
    if stat.S_ISDIR(source.st_mode):
        return "done", ""  # a sequence of pictures: the next run looks at each
    replaced = any((home / m.path).exists() and (home / m.path).samefile(row.input) for m in row.outputs)
    if not replaced and not is_same(row.input, (source.st_size, source.st_mtime_ns), row, checksum):
        return "stale", "the input was changed since"
    return "done", ""
