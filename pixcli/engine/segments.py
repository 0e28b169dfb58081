"""Segments: what is finished of a long film, so that a run that was killed goes on from there.

    OUT/.pixcli/films/PLACE-PRINT/      the output's hash, and that of the input, the options and the weights
        00000.mkv   00000.safetensors   a segment's pictures, and what the task remembers after it
        00001.mkv   00001.safetensors
        pictures/000001.png …           instead of films, when a film becomes pictures

A segment has a fixed number of frames, so that where the cuts are does not depend on when a run was killed.
It counts when its .safetensors is there, which is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pixcli.atomic import sweep, write_bytes
from pixcli.engine.settings import Settings
from pixcli.plan.ledger_file import FOLDER

if TYPE_CHECKING:
    from pixcli.plan import Job, Plan
    from pixcli.tasks import Task
    from pixcli.tasks.base import Memory

# Input and output pixels of a segment: half a minute of colorize or superres on two cores, and on a card.
PROCESSOR_PIXELS, CARD_PIXELS = 2**27, 2**31
LEAST, MOST = 24, 2048  # frames: a key frame each second is no burden; a small film does hundreds a second


def frames_in_one(task: Task, settings: Settings, pixels: int) -> int:
    """Frames of a segment. pixels: of one frame, as it comes and as it goes."""
    if settings.segment is not None:
        return settings.segment
    most = CARD_PIXELS if task.runner.device.type == "cuda" else PROCESSOR_PIXELS
    return max(LEAST, min(MOST, most // pixels))


@dataclass(frozen=True)
class Segment:
    """frames: in it. lost: what its frames lost."""

    frames: int
    lost: tuple[str, ...]


class Segments:
    """The finished segments of one job, in order. frames: of each but the last."""

    def __init__(self, plan: Plan, job: Job, frames: int) -> None:
        assert plan.home is not None
        self.frames = frames
        place = os.path.relpath(job.output, plan.home)
        source = [os.path.abspath(job.input), job.size, job.mtime_ns]  # noqa: PTH100
        result = [plan.setting.key, job.output.suffix, frames]
        films = plan.home / FOLDER / "films"
        self.folder = films / f"{_hash(place)}-{_hash(json.dumps([source, result]))}"
        self.pictures = self.folder / "pictures"
        for other in films.glob(f"{_hash(place)}-*"):  # of an earlier input, or of other options
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)
        sweep(self.folder)
        sweep(self.pictures)
        self.done: list[Segment] = []
        while (segment := self._read(len(self.done))) is not None:
            self.done.append(segment)

    def film(self, number: int) -> Path:
        """Where a segment's pictures go, without a suffix."""
        return self.folder / f"{number:05}"

    def add(self, frames: int, lost: Iterable[str], memory: Memory) -> None:
        """Note the next segment, whose pictures are written. memory: of the task, after its last frame."""
        import safetensors.torch

        segment = Segment(frames, tuple(lost))
        about = {"frames": str(frames), "lost": json.dumps(segment.lost)}
        tensors = {str(n): t.detach().cpu().contiguous().clone() for n, t in enumerate(memory or ())}
        write_bytes(self._note(len(self.done)), safetensors.torch.save(tensors, about))
        self.done.append(segment)

    def memory(self) -> Memory:
        """What the task remembers after the last segment, if there is one and it remembers anything."""
        import safetensors.torch

        if not self.done:
            return None
        tensors = safetensors.torch.load_file(self._note(len(self.done) - 1))
        return tuple(tensors[str(n)] for n in range(len(tensors))) or None

    @property
    def lost(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(what for segment in self.done for what in segment.lost))

    def remove(self) -> None:
        """The film is done, or cannot be done: nothing of it stays."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _note(self, number: int) -> Path:
        return self.folder / f"{number:05}.safetensors"

    def _read(self, number: int) -> Segment | None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._note(number), "pt") as file:
                about = file.metadata() or {}
            return Segment(int(about["frames"]), tuple(json.loads(about["lost"])))
        except (OSError, SafetensorError, KeyError, ValueError):
            return None


def _hash(text: str) -> str:
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
