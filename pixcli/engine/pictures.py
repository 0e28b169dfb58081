"""One picture in, one picture out: files, stdin and stdout."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pixcli import media
from pixcli.engine.settings import Settings
from pixcli.errors import InputError, OutputError
from pixcli.plan import STREAM

if TYPE_CHECKING:
    from pixcli.media import Picture
    from pixcli.plan import Job
    from pixcli.tasks import Result

MOST_ON_STDIN = 2_000_000_000  # bytes


@dataclass
class Work:
    """A job under way. pixels: of the input, as far as it has been read."""

    job: Job
    pixels: int = 0


@dataclass(frozen=True)
class Saved:
    """What was written, what it could not keep, and a remark for people."""

    outputs: tuple[Path, ...]
    lost: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Look:
    """What the header of a picture says; zeros where it says nothing."""

    width: int = 0
    height: int = 0
    frames: int = 1


def look(job: Job) -> Look:
    """The size of a picture before it is read, for the budget. Never raises: what is wrong with it is said
    when its turn comes."""
    if job.input == STREAM or job.kind != "picture":
        return Look()
    try:
        with Image.open(job.input) as image:
            return Look(*image.size)
    except Exception:  # header parsers fail in many ways
        return Look()


def load(job: Job, settings: Settings) -> Picture:
    """The picture of a job. Raises InputError, OSError, MemoryError."""
    if job.input != STREAM:
        return media.read(job.input, max_pixels=settings.max_pixels)
    data = sys.stdin.buffer.read(MOST_ON_STDIN + 1)
    if not data:
        raise InputError("nothing came on stdin")
    if len(data) > MOST_ON_STDIN:
        raise InputError("stdin is above the limit of 2 GB", "write it to a file first")
    return media.read(data, max_pixels=settings.max_pixels)


def save(result: Result, job: Job, settings: Settings) -> Saved:
    """Write the pictures of a result: the main one as the job says, others beside it as STEM.NAME.SUFFIX.

    With strict, a loss raises InputError before anything stands under its final name. Raises OutputError.
    """
    outputs: list[Path] = []
    lost = list(result.lost)
    how = {"format": settings.format, "quality": settings.quality, "compress": settings.compress}
    for name, picture in result.pictures.items():
        path = job.output.with_stem(f"{job.output.stem}.{name}") if name else job.output
        lost += media.write(picture, path, **how)
        outputs.append(path)
    return Saved(tuple(outputs), tuple(dict.fromkeys(lost)))


def to_stdout(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as e:
        raise OutputError(f"stdout cannot be written: {e.strerror}") from e
