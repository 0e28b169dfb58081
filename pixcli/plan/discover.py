"""Inputs as people name them → every picture and film, once, in a steady order.

Kind is known by content; the caller brings `kind_of` and `words_of`, so that nothing here opens a file
itself. Pipes, devices and sockets are never opened: a FIFO would block for ever.
"""

# ruff: noqa: PTH100, PTH112, PTH116, PTH119, PTH120
# strings of os.path: fast over many files; abspath is not resolve
from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pixcli.errors import UsageError
from pixcli.plan.job import STREAM, Found, Problem, shown, split_suffix

KindOf = Callable[[Path], str | None]
WordsOf = Callable[[Path], str]
JUNK = {"thumbs.db", "ehthumbs.db", "desktop.ini"}  # and all hidden names
_OTHERS_AS_WELL = {".ts", ".mts", ".qt"}  # suffixes that sources of programs have, too


@dataclass
class Discovery:
    """found: in the order of the inputs, sorted within a folder. passed: other files in folders."""

    found: list[Found] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    passed: int = 0


def discover(
    inputs: Sequence[str | Path],
    *,
    kind_of: KindOf,
    words_of: WordsOf = lambda path: "",
    recursive: bool = True,
    listed_from: str | Path | None = None,
    out: str | Path | None = None,
    stdin: BinaryIO | None = None,
) -> Discovery:
    """Everything to work on. "-" is one picture on stdin: a Found with path STREAM, not looked at.

    listed_from: a file with one path a line, or NUL-separated when it holds a NUL; "-" reads stdin.
    out: the output folder, which is passed over inside an input folder.
    words_of(path): what the content of a file that is neither looks like ("an HTML page"), "" for unknown.
    A file in a folder that is neither is passed over; but when its name says picture or film it is a problem,
    for someone believes to have one there.
    A folder given alone lies with its content directly below OUT; beside other inputs, below its own name.
    Listed paths lie as they do below the folder that they all share. Each file comes once, and each folder is
    entered once, however many links lead to it. Raises UsageError when the list cannot be read or stdin is
    wanted twice.
    """
    given = list(dict.fromkeys(str(i) for i in inputs))
    listed = _listed(listed_from, stdin) if listed_from is not None else []
    if "-" in given and str(listed_from) == "-":
        raise UsageError(
            "stdin cannot be both the list and the picture", "write the list to a file: --from FILE"
        )
    search = _Search(kind_of, words_of, recursive, out)
    for name in given:
        alone = len(given) == 1 and not listed
        search.add(name, "" if alone else os.path.basename(os.path.abspath(name)))
    if listed:
        folders = [os.path.abspath(n if os.path.isdir(n) else os.path.dirname(n)) for n in listed]
        try:
            shared = os.path.commonpath(folders)
        except ValueError:  # several drives
            shared = ""
        for name, folder in zip(listed, folders, strict=True):
            below = os.path.relpath(folder, shared).replace(os.sep, "/") if shared else ""
            search.add(name, "" if below == "." else below, listed=True)
    return search.answer


def _listed(source: str | Path, stdin: BinaryIO | None) -> list[str]:
    try:
        data = (stdin or sys.stdin.buffer).read() if str(source) == "-" else Path(source).read_bytes()
    except OSError as e:
        raise UsageError(f"--from {shown(source)}: {e.strerror or e}") from None
    data = data.removeprefix(b"\xef\xbb\xbf")
    lines = data.split(b"\0") if b"\0" in data else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    names = [os.fsdecode(line) for line in lines if line.strip()]
    return [os.path.abspath(n) if n == "-" else n for n in dict.fromkeys(names)]


