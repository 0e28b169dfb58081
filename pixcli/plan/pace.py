"""How fast earlier runs were, for an estimate of the next one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pixcli.atomic import host
from pixcli.plan.ledger_file import Row
from pixcli.plan.setting import Setting


def seconds_per_pixel(rows: Iterable[Row], setting: Setting) -> float | None:
    """By the clock, from the first input's beginning to the last one's end; None when nothing is known.

    Of the run on this machine with these weights that has done most, if possible with these very options.
    """
    runs = defaultdict[tuple[bool, str], list[Row]](list)
    for row in rows:
        ours = row.weights == setting.weights and row.host == host()
        if ours and row.status == "done" and row.pixels and row.ended:
            runs[row.key == setting.key, row.run].append(row)
    if not runs:
        return None
    (_, pixels), best = max(
        (((same, sum(r.pixels for r in done)), done) for (same, _), done in runs.items()),
        key=lambda run: run[0],
    )
    return _span(best) / pixels


def _span(done: list[Row]) -> float:
    """A row's beat is the moment of its claim, or later: then its own seconds tell when it began."""
    began = min(min(r.beat, r.ended - (r.seconds or 0)) for r in done)
    return max(r.ended for r in done) - began
