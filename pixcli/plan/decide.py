"""Do, skip or refuse: one input and output, what lies there, and what the ledger knows of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixcli.plan.job import STREAM, Action, Found, shown
from pixcli.plan.ledger_file import Made, Row, is_same
from pixcli.plan.naming import too_long
from pixcli.plan.setting import Setting

ON_EXIST = ("skip", "overwrite", "error")


@dataclass(frozen=True)
class Rules:
    """What was asked for. force: redo what is up to date. retry_failed: nothing but failures. checksum: files
    are compared by content where the ledger knows it, else by size and time.
    """

    setting: Setting
    on_exist: str = "skip"
    force: bool = False
    retry_failed: bool = False
    checksum: bool = False

    def same(self, found: Found, then: Row | Made) -> bool:
        return is_same(found.path, (found.size, found.mtime_ns), then, self.checksum)


def decide(
    found: Found, output: Path, row: Row | None, others: Sequence[Row], home: Path | None, rules: Rules
) -> tuple[Action, str]:
    """What to do with one input, and why. row: this task's; others: those of other tasks for the output."""
    if output == STREAM:
        return "do", "to stdout"
    if too_long(output):
        return "refuse", "the output's name is too long"
    there = _look(str(output))
    if there is not None and stat.S_ISDIR(there.st_mode):
        return "refuse", f"{shown(output)} is a folder"
    exists, in_place = there is not None, output == found.path
    if rules.retry_failed and (row is None or row.status != "failed"):
        return "skip", "did not fail before"
    if rules.on_exist == "error" and exists and not in_place:
        return "refuse", f"{shown(output)} exists (--on-exist error)"
    if row is not None and row.status in ("claimed", "open"):
        if row.alive:
            return "do", "another run is at it"  # the claim will tell
        if in_place and row.key == rules.setting.key and not rules.same(found, row):
            return "skip", "done by a run that ended before it could note so"
        return "do", "was left unfinished"
    if rules.on_exist == "overwrite":
        return "do", "overwrites" if exists and not in_place else "new"
    if row is None or not row.outputs:
        if exists and not in_place:
            return (
                "refuse",
                f"{shown(output)} exists and was {_maker(others)}; --on-exist overwrite replaces it",
            )
        return "do", f"failed before: {row.error}" if row is not None else "new"
    return _known(found, output, row, home, rules, in_place)


def _known(
    found: Found, output: Path, row: Row, home: Path | None, rules: Rules, in_place: bool
) -> tuple[Action, str]:
    looks = [made.now(home, rules.checksum) for made in row.outputs]
    replaced = in_place and rules.same(found, row.outputs[0])
    same_input = replaced or rules.same(found, row)
    if not in_place:
        if "changed" in looks:
            what = f"{shown(output)} was changed since pixcli made it"
            return "refuse", f"{what}; --on-exist overwrite replaces it"
        if not same_input and "same" in looks and row.input != found.source:
            what = f"{shown(output)} was made from {shown(row.input)}"
            return "refuse", f"{what}; give another -o OUT, or --on-exist overwrite replaces it"
    if rules.force:
        return "do", "forced"
    if row.status == "failed":
        return "do", f"failed before: {row.error}"
    if not same_input:
        return "do", "the input changed"
    if row.key != rules.setting.key:
        if replaced:
            return "refuse", "was done in place with other options or weights; --force does it again on top"
        return "do", rules.setting.unlike(row.weights, row.options)
    if "gone" in looks:
        return "do", "the output is gone"
    return "skip", "up to date"


def _maker(others: Sequence[Row]) -> str:
    made = [row.task for row in others if row.outputs]
    return f"made by {made[0]}" if made else "not made by pixcli"


def _look(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except OSError:
        return None
