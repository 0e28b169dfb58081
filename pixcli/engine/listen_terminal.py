"""For people, on stderr: a line for each problem, a bar or a line a minute, and how it ended.

Problems are said even with quiet. A file's name may carry anything, so every text passes through `shown`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pixcli.engine.events import Event, Item, Summary
from pixcli.engine.words import duration, pace
from pixcli.plan.job import shown

if TYPE_CHECKING:
    from rich.console import Console

MINUTE_S = 60.0
WIDE = 60  # columns from which on there is room for the rate
END = "\x1b[0m"
ROWS = 20  # failures that are repeated in the closing table


class People:
    """A listener that writes to `stream` (stderr).

    debug adds tracebacks; quiet leaves problems alone. terminal: None asks the stream. clock: seconds.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        debug: bool = False,
        stream: TextIO | None = None,
        terminal: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream = stream or sys.stderr
        self.quiet, self.debug, self.clock = quiet, debug, clock
        able = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.terminal = able if terminal is None else terminal
        self.bar: Any = None  # of the run
        self.now: Any = None  # of what is under way, on the line below
        self.total = self.seen = self.skipped = self.failed = 0
        self.failures: list[Item] = []
        self.began = self.said = clock()
        self.at, self.at_began = "", 0.0  # the input on that line
        self.lock = threading.Lock()  # notes come from the network's thread

    def __call__(self, event: Event) -> None:
        with self.lock:
            self._hear(event)

    def _hear(self, event: Event) -> None:
        if event.kind == "start":
            self._start(event)
        elif event.kind == "note":
            if not self.quiet:
                self._line(event.text)
        elif event.kind == "item" and event.item is not None:
            self._item(event.item)
        elif event.kind == "progress":
            self._progress(event)
        elif event.summary is not None:
            self._summary(event.summary)

    def _start(self, event: Event) -> None:
        self.total, self.began = event.total, self.clock()
        self.said = self.began
        if self.quiet:
            return
        if event.model:  # else nothing is to be done, and the summary says so
            self._line(f"{event.task} with {event.model} on {event.device}")
        if self.terminal:
            self.bar = _bar(self.stream, event.total)
            self.now = _bar(self.stream, None)
            self._draw()

    def _item(self, item: Item) -> None:
        self.seen += 1
        self.skipped += item.status == "skipped"
        self.failed += item.status == "failed"
        if self.now is not None and item.input == self.at:
            self.at = ""
            self._under_way("")
        if item.status == "failed":
            if len(self.failures) < ROWS:
                self.failures.append(item)
            self._line(f"{item.input}: {item.text}", "red")
            if self.debug and item.trace:
                self._write(item.trace.rstrip().encode("ascii", "backslashreplace").decode())
        elif item.lost:
            self._line(f"{item.input}: lost: {', '.join(item.lost)}", "yellow")
        self._draw(item.status != "skipped")
        self._minute("")

    def _progress(self, event: Event) -> None:
        of = f" of {event.total}" if event.total else ""
        at = f", {event.input}: frame {event.done}{of}" if event.input else ""
        if self.bar is not None and event.input:
            if self.at != event.input:
                self.at, self.at_began = event.input, self.clock()
            words = [f"frame {event.done}{'/' * bool(event.total)}{event.total or ''}"]
            after = pace(event.done, event.total, self.clock() - self.at_began, "frames")
            words += after if self._width() >= WIDE else after[1:]
            self.now.n, self.now.total = event.done, event.total or None
            self._under_way(_name(event.input, self._width() // 3), ", ".join(words))
        elif self.bar is not None and event.busy:
            self.at, self.now.total = event.busy[0], None
            more = f" and {len(event.busy) - 1} more" if len(event.busy) > 1 else ""
            self._under_way(_name(event.busy[0], self._width() - 4 - len(more)) + more)
        self._draw()
        self._minute(at)

    def _width(self) -> int:
        return self.bar.format_dict["ncols"] or 80

    def _draw(self, force: bool = True) -> None:
        """The run's bar as things stand; without `force` only when the last one is a moment old."""
        if self.bar is None:
            return
        wide = self._width() >= WIDE
        words = [f"{self.seen}/{self.total}"]
        if self.failed:
            colour = "" if os.environ.get("NO_COLOR") else "\x1b[31m"
            words.append(f"{colour}{self.failed} failed{colour and END}")
        done = self.seen - self.skipped
        after = pace(done, self.total - self.skipped, self.clock() - self.began, "files")
        words += after if wide else after[1:]
        percent = f"{100 * self.seen // self.total if self.total else 100:3}%"
        self.bar.bar_format = f"{percent} {{bar}} {', '.join(words)}"
        self.bar.n = self.seen
        if force or self.bar.last_print_t + self.bar.mininterval < time.time():
            self.bar.refresh()
            self.bar.last_print_t = time.time()

    def _under_way(self, left: str, right: str = "") -> None:
        left, right = (text.replace("{", "{{").replace("}", "}}") for text in (left, right))
        self.now.bar_format = f"  {left} {{bar}} {right}" if right and self.now.total else f"  {left} {right}"
        self.now.refresh()

    def _minute(self, at: str) -> None:
        if not self.terminal and not self.quiet and self.clock() - self.said >= MINUTE_S:
            failed = f", {self.failed} failed" if self.failed else ""
            done = self.seen - self.skipped
            words = pace(done, self.total - self.skipped, self.clock() - self.began, "files")
            self._line(", ".join([f"{self.seen} of {self.total}{failed}", *words]) + at)

    def _summary(self, summary: Summary) -> None:
        for bar in (self.now, self.bar):
            if bar is not None:
                bar.close()
        self.now = self.bar = None
        if self.quiet:
            if summary.ended:
                self._line(f"stopped: {summary.ended}", "red")
            return
        if self.terminal and len(self.failures) > 1:
            self._table(summary.failed)
        counts = (
            (summary.done, "done"),
            (summary.skipped, "skipped"),
            (summary.failed, "failed"),
            (summary.left, "left"),
        )
        parts = [f"{n} {word}" for i, (n, word) in enumerate(counts) if n or i == 0]
        speed = f", {summary.pixels_per_second / 1e6:.2f} megapixels/s" if summary.pixels else ""
        if summary.flicker is not None:
            speed += f", flicker {summary.flicker:.2g} {summary.flicker_unit}"
        ended = f"; stopped: {summary.ended}" if summary.ended else ""
        good = summary.exit_code == 0
        self._line(
            f"{', '.join(parts)} in {duration(summary.seconds)}{speed}{ended}",
            "green" if good else "bold red",
        )

    def _table(self, failed: int) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{failed} failed", title_justify="left", show_edge=False)
        table.add_column("file", overflow="fold")
        table.add_column("what is wrong", overflow="fold")
        for item in self.failures:
            table.add_row(Text(shown(item.input)), Text(shown(item.text)))
        if failed > len(self.failures):
            table.add_row("…", f"and {failed - len(self.failures)} more")
        self._console().print(table)

    def _line(self, text: str, style: str = "") -> None:
        self.said = self.clock()
        self._write(f"pixcli: {shown(text)}", style)

    def _write(self, text: str, style: str = "") -> None:
        if not self.terminal:
            print(text, file=self.stream, flush=True)
            return
        from rich.text import Text
        from tqdm import tqdm

        with tqdm.external_write_mode(file=self.stream):
            self._console().print(Text(text, style), soft_wrap=True)

    def _console(self) -> Console:
        from rich.console import Console

        return Console(file=self.stream, force_terminal=self.terminal, highlight=False)


def _name(path: str, width: int) -> str:
    """The name of a file, its end kept where it is too long."""
    name = shown(Path(path).name)
    return name if len(name) <= width else "…" + name[-max(1, width - 1) :]


def _bar(stream: TextIO, total: int | None) -> Any:
    """A line that tqdm keeps in its place and width; what stands on it is set by `bar_format`."""
    from tqdm import tqdm

    return tqdm(total=total or None, file=stream, dynamic_ncols=True, leave=False, bar_format=" ")
