"""Pictures that are to become one film: `frames/ -o clip.mp4`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from pixcli.errors import UsageError
from pixcli.plan.job import FILMS, Found, shown, split_suffix


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
    text = "\0".join(f"{f.relative}\0{f.size}\0{f.mtime_ns}" for f in members)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    top = members[0].root or members[0].path.parent
    return [
        Found(
            top,
            os.path.basename(os.path.abspath(top)),  # noqa: PTH100, PTH119
            "sequence",
            members[0].root,
            size=sum(f.size for f in members),
            mtime_ns=int.from_bytes(digest[:7]),
            members=tuple(f.path for f in members),
        )
    ]


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
