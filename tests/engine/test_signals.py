"""The stand-in's command as a real process: signals, kills, full disks, streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from folders import Start, draw
from standin import Invert, do

from pixcli.tasks import Sample

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def made(out: Path) -> list[Path]:
    return list(out.rglob("*.png"))


def temps(out: Path) -> list[Path]:
    return [p for p in out.rglob("*") if p.name.startswith(".pixcli-")]


def wait_until_some(process: subprocess.Popen[str], out: Path, count: int = 3) -> None:
    deadline = time.monotonic() + 60
    while len(made(out)) < count and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)


def summary_of(stdout: str) -> dict[str, Any]:
    return json.loads(stdout.splitlines()[-1])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_cleanly_and_a_rerun_finishes_without_redoing(
    photos: Path, tmp_path: Path, start: Start, number: int, code: int
) -> None:
    out = tmp_path / "out"
    process = start(photos, out, "--slow", 0.1, "--json")
    wait_until_some(process, out)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in stderr
    first = summary_of(stdout)
    assert first["ended"] == "interrupted"
    assert first["left"] > 0
    assert first["total"] == first["done"] + first["skipped"] + first["failed"] + first["left"]
    assert temps(out) == []
    assert len(made(out)) == first["done"]

    again = start(photos, out, "--json")
    second = summary_of(again.communicate(timeout=60)[0])
    assert (again.returncode, second["done"], second["skipped"]) == (0, first["left"], first["done"])


def test_a_second_interrupt_ends_at_once_and_leaves_no_temporary_file(
    photos: Path, tmp_path: Path, start: Start
) -> None:
    out = tmp_path / "out"
    process = start(photos, out, "--slow", 20)
    deadline = time.monotonic() + 60
    while not (out / ".pixcli").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    time.sleep(1)
    deadline = time.monotonic() + 5
    half = out / f".pixcli-{process.pid}-0123456789abcd.tmp"
    half.write_bytes(b"half")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    while process.poll() is None and time.monotonic() < deadline:  # two that come together count as one
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    assert process.returncode == 130
    assert temps(out) == []


def test_a_killed_run_goes_on_where_it_stopped(photos: Path, tmp_path: Path, start: Start) -> None:
    out = tmp_path / "out"
    process = start(photos, out, "--slow", 0.1)
    wait_until_some(process, out)
    process.kill()
    process.communicate()
    before = {p: p.stat().st_mtime_ns for p in made(out)}
    again = start(photos, out, "--json")
    end = summary_of(again.communicate(timeout=60)[0])
    assert again.returncode == 0
    assert end["done"] + end["skipped"] == end["total"] == 20
    assert end["skipped"] >= len(before) - 2  # renamed a moment before the ledger could say so
    assert len(made(out)) == 20
    assert temps(out) == []
    redone = sum(p.stat().st_mtime_ns != before[p] for p in before)
    assert redone <= 2


def test_a_full_disk_ends_the_run_with_6(tmp_path: Path, start: Start) -> None:
    for n in range(3):
        draw(tmp_path / "in" / f"{n}.png", 300, 300, seed=n)
    process = start(tmp_path / "in", tmp_path / "out", "--limit-file-size", 100_000, "--json")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 6, stderr
    assert made(tmp_path / "out") == temps(tmp_path / "out") == []
    assert "cannot write" in stderr
    assert "Traceback" not in stderr
    assert summary_of(stdout)["exit_code"] == 6


def test_stdout_is_for_scripts_and_stderr_for_people(photos: Path, tmp_path: Path, start: Start) -> None:
    bad = photos / "evil\x1b[31m\n.png"
    bad.write_bytes((photos / "00.png").read_bytes()[:100])
    process = start(photos, tmp_path / "out")
    stdout, stderr = process.communicate(timeout=60)
    assert stdout == ""
    problems = [line for line in stderr.splitlines() if "evil" in line]
    assert len(problems) == 1
    assert problems[0].startswith("pixcli: ")
    assert "evil\\x1b[31m\\n.png: truncated PNG" in problems[0]
    assert "\x1b" not in stderr
    assert "\r" not in stderr
    assert stderr.splitlines()[-1].startswith("pixcli: 20 done, 1 failed in ")


def test_a_reader_that_leaves_early_does_not_stop_the_work(
    photos: Path, tmp_path: Path, start: Start
) -> None:
    process = start(photos, tmp_path / "out", "--json", "--slow", 0.05)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "start"
    process.stdout.close()
    process.stdout = None
    stderr = process.communicate(timeout=60)[1]
    assert "Traceback" not in stderr
    assert "BrokenPipe" not in stderr
    assert process.returncode == 0
    assert len(made(tmp_path / "out")) == 20


def test_an_interrupt_that_has_to_wait_is_confirmed(photos: Path, tmp_path: Path) -> None:
    def interrupt(samples: Sequence[Sample]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.5)

    summary, events = do([photos], tmp_path / "out", Invert(interrupt), batch=1)
    assert summary.exit_code == 130
    assert [e.text for e in events if e.kind == "note"] == [
        "stopping after what is under way; once more stops at once"
    ]
