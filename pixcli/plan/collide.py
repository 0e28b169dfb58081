"""Collisions, found before any work: two inputs for one output, an output that is an input."""

# ruff: noqa: PTH110, PTH114, PTH116, PTH118, PTH120, PTH121
# strings of os.path: fast over many files; abspath is not resolve
from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from pixcli.errors import UsageError
from pixcli.plan.job import STREAM, Found, shown, split_suffix


def fold(path: str) -> str:
    """A name without case and Unicode form: what some file systems hold for the same is the same."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())


def check_collisions(
    found: Sequence[Found], outputs: Sequence[Path], home: Path | None, in_place: bool, wanted: str | None
) -> None:
    places = _Places()
    owners = defaultdict[str, list[int]](list)
    inputs = defaultdict[tuple[int, int], list[int]](list)
    roots = {os.path.realpath(r) for r in {f.root for f in found} if r}
    for i, f in enumerate(found):
        if f.path != STREAM:
            inputs[f.identity].append(i)
        if f.kind == "pair" and (second := places.of(f.members[1])[1]):
            inputs[second].append(i)
    own: list[int] = []
    destroyed: list[tuple[int, int]] = []
    among: list[int] = []
    inside = _among(home, roots)
    for i, output in enumerate(outputs):
        place, identity = places.of(output)
        owners[fold(place)].append(i)
        victims = inputs.get(identity, []) if identity else []
        if i in victims:
            own.append(i)
        elif victims:
            destroyed.append((i, victims[0]))
        elif inside(place):
            among.append(i)

    sensitive = None
    clashes: list[list[int]] = []
    for group in owners.values():
        if len(group) < 2:
            continue
        if sensitive is None:
            sensitive = case_matters(home or Path())
        if not (sensitive and _side_by_side([found[i] for i in group], [outputs[i] for i in group])):
            clashes.append(group)

    def arrow(i: int) -> str:
        return f"{shown(found[i].path)} → {shown(outputs[i])}"

    if clashes:
        texts = [
            " and ".join(shown(found[i].path) for i in g[:3])
            + (" …" if len(g) > 3 else "")
            + f" → {shown(outputs[g[0]])}"
            for g in clashes
        ]
        hint = 'tell them apart with --name, for instance "{parent}_{stem}" or "{stem}_{n}"'
        if wanted and any(len({split_suffix(found[i].path.name)[1] for i in g}) > 1 for g in clashes):
            hint = (
                f'--format {wanted} takes the suffix that told them apart; give --name "{{name}}" to keep it'
            )
        raise UsageError(f"several inputs have one output: {_first(texts)}", hint)
    if destroyed:
        texts = [f"{arrow(i)}, which is the input {shown(found[v].path)}" for i, v in destroyed]
        raise UsageError(
            f"an output would overwrite another input: {_first(texts)}", "give another -o OUT or --name"
        )
    if own and not in_place:
        texts = [shown(found[i].path) for i in own]
        raise UsageError(
            f"the output is the input itself: {_first(texts)}",
            "give another -o OUT, or --in-place to replace",
        )
    if among:
        raise UsageError(
            f"outputs would lie among the inputs and be inputs then: {_first([arrow(i) for i in among])}",
            f"give a folder of their own, for instance -o {shown((home or Path()) / 'out')}",
        )


def _first(texts: Sequence[str], most: int = 3) -> str:
    return "; ".join(texts[:most]) + (f"; and {len(texts) - most} more" if len(texts) > most else "")


class _Places:
    """Real places of paths; a folder is resolved once."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}

    def of(self, path: Path) -> tuple[str, tuple[int, int] | None]:
        """The path with all links resolved, and (device, inode) when something lies there."""
        folder, name = os.path.split(path)
        if folder not in self.folders:
            self.folders[folder] = os.path.realpath(folder)
        place = os.path.join(self.folders[folder], name)
        if os.path.islink(place):  # writers resolve a link before they replace its target
            place = os.path.realpath(place)
        try:
            status = os.stat(place)
        except OSError:
            return place, None
        return place, (status.st_dev, status.st_ino)


def _among(home: Path | None, roots: set[str]) -> Callable[[str], bool]:
    """Whether a real place lies in a folder that was searched.

    Searching passes over an OUT that lies below such a folder.
    """
    here = os.path.realpath(home) if home else ""
    roots = {r for r in roots if not (home and here != r and _below(here, r))}
    known: dict[str, bool] = {}

    def inside(place: str) -> bool:
        folder = os.path.dirname(place)
        if folder not in known:
            known[folder] = any(_below(folder, r) for r in roots)
        return known[folder]

    return inside


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _side_by_side(found: Sequence[Found], outputs: Sequence[Path]) -> bool:
    """Whether different files of one input folder keep their names: then OUT can hold them as well."""
    return (
        len({f.path.parent for f in found}) == 1
        and len({f.identity for f in found}) == len(found)
        and all(f.path.name == o.name for f, o in zip(found, outputs, strict=True))
    )


def case_matters(folder: Path) -> bool:
    """Whether names that differ by case only are different files there, found out without writing anything.

    Looks at the nearest folder above that exists and has a letter in its name; True when none has.
    """
    here = os.path.realpath(folder)
    while here != os.path.dirname(here):
        above, name = os.path.split(here)
        swapped = os.path.join(above, name.swapcase())
        if name.swapcase() != name and os.path.exists(here):
            return not (os.path.exists(swapped) and os.path.samefile(here, swapped))
        here = above
    return True
