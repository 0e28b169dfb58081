"""Folders drawn as text, and a kind_of that believes the first letter of a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixcli import plan

Draw = Callable[[str], Path]


def kind_of(path: Path) -> str | None:
    with path.open("rb") as f:
        return {b"P": "picture", b"F": "film"}.get(f.read(1))


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Makes the files of a drawing in an empty working directory.

    One entry a line: a picture, a film by its suffix, or neither when it ends in .txt, .db or .ini;
    `name |` is a pipe, `name -> target` a symlink, `name/` an empty folder.
    """
    monkeypatch.chdir(tmp_path)

    def make(drawing: str) -> Path:
        for line in filter(None, map(str.strip, drawing.splitlines())):
            name, _, target = line.partition(" -> ")
            path = Path(name.removesuffix(" |"))
            path.parent.mkdir(parents=True, exist_ok=True)
            if target:
                path.symlink_to(target)
            elif name.endswith(" |"):
                os.mkfifo(path)
            elif name.endswith("/"):
                path.mkdir()
            else:
                first = {".mp4": "F", ".mkv": "F", ".txt": "-", ".db": "-", ".ini": "-"}.get(path.suffix, "P")
                path.write_text(first + name)
        return tmp_path

    return make


@pytest.fixture
def make() -> Callable[..., plan.Plan]:
    def made(inputs: str | list[Any], out: Any = "out", **given: Any) -> plan.Plan:
        words = inputs.split() if isinstance(inputs, str) else inputs
        return plan.make(words, out, **({"task": "t", "kind_of": kind_of} | given))

    return made


def work(plan: plan.Plan) -> list[str]:
    """What a run does, with outputs that tell what they were made of. Returns the inputs that it did."""
    did = []
    with plan.ledger() as ledger:
        for job in plan.todo:
            if ledger.claim(job):
                text = f"P made of {job.input.read_text()}" if job.input.is_file() else "made"
                job.output.parent.mkdir(parents=True, exist_ok=True)
                temp = job.output.with_name(f".{job.output.name[:200]}.tmp")
                temp.write_text(text)
                temp.replace(job.output)
                ledger.done(job, seconds=0.5)
                did.append(job.relative)
    return did


@pytest.fixture
def run(make: Callable[..., plan.Plan]) -> Callable[..., list[str]]:
    """Plan and work; returns what was done."""
    return lambda *words, **given: work(make(*words, **given))
