"""One page to look at a run: what failed, what was lost, and pictures before and after.

The page is written when the run begins, once a minute, and when it ends, however it ends: after a kill there
still is one. Thumbnails are made on a thread of their own, of a share of the files, and in a share of the
time: a run waits for none of it, and fails for none of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from heapq import heappush, heapreplace
from pathlib import Path
from queue import Full, Queue

from pixcli.atomic import write_bytes
from pixcli.engine.events import Event, Item
from pixcli.engine.report_page import Seen, page
from pixcli.engine.thumbnails import Pair, pair

MOST = 160  # comparisons
MOST_BYTES = 24_000_000  # of all thumbnails together
MOST_ROWS = 1000  # failures, and as many losses
SHARE = 0.05  # of the time that the run takes
ALWAYS = 12  # comparisons that are made whatever they cost
EVERY_S = 60.0
LAST_S = 20.0  # how long the end waits for thumbnails under way


class Report:
    """A listener that writes the page to `path`. Raises OutputError when that cannot be written to.

    about: what else the page shall say of the run, in order: {"command": "pixcli …", …}.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self.path, self.seen = path, Seen(about)
        self.lock = threading.Lock()
        self.queue: Queue[tuple[int, Item] | None] = Queue(8)
        self.spent = 0.0
        self.began = self.wrote = time.monotonic()
        self.write()
        self.worker = threading.Thread(target=self._work, name="report", daemon=True)
        self.worker.start()

    def __call__(self, event: Event) -> None:
        with self.lock:
            self._hear(event)
        if event.kind == "summary":
            self._close()

    def fail(self, text: str) -> None:
        """The run ended before it began: no device, no weights."""
        self.seen.ended = text
        self._close()

    def write(self) -> None:
        """Write the page as things stand. Raises OutputError."""
        with self.lock:
            text = page(self.seen)
        write_bytes(self.path, text.encode(errors="replace"))
        self.wrote = time.monotonic()

    def _close(self) -> None:
        try:
            self.queue.put(None, timeout=LAST_S)
            self.worker.join(LAST_S)
            self.write()
        except Exception as fault:  # the run is what counts; its exit code stays its own
            from pixcli.engine.listen_terminal import People

            People()(Event("note", text=f"{self.path}: the report was not written: {fault}"))

    def _hear(self, event: Event) -> None:
        seen = self.seen
        if event.kind == "start":
            seen.start = event
        elif event.kind == "note":
            seen.notes = [*seen.notes[-9:], event.text]
        elif event.kind == "summary":
            seen.summary = event.summary
        elif event.kind == "item" and event.item is not None:
            self._item(event.item)

    def _item(self, item: Item) -> None:
        seen = self.seen
        seen.counts[item.status] += 1
        if item.status == "failed":
            if len(seen.failures) < MOST_ROWS:
                seen.failures.append(item)
            return
        if item.status == "skipped":
            seen.skipped[item.text if len(seen.skipped) < 20 else "for other reasons"] += 1
            return
        seen.pixels += item.pixels
        if item.lost:
            seen.lost.update(item.lost)
            if len(seen.losses) < MOST_ROWS:
                seen.losses.append(item)
        number = seen.counts["done"] - 1
        entry = (item.seconds, number, item)
        if len(seen.slowest) < 10:
            heappush(seen.slowest, entry)
        elif entry > seen.slowest[0]:
            heapreplace(seen.slowest, entry)
        if item.outputs and item.outputs[0] != "-" and number % seen.stride == 0:
            dear = self.spent > SHARE * (time.monotonic() - self.began)
            if not dear or len(seen.pairs) + self.queue.qsize() < ALWAYS:
                with suppress(Full):
                    self.queue.put_nowait((number, item))

    def _work(self) -> None:
        while (given := self.queue.get()) is not None:
            began = time.thread_time()
            try:
                made = pair(given[1].input, given[1].outputs[0])
            except Exception:  # moved away since, too large, no picture: the page shows one fewer
                continue
            finally:
                self.spent += time.thread_time() - began
                self.queue.task_done()
            with self.lock:
                self._keep(*given, made)
            if time.monotonic() - self.wrote > EVERY_S:
                try:
                    self.write()
                except Exception:  # it may go better at the end
                    self.wrote = time.monotonic()

    def _keep(self, number: int, item: Item, made: Pair) -> None:
        """One more, and when that is too much, every second one: what is shown is spread over the run."""
        seen = self.seen
        seen.pairs[number] = (item, made)
        while len(seen.pairs) > MOST or sum(p.bytes for _, p in seen.pairs.values()) > MOST_BYTES:
            seen.stride *= 2
            seen.pairs = {n: kept for n, kept in seen.pairs.items() if n % seen.stride == 0}
