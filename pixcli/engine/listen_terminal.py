"""For people, on stderr: a line for each problem, a bar or a line a minute, and how it ended.

Problems are said even with quiet. A file's name may carry anything, so every text passes through `shown`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pixcli.engine.events import Event, Item, Summary
from pixcli.plan.job import shown

if TYPE_CHECKING:
    from rich.console import Console

MINUTE_S = 60.0
ROWS = 20  # failures that are repeated in the closing table


class People:
    """A listener that writes to `stream` (stderr).

    debug adds tracebacks; quiet leaves problems alone. terminal: None asks the stream.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        debug: bool = False,
        stream: TextIO | None = None,
        terminal: bool | None = None,
    ) -> None:
        self.stream = stream or sys.stderr
        self.quiet, self.debug = quiet, debug
        able = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.terminal = able if terminal is None else terminal
        self.bar: Any = None
        self.film: Any = None
        self.total = self.seen = 0
        self.failures: list[Item] = []
        self.said = time.monotonic()
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
        self.total, self.said = event.total, time.monotonic()
        if self.quiet:
            return
        if event.model:  # else nothing is to be done, and the summary says so
            self._line(f"{event.task} with {event.model} on {event.device}")
        if self.terminal:
            self.bar = _bar(event.total, event.task, "file", self.stream)

    def _item(self, item: Item) -> None:
        self.seen += 1
        if self.film is not None:
            self.film = self.film.close()
        if item.status == "failed":
            if len(self.failures) < ROWS:
                self.failures.append(item)
            self._line(f"{item.input}: {item.text}", "red")
            if self.debug and item.trace:
                self._write(item.trace.rstrip().encode("ascii", "backslashreplace").decode())
        elif item.lost:
            self._line(f"{item.input}: lost: {', '.join(item.lost)}", "yellow")
        if self.bar is not None:
            self.bar.update()
        self._minute("")

    def _progress(self, event: Event) -> None:
        if self.bar is not None and event.input:
            if self.film is None:
                self.film = _bar(event.total, shown(Path(event.input).name)[-30:], "frame", self.stream)
            self.film.n = event.done
            self.film.refresh()
        elif self.bar is not None:
            self.bar.refresh()
        of = f" of {event.total}" if event.total else ""
        self._minute(f", {event.input}: frame {event.done}{of}" if event.input else "")

    def _minute(self, at: str) -> None:
        if not self.terminal and not self.quiet and time.monotonic() - self.said >= MINUTE_S:
            self._line(f"{self.seen} of {self.total}{at}")

    def _summary(self, summary: Summary) -> None:
        for bar in (self.film, self.bar):
            if bar is not None:
                bar.close()
        self.film = self.bar = None
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
        ended = f"; stopped: {summary.ended}" if summary.ended else ""
        good = summary.exit_code == 0
        self._line(
            f"{', '.join(parts)} in {summary.seconds:.1f} s{speed}{ended}", "green" if good else "bold red"
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
        self.said = time.monotonic()
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


def _bar(total: int, what: str, unit: str, stream: TextIO) -> Any:
    from tqdm import tqdm

    return tqdm(total=total or None, desc=what, unit=unit, file=stream, dynamic_ncols=True, leave=False)
