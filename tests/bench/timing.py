"""What all measurements share: things run by turns, the best time of each counts, ratios are told.

PIXCLI_BENCH=tiny proves in seconds that each measurement works; its figures mean nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pixcli.infer import precision
from pixcli.infer.device import choose
from pixcli.infer.runner import Runner
from pixcli.infer.runtime import Runtime
from pixcli.media import Picture
from pixcli.models import Card, catalogue, load
from pixcli.tasks import TASKS, Task
from pixcli.tasks.base import Sample
from pixcli.tasks.inpaint import FINDER

TINY = os.environ.get("PIXCLI_BENCH") == "tiny"
TOLD: list[dict[str, Any]] = []


def tell(bench: str, **figures: Any) -> None:
    """One JSON line now, and a row in the table at the end."""
    row = {"bench": bench} | {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
    TOLD.append(row)
    print("\n" + json.dumps(row), flush=True)


def by_turns(things: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Best seconds of each after one call to warm up: A B C A B C …, so that a slow minute hits all."""
    rounds = 1 if TINY else rounds
    best = dict.fromkeys(things, float("inf"))
    for turn in range(rounds + 1):
        for name, thing in things.items():
            began = time.perf_counter()
            thing()
            took = time.perf_counter() - began
            if turn:
                best[name] = min(best[name], took)
    return best


@dataclass(frozen=True)
class Ready:
    """A task with its network on a device, as the engine has it."""

    task: Task
    card: Card
    device: torch.device
    precision: str

    def sample(self, picture: Picture) -> Sample:
        """Of a picture, or of the pair that it makes with itself where the task takes two."""
        return self.task.prepare(picture, *[picture] * bool(self.task.apart()))

    def infer(self, pictures: list[Picture]) -> Callable[[], object]:
        """The network alone, picture after picture: prepared beforehand, nothing finished or written."""
        samples = [self.sample(p) for p in pictures]
        return lambda: [self.task.infer([s]) for s in samples]


def ready(card: Card, device: str, exact: str | None = None, runtime: str = "torch", **options: Any) -> Ready:
    """The card's task as the engine makes it. exact: a precision instead of the one chosen."""
    where = choose(device)
    kind = exact or precision.choose("auto", where.torch, card.bf16).name
    task = TASKS[card.task](**options)
    other = None if runtime == "torch" else Runtime(runtime, lambda *_: None)
    task.attach(load(card), lambda net, footprint: Runner(net, footprint, where.torch, kind, runtime=other))
    return Ready(task, card, where.torch, kind)


def shipped() -> list[Card]:
    """All but the one that finds damage, which is no task's own network."""
    return [c for c in catalogue() if c.task in TASKS and c.name != FINDER]


def default(task: str) -> Card | None:
    """The card that the task takes by itself, or None where no weights are shipped for it."""
    return next((c for c in catalogue() if c.name == TASKS[task].default), None)


def photograph(width: int, height: int, seed: int) -> Image.Image:
    """Something with a photograph's statistics: 1/f clouds in a few colours, hard edges, grain."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    falloff = 1 / np.maximum(np.hypot(fx, fy), 1 / max(width, height)) ** 1.2
    y, x = np.mgrid[0:height, 0:width]
    layers = []
    for _ in range(3):
        waves = np.fft.irfft2(falloff * np.fft.rfft2(rng.normal(size=(height, width))), s=(height, width))
        layers.append(waves / waves.std())
    shade, warm, green = layers
    for _ in range(12):  # objects: ellipses with their own shade
        cx, cy, rx, ry = rng.uniform(0, width), rng.uniform(0, height), *rng.uniform(8, 0.3 * width + 9, 2)
        inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
        shade = np.where(inside, shade * 0.4 + rng.normal(), shade)
        warm = np.where(inside, warm * 0.4 + rng.normal(), warm)
    rgb = 120 + 45 * shade[..., None] + np.stack([14 * warm, 9 * green, -16 * warm], -1)
    return Image.fromarray(np.clip(rgb + rng.normal(0, 2.5, rgb.shape), 0, 255).astype(np.uint8))


def photographs(folder: Path, count: int, width: int, height: int, gray: bool = False) -> list[Path]:
    """JPEGs as cameras write them: quality 92, 4:2:0."""
    folder.mkdir(parents=True)
    paths = []
    for i in range(count):
        image = photograph(width, height, i)
        path = folder / f"{i:03}.jpg"
        (image.convert("L") if gray else image).save(path, quality=92)
        paths.append(path)
    return paths


def as_picture(image: Image.Image) -> Picture:
    return Picture(np.array(image))
