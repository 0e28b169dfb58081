"""Several pictures as one input: a film of frames (`frames/ -o clip.mp4`), and pairs of neighbours."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from pixcli.errors import InputError, UsageError
from pixcli.plan.job import FILMS, STREAM, Found, Problem, shown, split_suffix

SizeOf = Callable[[Path], tuple[int, int]]


def as_sequence(found: Sequence[Found], out: str | Path | None) -> list[Found]:
    """A single Found of kind "sequence", when several pictures are to go into one film; else what was found.

    Its members are in natural order (2 before 10). Its time is no time but a number that changes with any
    member's name, size or time. Raises UsageError when there are films among them.
    """
    one_file = len(found) == 1 and found[0].root is None
    if out is None or not found or one_file or not _is_film(out):
        return list(found)
    films = [f for f in found if f.kind != "picture"]
    if films:
        raise UsageError(
            f"-o {shown(out)} names one film, and {shown(films[0].path)} among the inputs is a film itself",
            "give pictures alone, or a folder to -o",
        )
    members = sorted(found, key=lambda f: natural(f.relative))
    top = members[0].root or members[0].path.parent
    return [
        Found(
            top,
            os.path.basename(os.path.abspath(top)),  # noqa: PTH100, PTH119
            "sequence",
            members[0].root,
            size=sum(f.size for f in members),
            mtime_ns=_time_of(members),
            members=tuple(f.path for f in members),
        )
    ]


def as_pairs(found: Sequence[Found], problems: Sequence[Problem], apart: int, size_of: SizeOf) -> list[Found]:
    """Each picture with the one `apart` places after it, as a Found of kind "pair"; films as they are.

    Pictures that were named go by the order that they were named in, those of a folder by natural order. A
    run of neighbours ends where the size changes, and at a file that cannot be read. What is in no run of
    more than `apart` stays a picture: it may be an animation, or is a fault of its own.
    """
    made = [f for f in found if f.kind != "picture"]
    folders: dict[Path | None, list[Found]] = {}
    for f in found:
        if f.kind == "picture":
            folders.setdefault(f.path.parent if f.root else None, []).append(f)
    for folder, here in folders.items():
        if folder is not None:
            here += [Found(p.path, p.path.name, "broken") for p in problems if p.path.parent == folder]
            here.sort(key=lambda f: natural(f.path.name))
        for run in _runs(here, size_of):
            made += run if len(run) <= apart else map(_pair, run, run[apart:])
    return made


def _runs(pictures: Sequence[Found], size_of: SizeOf) -> Iterator[list[Found]]:
    def size(f: Found) -> tuple[int, int] | None:
        try:
            return size_of(f.path) if f.kind == "picture" and f.path != STREAM else None
        except InputError:  # said when its turn comes
            return None

    for known, run in groupby(pictures, key=size):
        here = [f for f in run if f.kind == "picture"]
        yield from [here] if known else [[f] for f in here]


def _pair(a: Found, b: Found) -> Found:
    *folders, name = a.relative.split("/")
    stem, suffix = split_suffix(name)
    relative = "/".join((*folders, f"{stem}_{split_suffix(b.path.name)[0]}{suffix}"))
    size, time = a.size + b.size, _time_of((a, b))
    return Found(a.path, relative, "pair", a.root, size, time, a.identity, (a.path, b.path))


def _time_of(members: Sequence[Found]) -> int:
    """A number that changes with any member's name, size or time."""
    text = "\0".join(f"{f.relative}\0{f.size}\0{f.mtime_ns}" for f in members)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:7])


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that orders names as people do.

    >>> sorted(["f10.png", "f9.png", "F1.png"], key=natural)
    ['F1.png', 'f9.png', 'f10.png']
    """
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(p), p) if n % 2 else (1, 0, p.casefold()) for n, p in enumerate(parts)]


def _is_film(out: str | Path) -> bool:
    text = os.fspath(out)
    if text.endswith(("/", os.sep)) or Path(text).is_dir():
        return False
    return split_suffix(text)[1][1:].lower() in FILMS
