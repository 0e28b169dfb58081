"""What stands on a terminal during a run, rendered by an emulator at two widths."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pixcli.engine import Event, Item, Summary
from pixcli.engine.listen_terminal import People
from pixcli.engine.words import duration, pace

pyte = pytest.importorskip("pyte")


class Seconds:
    """A clock that the test winds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def terminal() -> Iterator[Callable[[int], Any]]:
    """terminal(columns): (listener, clock, show); show() gives the lines of the screen so far."""
    opened: list[int] = []

    def make(columns: int) -> Any:
        master, slave = os.openpty()
        os.set_blocking(master, False)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, columns, 0, 0))
        stream = os.fdopen(slave, "w", encoding="utf-8", buffering=1)
        opened.append(master)
        screen = pyte.Screen(columns, 12)
        feed = pyte.ByteStream(screen)
        clock = Seconds()

        def show() -> list[str]:
            stream.flush()
            try:
                while data := os.read(master, 65536):
                    feed.feed(data)
            except BlockingIOError:
                pass
            return [line.rstrip() for line in screen.display if line.strip()]

        return People(stream=stream, clock=clock), clock, show

    yield make
    for master in opened:
        os.close(master)


def begin(people: People, clock: Seconds) -> None:
    """500 files: 100 skipped at once, then 40 in 20 seconds, two of them failed."""
    people(Event("start", task="superres", model="superres", device="cpu, bf16", total=500))
    for n in range(100):
        people(Event("item", item=Item("skipped", f"in/{n:03}.jpg", text="up to date")))
    for n in range(100, 140):
        clock.now += 0.5
        if n in (110, 120):
            people(Event("item", item=Item("failed", f"in/{n}.jpg", error="input", text="truncated JPEG")))
        else:
            people(Event("item", item=Item("done", f"in/{n}.jpg", (f"out/{n}.jpg",))))


@pytest.mark.parametrize("columns", [80, 40])
def test_a_run_on_a_screen(terminal: Any, columns: int) -> None:
    people, clock, show = terminal(columns)
    begin(people, clock)
    people(Event("progress", busy=("in/a fairly long name of a picture from the holidays.jpg", "in/b.jpg")))
    *problems, bar, now = show()
    assert [line for line in problems if line.endswith("110.jpg: truncated JPEG")]
    assert bar.startswith(" 28% ")
    assert "140/500" in bar
    assert "2 failed" in bar
    assert "3:00 left" in bar  # 360 files at two a second; what was skipped is no work
    assert ("2.00 files/s" in bar) == (columns == 80)
    assert "█" in bar
    assert now.endswith("holidays.jpg and 1 more")
    assert max(map(len, (bar, now))) <= columns


@pytest.mark.parametrize("columns", [80, 40])
def test_a_film_has_its_frames_below(terminal: Any, columns: int) -> None:
    people, clock, show = terminal(columns)
    begin(people, clock)
    people(Event("progress", input="in/a film {of} ours.mkv", done=1, total=2400))
    clock.now += 10
    people(Event("progress", input="in/a film {of} ours.mkv", done=240, total=2400))
    *_, bar, now = show()
    assert "140/500" in bar
    assert "ours.mkv" in now
    assert "frame 240/2400" in now
    if columns == 80:
        assert "24 frames/s, 1:30 left" in now
    people(Event("item", item=Item("done", "in/a film {of} ours.mkv", ("out/a.mkv",))))
    people(Event("progress"))
    assert not [line for line in show() if "ours.mkv" in line]


def test_the_end_leaves_the_problems_and_the_sum(terminal: Any) -> None:
    people, clock, show = terminal(80)
    begin(people, clock)
    people(Event("summary", summary=Summary(500, 38, 100, 2, 360, 10**8, 3900.0, 0, 130, "interrupted")))
    lines = show()
    assert not [line for line in lines if "█" in line or "left," in line]
    assert [line for line in lines if line.strip() == "2 failed"]
    text = "pixcli: 38 done, 100 skipped, 2 failed, 360 left in 1 h 05 min, 0.03"
    assert "".join(lines[-2:]).startswith(text)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "words"),
    [
        (0, 10, 5.0, []),
        (20, 100, 40.0, ["0.50 files/s", "2:40 left"]),
        (100, 100, 5.0, ["20 files/s"]),
        (5, 0, 1.0, ["5.00 files/s"]),
        (1, 100, 100.0, ["0.6 files/min", "2:45:00 left"]),
    ],
)
def test_rates_and_times_in_words(done: int, total: int, seconds: float, words: list[str]) -> None:
    assert pace(done, total, seconds, "files") == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.25, "1.2 s"), (59.9, "59.9 s"), (245, "4 min 05 s"), (11220, "3 h 07 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
