"""For scripts: one JSON object a line on stdout.

start    {event, task, model, device, total}
item     {event, status: done|skipped|failed, input, outputs, model, device, runtime, seconds, pixels, lost,
          reason, flicker: null | number, error: null | {kind, text}}
summary  {event, total, done, skipped, failed, left, pixels, seconds, pixels_per_second, peak_memory,
          exit_code, ended, runtime, flicker: null | number, flicker_unit}

runtime: torch or openvino; of a run in which both had a network to compute, "openvino, torch".
total = done + skipped + failed + left. Names that are not UTF-8 come as lone surrogates in \\u escapes, as
os.fsencode takes them.
"""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from pixcli.engine.events import Event, Item, Summary


class Lines:
    """A listener that writes NDJSON to `stream`, flushed line by line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.model = self.device = ""
        self.runtime, self.runtimes = "torch", set[str]()

    def __call__(self, event: Event) -> None:
        if event.kind == "start":
            self.model, self.device = event.model, event.device
            row = {"task": event.task, "model": event.model, "device": event.device, "total": event.total}
        elif event.kind == "item" and event.item is not None:
            row = self._item(event.item)
        elif event.kind == "summary" and event.summary is not None:
            row = _summary(event.summary) | {"runtime": ", ".join(sorted(self.runtimes)) or self.runtime}
        else:
            if event.runtime:
                self.runtime = event.runtime
                self.runtimes.add(event.runtime)
            return
        self.stream.write(json.dumps({"event": event.kind} | row) + "\n")
        self.stream.flush()

    def _item(self, item: Item) -> dict[str, Any]:
        failed = item.status == "failed"
        return {
            "status": item.status,
            "input": item.input,
            "outputs": list(item.outputs),
            "model": self.model,
            "device": self.device,
            "runtime": self.runtime,
            "seconds": round(item.seconds, 4),
            "pixels": item.pixels,
            "lost": list(item.lost),
            "reason": "" if failed else item.text,
            "flicker": _rounded(item.flicker),
            "error": {"kind": item.error, "text": item.text} if failed else None,
        }


def _summary(s: Summary) -> dict[str, Any]:
    names = ("total", "done", "skipped", "failed", "left", "pixels", "peak_memory", "exit_code", "ended")
    rates = {"seconds": round(s.seconds, 3), "pixels_per_second": round(s.pixels_per_second)}
    steady = {"flicker": _rounded(s.flicker), "flicker_unit": s.flicker_unit}
    return {name: getattr(s, name) for name in names} | rates | steady


def _rounded(flicker: float | None) -> float | None:
    return None if flicker is None else round(flicker, 4)
