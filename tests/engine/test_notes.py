"""The ledger knows of a picture as soon as it has its final name, whatever the caller's thread is at."""

from __future__ import annotations

import time
from pathlib import Path

from standin import Invert, plan_for

from pixcli.engine import Event, Settings, run
from pixcli.plan import rows


def test_a_listener_that_stalls_holds_no_notes_back(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    noted: list[int] = []

    def stall(event: Event) -> None:  # a terminal that was paused, a pipe that nobody reads
        if event.kind != "item" or noted:
            return
        until = time.monotonic() + 20
        while time.monotonic() < until and sum(r.status == "done" for r in rows(out).values()) < 20:
            time.sleep(0.02)
        noted.append(sum(r.status == "done" for r in rows(out).values()))

    plan = plan_for([photos], out)
    with plan.ledger() as ledger:
        summary = run(Invert(), plan, Settings(workers=2), [stall], ledger)
    assert noted == [20]
    assert summary.done == 20
