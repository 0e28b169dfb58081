"""A run that is killed at any moment, again and again, loses nothing, and its rerun does the rest."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from pixcli import plan

SIDE = 48
WORKERS = 2
ROUNDS = [(40, 2), pytest.param(300, 20, marks=pytest.mark.slow)]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize(("count", "kills"), ROUNDS)
def test_killed_at_random_moments(pixcli, tiny, tmp_path, count, kills):
    chance = random.Random(count)
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for n in range(count):
        pixels = chance.randbytes(SIDE * SIDE * 3)
        Image.frombytes("RGB", (SIDE, SIDE), pixels).save(photos / f"{n:03}.png")
    line = ["superres", "photos", "-o", "out", "--scale", "2", "--model", tiny["superres"]]
    line += ["--workers", WORKERS]

    noted: dict[str, float] = {}  # when each was done, as the ledger told first
    redone = 0
    for n in range(kills):
        before = times(out)
        # every fifth is killed by the clock, while it starts, plans or loads; the others as they write
        written = chance.randrange(1, max(2, (count - len(before)) // (kills - n + 1)))
        within, later = (120, 0.05 * chance.random()) if n % 5 else (3 * chance.random(), 0)
        kill(line, pixcli.environment, out, len(before) + written, within, later)
        after = times(out)
        redone += sum(after[name] != before[name] for name in before)
        whole(out)
        noted = once(out, noted)

    before = times(out)
    last = pixcli(*line, "--json")
    assert last.returncode == 0, last.stderr
    *_, summary = map(json.loads, last.stdout.splitlines())
    after = times(out)
    redone += sum(after[name] != before[name] for name in before)
    assert sorted(after) == [f"{n:03}.png" for n in range(count)]
    whole(out)
    assert summary["total"] == count
    assert (summary["skipped"], summary["done"]) == (len(noted), count - len(noted))
    assert len(once(out, noted)) == count
    assert [p for p in tmp_path.rglob("*") if ".tmp" in p.name] == []
    assert redone <= WORKERS * kills  # those that had their final names and not yet their notes
    print(f"{kills} kills over {count} files: {len(noted)} done before the last run, {redone} written twice")

    rows = [json.loads(row) for row in pixcli("status", "out", "--json").stdout.splitlines()]
    assert sorted(Path(row["output"]).name for row in rows) == sorted(after)
    assert {row["status"] for row in rows} == {"done"}


def once(out: Path, noted: dict[str, float]) -> dict[str, float]:
    """When each output was done, by the ledger; none that was done is ever done again."""
    rows = plan.rows(out) if out.exists() else {}
    now = {row.output: row.ended for row in rows.values() if row.status == "done"}
    assert {name: now[name] for name in noted} == noted
    assert all((out / name).exists() for name in now)
    return now


def kill(
    line: list[object], env: dict[str, str], out: Path, written: int, within: float, later: float
) -> None:
    """Start `pixcli LINE` beside `out`; kill it `later` than so many outputs, or after so many seconds."""
    command = [sys.executable, "-m", "pixcli", *map(str, line)]
    run = subprocess.Popen(command, cwd=out.parent, env=env, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + within
        while time.monotonic() < until and run.poll() is None and len(times(out)) < written:
            time.sleep(0.002)
        time.sleep(later)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait(timeout=60)


def times(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}


def whole(out: Path) -> None:
    for path in out.glob("*.png"):
        with Image.open(path) as made:
            made.load()
            assert made.size == (2 * SIDE, 2 * SIDE)
