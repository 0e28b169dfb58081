"""Ctrl-C and SIGTERM: the first asks the run to stop cleanly, the second ends the process at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType


class Stop:
    """A request to take no more inputs; one that is made to `above` counts here too.

    It has no lock, for a signal handler must not wait.
    """

    def __init__(self, above: Stop | None = None) -> None:
        self.above = above
        self.signal = 0
        self._asked = False

    @property
    def asked(self) -> bool:
        return self._asked or (self.above is not None and self.above.asked)

    def ask(self) -> None:
        self._asked = True


@contextlib.contextmanager
def interrupts(stop: Stop, clean: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop` within this block; a second calls `clean` and leaves with 128 + number.

    Does nothing outside the main thread, where Python allows no handlers, nor for a signal that the parent
    had us ignore (nohup).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if not stop.signal:
            stop.signal, first = number, now
            stop.ask()
        elif now - first > 0.2:  # timeout(1) and job managers tell the process and its group: one request
            clean()
            os._exit(128 + number)

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = [(n, signal.signal(n, handle)) for n in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
