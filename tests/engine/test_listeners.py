"""What people and scripts get to see of a run."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from standin import do

from pixcli.engine import Event, Item, Summary, listen_terminal
from pixcli.engine.listen_json import Lines
from pixcli.engine.listen_terminal import People

FAILED = Item(
    "failed", "in/bad\x1b[31m\udcff.png", error="input", text="truncated PNG\nand more", trace="Traceback …"
)
EVENTS = (
    Event("start", task="invert", model="stand-in", device="cpu, fp32", total=4),
    Event("note", text="fp32: bf16 is slower here"),
    Event("item", item=Item("done", "in/a.png", ("out/a.png",), 0.5, 1000, ("icc", "16-bit"))),
    Event("item", item=Item("skipped", "in/b.png", ("out/b.png",), text="up to date")),
    Event("item", item=FAILED),
    Event("progress", input="in/film.mp4", done=5, total=10),
    Event("progress"),
    Event("item", item=Item("failed", "in/film.mp4", error="input", text="[bold]ends early[/bold]")),
    Event("summary", summary=Summary(4, 1, 1, 2, 0, 1000, 2.0, 5_000_000, 1)),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO, **settings: Any) -> str:
    listener = People(stream=stream, **settings)
    for event in EVENTS:
        listener(event)
    return stream.getvalue()


def test_one_line_a_problem_and_nothing_that_moves_the_cursor_in_a_log() -> None:
    text = told(io.StringIO())
    assert text.splitlines() == [
        "pixcli: invert with stand-in on cpu, fp32",
        "pixcli: fp32: bf16 is slower here",
        "pixcli: in/a.png: lost: icc, 16-bit",
        "pixcli: in/bad\\x1b[31m\\xff.png: truncated PNG\\nand more",
        "pixcli: in/film.mp4: [bold]ends early[/bold]",
        "pixcli: 1 done, 1 skipped, 2 failed in 2.0 s, 0.00 megapixels/s",
    ]


def test_quiet_leaves_problems_and_losses_alone() -> None:
    lines = told(io.StringIO(), quiet=True).splitlines()
    assert len(lines) == 3
    assert all(": lost: " in line or "truncated" in line or "ends early" in line for line in lines)


def test_debug_adds_the_trace() -> None:
    assert "Traceback" in told(io.StringIO(), debug=True)
    assert "Traceback" not in told(io.StringIO())


def test_a_terminal_gets_a_bar_and_a_table_of_the_failures() -> None:
    text = told(Terminal())
    assert "4/4" in text
    assert "frame 5/10" in text
    assert "2 failed" in text
    assert "truncated PNG" in text
    assert "[bold]ends early[/bold]" in text


def test_no_color_takes_the_colours_away(monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    assert colour.search(told(Terminal()))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colour.search(told(Terminal()))


def test_a_dumb_terminal_is_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in told(Terminal())
    assert "\r" not in told(Terminal())


def test_a_log_gets_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen_terminal, "MINUTE_S", 0.0)
    text = told(io.StringIO())
    assert re.search(
        r"^pixcli: 3 of 4, 1 failed, .*files/s, \d+:\d\d left, in/film.mp4: frame 5 of 10$", text, re.M
    )
    assert re.search(r"^pixcli: 3 of 4, 1 failed, .*files/s, \d+:\d\d left$", text, re.M)


def test_json_lines_have_one_schema_and_counts_that_add_up(photos: Path, tmp_path: Path) -> None:
    broken = photos / "04.png"
    broken.write_bytes(broken.read_bytes()[:200])
    (photos / "\udcff.png").write_bytes((photos / "00.png").read_bytes())
    _, events = do([photos], tmp_path / "out")
    stream = io.StringIO()
    listener = Lines(stream)
    for event in events:
        listener(event)
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert stream.getvalue().isascii()
    start, *items, summary = rows
    assert start == {"event": "start", "task": "invert", "model": "stand-in", "device": "cpu", "total": 21}
    keys = [
        "event",
        "status",
        "input",
        "outputs",
        "model",
        "device",
        "runtime",
        "seconds",
        "pixels",
        "lost",
        "reason",
        "flicker",
        "error",
    ]
    assert all(list(row) == keys for row in items)
    failed = [row for row in items if row["status"] == "failed"]
    assert [row["error"]["kind"] for row in failed] == ["input"]
    assert "truncated" in failed[0]["error"]["text"]
    assert all(row["error"] is None for row in items if row["status"] == "done")
    assert summary["total"] == 21 == sum(summary[k] for k in ("done", "skipped", "failed", "left"))
    assert summary["pixels"] == sum(row["pixels"] for row in items if row["status"] == "done")
    assert {"pixels_per_second", "peak_memory", "exit_code", "ended"} <= set(summary)
