"""Inputs → output paths, and everything that could go wrong with them, before a pixel is touched."""

# ruff: noqa: PTH100, PTH112, PTH119, PTH120, PTH122
# strings of os.path: fast over many files; abspath is not resolve
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from string import Formatter

from pixcli.errors import UsageError
from pixcli.plan.collide import check_collisions
from pixcli.plan.job import FILMS, STREAM, SUFFIXES, Found, shown, split_suffix

FIELDS = ("stem", "name", "ext", "parent", "task", "n")
ALIASES = {"jpeg": "jpg", "tiff": "tif"}
LONGEST = 255  # bytes in a name, on every file system in use

SuffixOf = Callable[[Path, str], str]


def name_outputs(
    found: Sequence[Found],
    out: str | Path | None,
    *,
    task: str,
    name: str | None = None,
    format: str | None = None,
    in_place: bool = False,
    suffix_of: SuffixOf | None = None,
    also: frozenset[str] = frozenset(),
    as_frames: bool = False,
) -> tuple[Path | None, list[Path]]:
    """The folder that the ledger belongs to (None when writing to stdout), and the output of each input.

    suffix_of(input, kind): the suffix ("." and letters) that an output gets when no format is forced, and
    each frame of a film as a picture (kind "frame"); without it, the input's. also: suffixes, without ".",
    that pictures may get beside the known ones. as_frames: of a film, the first picture in a folder of its
    name. Raises UsageError for contradictions and for all collisions: two inputs to one output (also when
    they differ by case or by Unicode form only), an output that is an input, outputs among the files of an
    input folder.
    """
    wanted = _wanted(format, also)
    if name is not None:
        _check_template(name, format)
    if out is None:
        if not in_place:
            raise UsageError("no output given", "add -o OUT, a folder")
        if name or format:
            raise UsageError(
                "--in-place keeps each file's name and format", "give -o OUT with --name or --format"
            )
        if any(f.path == STREAM for f in found):
            raise UsageError("stdin cannot be worked on in place", "add -o OUT")
        home, outputs = _shared(found), [f.path for f in found]
    elif os.fspath(out) == "-":
        if len(found) > 1:
            raise UsageError(f"-o - takes one input, there are {len(found)}", "give a folder: -o OUT")
        return None, [STREAM for _ in found]
    elif _is_file(out, found, also):
        if as_frames:
            raise UsageError(
                f"--frames makes a folder of pictures, -o {shown(out)} names a file", "give a folder"
            )
        home, outputs = _single(Path(out), found[0], name, wanted)
    else:
        home = Path(out)
        if home.exists() and not home.is_dir():
            raise UsageError(f"-o {shown(out)} is a file and there are {len(found)} inputs", "give a folder")
        outputs = [
            home.joinpath(*_renamed(f, n, task, name, wanted, suffix_of, as_frames))
            for n, f in enumerate(found, 1)
        ]
    check_collisions(found, outputs, home, in_place, wanted)
    return home, outputs


def too_long(output: Path) -> bool:
    """Whether the file system cannot hold this name."""
    return len(os.fsencode(output.name)) > LONGEST


def _wanted(format: str | None, also: frozenset[str]) -> str | None:
    if format is None:
        return None
    wanted = format.lower().removeprefix(".")
    if wanted not in SUFFIXES | also:
        raise UsageError(
            f"--format {format}: no format that pixcli knows", "for instance png, jpg, webp, tiff, mp4"
        )
    return wanted


def _check_template(template: str, format: str | None) -> None:
    if not template:
        raise UsageError("--name is empty", 'for instance "{stem}_{task}"')
    try:
        fields = [(field, spec) for _, field, spec, _ in Formatter().parse(template) if field is not None]
        for field, spec in fields:
            if field not in FIELDS:
                raise UsageError(f"--name: no field {{{field}}}", f"there are {', '.join(FIELDS)}")
            f"{1 if field == 'n' else 'x':{spec}}"
    except ValueError as e:
        raise UsageError(f"--name {template!r}: {e}", 'for instance "{stem}_{task}"') from None
    end = os.path.splitext(template)[1][1:].lower()
    if end in SUFFIXES and format is None:
        raise UsageError(
            f"--name gives the name without .{end}", f"take the suffix off and add --format {end}"
        )


def _is_file(out: str | Path, found: Sequence[Found], also: frozenset[str]) -> bool:
    text = os.fspath(out)
    if text.endswith(("/", os.sep)) or os.path.isdir(text):
        return False
    if os.path.splitext(text)[1][1:].lower() not in SUFFIXES | also:
        return False
    if len(found) > 1 or any(f.root and f.kind != "sequence" for f in found):
        raise UsageError(
            f"-o {shown(text)} names one file, the input is a folder or several", "give a folder"
        )
    return len(found) == 1


def _single(output: Path, found: Found, name: str | None, wanted: str | None) -> tuple[Path, list[Path]]:
    if name:
        raise UsageError(f"--name and -o {shown(output)} both name the output", "leave one of them away")
    suffix = output.suffix[1:].lower()
    if wanted and ALIASES.get(wanted, wanted) != ALIASES.get(suffix, suffix):
        raise UsageError(
            f"--format {wanted} and -o {shown(output)} contradict each other", "leave one of them away"
        )
    still = found.kind in ("picture", "pair")
    if still == (suffix in FILMS):
        other = "a picture" if still else "a film"
        raise UsageError(f"{shown(found.path)} is {other} and cannot be written as .{suffix}")
    return output.parent, [output]


def _shared(found: Sequence[Found]) -> Path | None:
    folders = {os.path.abspath(f.root or f.path.parent) for f in found}
    try:
        return Path(os.path.commonpath(folders)) if folders else None
    except ValueError:
        raise UsageError("in place on several drives at once", "run it once for each") from None


def _renamed(
    found: Found,
    n: int,
    task: str,
    template: str | None,
    wanted: str | None,
    suffix_of: SuffixOf | None,
    as_frames: bool,
) -> list[str]:
    *folders, name = found.relative.split("/")
    stem, suffix = split_suffix(name)
    first = []
    if as_frames and found.kind == "film":
        form = None if wanted in FILMS else wanted
        if form is None and suffix_of:
            form = suffix_of(found.path, "frame")[1:]
        first, target = [frame_name(1, form)], ""
    elif wanted and (found.kind == "film") == (wanted in FILMS):
        target = f".{wanted}"
    elif suffix_of:
        target = suffix_of(found.path, found.kind)
        if target.lower() == suffix.lower():
            target = suffix
    else:
        target = suffix
    if template is None:
        return [*folders, stem + target, *first]
    last = list(Formatter().parse(template))[-1]
    parent = os.path.basename(os.path.dirname(os.path.abspath(found.path)))
    values = {"stem": stem, "name": name, "ext": target[1:], "parent": parent, "task": task, "n": n}
    text = template.format_map(values)
    if not (last[1] == "ext" or (last[1] == "name" and target == suffix)):
        text += target
    parts = text.split("/")
    if PurePosixPath(text).is_absolute() or any(p in ("", ".", "..") for p in parts):
        raise UsageError(
            f"--name {template!r} makes {shown(text)!r} of {shown(found.path)}", "a name below OUT"
        )
    return [*folders, *parts, *first]


def frame_name(number: int, wanted: str | None) -> str:
    """The name of a film's n-th frame, counted from 1, as a picture: in this format, or PNG."""
    return f"{number:06}.{wanted or 'png'}"
