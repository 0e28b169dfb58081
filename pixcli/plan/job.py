"""What the plan is made of: found inputs, jobs, problems."""

# ruff: noqa: SIM905
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Action = Literal["do", "skip", "refuse"]
STREAM = Path("-")  # stdin as an input, stdout as an output; a file of that name is given as an absolute path
PICTURES = frozenset(
    "jpg jpeg jpe jfif png apng webp gif tif tiff bmp dib pbm pgm ppm pnm pam pfm avif heic heif hif jp2 j2k"
    " jpx jpf jxl exr hdr tga ico cur dds qoi psd dng cr2 cr3 nef arw orf rw2 raf pef srw".split()
)
FILMS = frozenset("mp4 m4v mov qt mkv webm avi ts mts m2ts mpg mpeg wmv asf flv ogv y4m 3gp mxf".split())
SUFFIXES = PICTURES | FILMS


def split_suffix(name: str) -> tuple[str, str]:
    """Stem and suffix; only a suffix that pictures and films have is one ("scan.2020" has none)."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    return (stem, suffix) if suffix[1:].lower() in SUFFIXES else (name, "")


def shown(path: str | os.PathLike[str]) -> str:
    """A path on one line, for people and terminals: control characters and odd bytes as escapes."""
    text = os.fspath(path)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(c: str) -> str:
    if 0xDC80 <= ord(c) <= 0xDCFF:  # how Python carries a byte that is no UTF-8
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape").decode()


@dataclass(frozen=True)
class Problem:
    """An input that was named (or a folder met on the way) and cannot be worked on: an error line, exit 1."""

    path: Path
    text: str


@dataclass(frozen=True)
class Found:
    """One picture or film, or a sequence of pictures.

    relative: its place below OUT, "/" between parts. root: the folder that it was found in, if any. size:
    bytes. identity: (device, inode), the same for hard links and for whatever a symlink points to. members:
    the pictures of a sequence or a pair.
    """

    path: Path
    relative: str
    kind: str
    root: Path | None = None
    size: int = 0
    mtime_ns: int = 0
    identity: tuple[int, int] = (0, 0)
    members: tuple[Path, ...] = ()

    @property
    def source(self) -> str:
        return source_of(self.path, self.kind, self.members)


def source_of(path: Path, kind: str, members: tuple[Path, ...]) -> str:
    """What the ledger calls an input: its absolute path; a pair is no file, so both are said."""
    both = members if kind == "pair" else (path,)
    return " + ".join(os.path.abspath(p) for p in both)  # noqa: PTH100


@dataclass(frozen=True)
class Job:
    """One input and what is to become of it. kind: "picture", "film", "sequence" (members make one film) or
    "pair" (two members, the first of which is the input).

    size (bytes), mtime_ns: of the input, as the plan found it. mine: whatever lies at the output was made (or
    begun) by this very job before, so it may be replaced. revision: of the ledger's row when the plan was
    made, 0 when there was none; `Ledger.claim` compares it. named: the output is what the user called it.
    """

    input: Path
    kind: str
    output: Path
    relative: str
    action: Action
    reason: str = ""
    size: int = 0
    mtime_ns: int = 0
    mine: bool = False
    revision: int = 0
    members: tuple[Path, ...] = ()
    named: bool = False

    @property
    def source(self) -> str:
        return source_of(self.input, self.kind, self.members)

    def as_dict(self) -> dict[str, Any]:
        return {
            "action": self.action,
            "kind": self.kind,
            "input": str(self.input),
            "output": str(self.output),
            "bytes": self.size,
            "reason": self.reason,
        }
