"""A task without weights and without torch, and a small command around the engine to interrupt and kill:
`python standin.py IN... OUT [--slow SECONDS]`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from pixcli.engine import Event, Listener, Settings, Summary, run
from pixcli.engine.listen_json import Lines
from pixcli.engine.listen_report import Report
from pixcli.engine.listen_terminal import People
from pixcli.media.kind import kind_of
from pixcli.plan import Plan, make
from pixcli.tasks import PictureTask, Result, Sample

MODEL: Any = SimpleNamespace(card=SimpleNamespace(name="stand-in"))


class Invert(PictureTask):
    """White for black. before_infer(samples), when given, is called on the network's thread."""

    name, default = "invert", "stand-in"

    def __init__(self, before_infer: Callable[[Sequence[Sample]], None] | None = None) -> None:
        super().__init__()
        self.model = MODEL
        self.runner: Any = SimpleNamespace(device=SimpleNamespace(type="cpu"))
        self.before_infer = before_infer
        self.batches: list[int] = []
        self.followed: list[int] = []

    def prepare(self, picture: Any) -> Sample:
        tensor: Any = picture.pixels.transpose(2, 0, 1)
        return Sample(tensor, picture, tensor.dtype)

    def infer(self, samples: Sequence[Sample]) -> list[Any]:
        if self.before_infer is not None:
            self.before_infer(samples)
        self.batches.append(len(samples))
        return list(255 - np.stack([s.tensor for s in samples]))

    def follow(self, memory: Any, sample: Sample, answer: Any) -> tuple[Any, Any]:
        import torch

        seen = 0 if memory is None else int(memory[0])
        self.followed.append(seen)
        return answer, (torch.tensor(seen + 1),)

    def finish(self, answer: Any, sample: Sample) -> Result:
        picture = sample.context
        pixels = np.ascontiguousarray(answer.transpose(1, 2, 0))
        return Result({"": picture.with_pixels(pixels, picture.alpha)})


def plan_for(inputs: Iterable[Path], out: Path | str, **more: Any) -> Plan:
    return make(list(inputs), out, task="invert", kind_of=kind_of, **more)


def do(
    inputs: Iterable[Path],
    out: Path | str,
    task: Invert | None = None,
    plan: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[Summary, list[Event]]:
    """A run with its ledger, and all it told."""
    events: list[Event] = []
    jobs = plan_for(inputs, out, **(plan or {}))
    with jobs.ledger() as ledger:
        return run(
            task or Invert(), jobs, Settings(**settings), [events.append], ledger, device="cpu"
        ), events


def main() -> int:
    import torch  # noqa: F401  seconds that would else pass between the ledger and the first picture

    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("out")
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--limit-file-size", type=int)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    if given.limit_file_size:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (given.limit_file_size,) * 2)
    task = Invert(lambda samples: time.sleep(given.slow * len(samples)))
    plan = plan_for(map(Path, given.inputs), given.out)
    listeners: list[Listener] = [People(), *([Lines()] if given.json else [])]
    if given.report:
        listeners.append(Report(given.report, {}))
    with plan.ledger() as ledger:
        return run(task, plan, Settings(workers=2), listeners, ledger, device="cpu").exit_code


if __name__ == "__main__":
    sys.exit(main())
