"""A run that is killed at any moment loses nothing, and its rerun does the rest."""

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

COUNT = 60
SIDE = 48
WORKERS = 2
ROUNDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("seed", ROUNDS)
def test_killed_at_a_random_moment(pixcli, tiny, tmp_path, seed):
    chance = random.Random(seed)
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for n in range(COUNT):
        pixels = chance.randbytes(SIDE * SIDE * 3)
        Image.frombytes("RGB", (SIDE, SIDE), pixels).save(photos / f"{n:02}.png")
    line = ["superres", "photos", "-o", "out", "--scale", "2", "--model", tiny["superres"]]
    line += ["--workers", WORKERS]

    stopped_at = chance.randrange(1, COUNT - 5)
    kill(line, pixcli.environment, out, stopped_at, chance.random() * 0.05)
    before = times(out)
    whole(out)

    last = pixcli(*line, "--json")
    assert last.returncode == 0, last.stderr
    *_, summary = map(json.loads, last.stdout.splitlines())
    assert summary["total"] == COUNT
    assert summary["done"] + summary["skipped"] == COUNT
    after = times(out)
    assert sorted(after) == [f"{n:02}.png" for n in range(COUNT)]
    whole(out)
    assert not list(out.rglob("*.tmp"))

    redone = {name for name in before if after[name] != before[name]}
    assert summary["done"] == COUNT - len(before) + len(redone)
    assert len(redone) <= WORKERS  # those that had their final names and not yet their notes
    print(f"killed with {len(before)} of {COUNT} written, {len(redone)} done again")

    rows = [json.loads(row) for row in pixcli("status", "out", "--json").stdout.splitlines()]
    assert sorted(Path(row["output"]).name for row in rows) == sorted(after)
    assert {row["status"] for row in rows} == {"done"}


def kill(line: list[object], env: dict[str, str], out: Path, written: int, later: float) -> None:
    """Start `pixcli LINE` beside `out` and kill it `later` seconds after so many outputs have come."""
    command = [sys.executable, "-m", "pixcli", *map(str, line)]
    run = subprocess.Popen(command, cwd=out.parent, env=env, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
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
