"""How much is taken in at once: bytes in flight, threads, samples in one batch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pixcli.engine.settings import Settings
from pixcli.errors import PixcliError

if TYPE_CHECKING:
    from pixcli.tasks import Task

LEAST, MOST = 256_000_000, 2_000_000_000  # bytes in flight
SHARE = 16  # of the machine's memory
MOST_AHEAD = 64  # inputs in flight: what is claimed here is not free for another run on the same folder
BYTES_A_PIXEL = 8  # three of the file's, three of the tensor, and some of both when they have 16 bits
PROCESSOR_PIXELS = 2**16  # from 256 × 256 on a processor is as fast with one picture as with several
CARD_PIXELS = 2**22
MOST_TOGETHER = 32


@dataclass(frozen=True)
class Room:
    """How much may be under way.

    memory: bytes in flight. most: loads in flight. decoders, encoders: threads. pixels: of one batch; batch:
    samples in one batch, whatever their size, when not None.
    """

    memory: int = LEAST
    most: int = MOST_AHEAD
    decoders: int = 2
    encoders: int = 2
    pixels: int = PROCESSOR_PIXELS
    batch: int | None = None

    def together(self, shape: Sequence[int]) -> int:
        """How many samples of this shape, (C, H, W), go into the network at once."""
        if self.batch is not None:
            return self.batch
        return max(1, min(MOST_TOGETHER, self.pixels // (shape[-2] * shape[-1])))


def room_for(task: Task, settings: Settings) -> Room:
    """The room that the settings leave, or this machine has; a processor batches small samples only."""
    cores = os.cpu_count() or 1
    return Room(
        memory=settings.memory or max(LEAST, min(MOST, machine_memory() // SHARE)),
        decoders=settings.workers or min(4, cores),
        encoders=settings.workers or min(8, cores),
        pixels=CARD_PIXELS if task.runner.device.type == "cuda" else PROCESSOR_PIXELS,
        batch=settings.batch,
    )


def machine_memory() -> int:
    """Bytes that this process may use, by the machine or its container; 0 where the system does not say."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no container, or "max"
        return total


def cost_of(task: Task, width: int, height: int) -> int:
    """Bytes that a picture of this size takes in flight: pixels and tensor, as they come and as they go."""
    try:
        wide, high = task.check(width, height)
    except PixcliError:  # it will be said when the picture's turn comes
        wide, high = width, height
    return BYTES_A_PIXEL * (width * height * (2 if task.apart() else 1) + wide * high)
