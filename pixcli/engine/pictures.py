"""One picture in, what was made of it out: files, stdin and stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pixcli import media
from pixcli.atomic import atomic, write_bytes
from pixcli.engine.settings import Settings
from pixcli.errors import InputError, OutputError, PixcliError
from pixcli.media import Picture, plan_format, read, write
from pixcli.media.kind import SUFFIXES, format_of_suffix, output_suffix
from pixcli.plan import STREAM

if TYPE_CHECKING:
    from pixcli.media.maps import Map
    from pixcli.plan import Job, Plan
    from pixcli.tasks import Result

MOST_ON_STDIN = 2_000_000_000  # bytes
OURS = 24  # first bytes of a file beside results that say who made it


@dataclass
class Work:
    """A job under way. claimed: the ledger holds it for this run. pixels: of the input, as far as read."""

    job: Job
    claimed: bool = False
    pixels: int = 0


@dataclass(frozen=True)
class Saved:
    """What was written, and what it could not keep.

    folder: that holds all of it and nothing else, if any. flicker: of a film, in the task's unit.
    """

    outputs: tuple[Path, ...]
    lost: tuple[str, ...] = ()
    folder: Path | None = None
    flicker: float | None = None

    @property
    def told(self) -> tuple[Path, ...]:
        """What people are told was written."""
        return self.outputs if self.folder is None else (self.folder,)


class Several(Exception):
    """It is an animation, or has several pages."""


def size_of(job: Job) -> tuple[int, int]:
    """Width and height by the header, for the budget; zeros where it does not say.

    What is wrong with a file is said when it is read.
    """
    if job.input == STREAM:
        return 0, 0
    try:
        return media.size_of(job.input)
    except InputError:
        return 0, 0


def pixels_of(job: Job) -> int:
    """Width × height × frames by the header, for an estimate; 0 where it does not say."""
    if job.kind != "film":
        width, height = size_of(job)
        return width * height
    try:
        with media.FilmReader(job.input) as film:
            return film.width * film.height * film.frame_count_hint
    except PixcliError:
        return 0


def load(job: Job, settings: Settings) -> tuple[Picture, ...]:
    """The picture of a job, or both of a pair. Raises Several, InputError, MemoryError."""
    if job.kind == "pair":
        return tuple(_half(path, job, settings) for path in job.members)
    if job.input != STREAM:
        picture = read(job.input, max_pixels=settings.max_pixels)
        if picture.ride.save.get("frames", 1) > 1:
            raise Several
        return (replace(picture, name=job.relative),)
    data = sys.stdin.buffer.read(MOST_ON_STDIN + 1)
    if not data:
        raise InputError("nothing came on stdin")
    if len(data) > MOST_ON_STDIN:
        raise InputError("stdin is above the limit of 2 GB", "write it to a file first")
    return (read(data, max_pixels=settings.max_pixels),)


def _half(path: Path, job: Job, settings: Settings) -> Picture:
    try:
        picture = read(path, max_pixels=settings.max_pixels)
        if picture.ride.save.get("frames", 1) > 1:
            raise InputError("has several frames or pages", "give it by itself")
    except InputError as fault:
        if path == job.input:
            raise
        raise InputError(f"{path.name}: {fault.what}", fault.hint) from fault
    return replace(picture, name=job.relative)


@dataclass(frozen=True)
class Target:
    """Where a picture goes and in which format; said: what people have to be told of that."""

    path: Path
    format: str
    said: tuple[str, ...] = ()

    def how(self, settings: Settings) -> dict[str, Any]:
        """The writers' keywords."""
        return {"format": self.format, "quality": settings.quality, "compress": settings.compress}


def target_of(job: Job, picture: Picture, plan: Plan, settings: Settings) -> Target:
    """The planned output, or one beside it with another suffix when its format cannot hold the picture.

    A format was asked for by --format, or by an output whose suffix is not what the input's becomes; else the
    picture's own is meant. Raises InputError when that other name is taken.
    """
    planned = format_of_suffix(job.output.suffix)
    usual = {format_of_suffix(s) for s in (job.input.suffix, output_suffix(job.input.suffix))}
    asked = settings.format or (planned if planned not in usual else None)
    name, said = plan_format(picture, asked)
    if job.output == STREAM or name == planned:
        return Target(job.output, name, said)
    path = job.output.with_suffix(SUFFIXES[name])
    plan.reserve(job, path)
    return Target(path, name, said)


def save(result: Result, job: Job, plan: Plan, settings: Settings) -> Saved:
    """Write the parts of a result: the main one as the job says, others beside it as STEM.NAME.SUFFIX.

    With strict, a loss raises InputError before anything stands under its final name. Raises OutputError.
    """
    main = result.pictures.get("")
    target = target_of(job, main, plan, settings) if main is not None else Target(job.output, "PNG")
    how = target.how(settings)
    outputs, lost = [], [*result.lost, *target.said]
    for name, part in result.parts().items():
        path = path_of(target.path, name, part)
        lost += written(writer_of(part, how), path, lost, settings)
        outputs.append(path)
        if path == STREAM:
            break  # one part, the main one
    if STREAM not in outputs and not job.named:
        put_beside(result, job.output.parent)
    return Saved(tuple(outputs), tuple(dict.fromkeys(lost)))


def path_of(main: Path, name: str, part: Picture | Map) -> Path:
    """Where a part of a result goes: "" is the main one."""
    if not name:
        return main
    suffix = main.suffix if isinstance(part, Picture) else part.suffix
    return main.with_name(f"{main.stem}.{name}{suffix}")


def writer_of(part: Picture | Map, how: dict[str, Any]) -> Callable[[Path], Iterable[str]]:
    """What writes a part to a path and says what that has lost. how: as `media.write` takes it."""
    if isinstance(part, Picture):
        return partial(write, part, **how)
    from pixcli.media.maps import write_map

    return partial(write_map, part, compress=how["compress"])


def put_beside(result: Result, folder: Path) -> None:
    """Write what a result has for its folder, unless it lies there; a file of others is left and InputError.

    Ours are JSON and begin with a word of it.
    """
    for name, data in result.beside.items():
        path = folder / name
        old = path.read_bytes() if path.exists() else None
        if old == data:
            continue
        if old is not None and not old.startswith(data[:OURS]):
            raise InputError(f"{path} exists and was not made by pixcli", "give another -o OUT")
        write_bytes(path, data)


def written(
    how: Callable[[Path], Iterable[str]], path: Path, lost: Iterable[str], settings: Settings
) -> tuple[str, ...]:
    """What `how`, which writes to the path that it is given, has lost.

    With strict nothing stands at `path` when that, or `lost`, is anything.
    """
    if path == STREAM:
        with TemporaryDirectory(prefix="pixcli-") as folder:
            file = Path(folder) / "picture"
            gone = tuple(how(file))
            refuse_losses((*lost, *gone), settings)
            to_stdout(file.read_bytes())
        return gone
    if not settings.strict:
        return tuple(how(path))
    with atomic(path) as temp:
        refuse_losses((*lost, *how(temp)), settings)
    return ()


def refuse_losses(lost: Iterable[str], settings: Settings) -> None:
    """Raises InputError with strict, when anything is lost."""
    if settings.strict and (words := ", ".join(dict.fromkeys(lost))):
        raise InputError(f"would lose {words}", "leave --strict away, or give another --format")


def to_stdout(data: bytes) -> None:
    """Raises OutputError, also when the reader has gone."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as e:
        raise OutputError(f"stdout cannot be written: {e.strerror}") from e