class _Search:
    def __init__(self, kind_of: KindOf, words_of: WordsOf, recursive: bool, out: str | Path | None) -> None:
        self.kind_of, self.words_of, self.recursive = kind_of, words_of, recursive
        self.answer = Discovery()
        self.entered: set[tuple[int, int]] = set()
        # a folder's identity and a name: one file by any spelling of its path
        self.taken: set[tuple[int, int, str]] = set()
        self.ours = None if out is None else _identity(out)

    def add(self, name: str, below: str, *, listed: bool = False) -> None:
        """One input as it was typed; `below`: where a folder's content (or a listed file) lies below OUT."""
        if name == "-":
            self.answer.found.append(Found(STREAM, "stdin", "picture"))
            return
        path = Path(name)
        if path == STREAM:  # "./-"
            path = Path.cwd() / "-"
        try:
            status = path.stat()
        except (OSError, ValueError) as e:
            self.problem(path, _why_not(path, e))
            return
        if stat.S_ISDIR(status.st_mode):
            self.walk(path, below)
        elif not stat.S_ISREG(status.st_mode):
            self.problem(path, f"{_what(status.st_mode)}, not a regular file")
        else:
            try:
                folder = path.parent.stat()
                kind = self.kind_of(path)
            except OSError as e:
                self.problem(path, e.strerror or str(e))
                return
            if kind is None:
                self.problem(path, f"neither a picture nor a film that pixcli reads{self.hint(path)}")
            else:
                relative = f"{below}/{path.name}" if listed and below else path.name
                self.take(path, relative, kind, None, status, folder)

    def walk(self, top: Path, below: str) -> None:
        # Linked folders wait for the real ones: what has two ways to it is known by its real place.
        folders, linked = [(os.fspath(top), below)], list[tuple[str, str]]()
        found_before = len(self.answer.found)
        while folders or linked:
            folder, below = folders.pop() if folders else linked.pop(0)
            try:
                here = os.stat(folder)
                if (here.st_dev, here.st_ino) in self.entered:
                    continue
                self.entered.add((here.st_dev, here.st_ino))
                with os.scandir(folder) as scan:
                    entries = sorted(scan, key=lambda e: e.name)
            except OSError as e:
                self.problem(Path(folder), f"folder cannot be read: {e.strerror or e}")
                continue
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower() in JUNK:
                    continue
                relative = f"{below}/{entry.name}" if below else entry.name
                try:
                    status = entry.stat()
                except OSError:  # a link to nothing, or gone since
                    self.answer.passed += 1
                    continue
                if stat.S_ISDIR(status.st_mode):
                    # DirEntry.stat knows no inode on Windows
                    ours = self.ours is not None and _identity(entry.path) == self.ours
                    if self.recursive and not ours:
                        (linked if entry.is_symlink() else folders).append((entry.path, relative))
                elif stat.S_ISREG(status.st_mode):
                    self.look(Path(entry.path), relative, top, status, here)
                else:
                    self.answer.passed += 1
        self.answer.found[found_before:] = sorted(
            self.answer.found[found_before:], key=lambda f: f.relative.split("/")
        )

    def look(
        self, path: Path, relative: str, top: Path, status: os.stat_result, folder: os.stat_result
    ) -> None:
        try:
            kind = self.kind_of(path)
        except OSError as e:
            self.problem(path, e.strerror or str(e))
            return
        suffix = split_suffix(path.name)[1].lower()
        if kind is not None:
            self.take(path, relative, kind, top, status, folder)
        elif suffix and suffix not in _OTHERS_AS_WELL:
            self.problem(path, f"is named {suffix} but is no picture or film{self.hint(path)}")
        else:
            self.answer.passed += 1

    def hint(self, path: Path) -> str:
        """In brackets, what the content looks like."""
        try:
            words = self.words_of(path)
        except OSError:
            words = ""
        return f" ({words})" if words else ""

    def take(
        self,
        path: Path,
        relative: str,
        kind: str,
        root: Path | None,
        status: os.stat_result,
        folder: os.stat_result,
    ) -> None:
        place = (folder.st_dev, folder.st_ino, path.name)
        if place not in self.taken:
            self.taken.add(place)
            identity = (status.st_dev, status.st_ino)
            self.answer.found.append(
                Found(path, relative, kind, root, status.st_size, status.st_mtime_ns, identity)
            )

    def problem(self, path: Path, text: str) -> None:
        self.answer.problems.append(Problem(path, text))


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _why_not(path: Path, e: OSError | ValueError) -> str:
    if isinstance(e, FileNotFoundError):
        return "a link to something that is not there" if path.is_symlink() else "no such file or folder"
    return (e.strerror if isinstance(e, OSError) else None) or str(e)


def _what(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
