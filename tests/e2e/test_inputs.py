"""The command over collections of hostile and of odd but valid files, where PIXCLI_DATA names them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.skipif("PIXCLI_DATA" not in os.environ, reason="PIXCLI_DATA does not name the collections"),
    pytest.mark.skipif(os.name != "posix", reason="limits of POSIX"),
]
DATA = Path(os.environ.get("PIXCLI_DATA", "")) / "inputs"
MEMORY, SECONDS_A_FILE, SECONDS = 6 << 30, 20, 240
LARGE = 2_000_000  # pixels; what is larger is another test's and would only take long here
SIGNED = "tiff/grey_i16.tif"  # refused in words: no picture's sample type

CHILD = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
from pixcli.cli.app import main
main()
"""


class Ran:
    """A run over a copy of a collection: streams, events, and what became of the files."""

    def __init__(self, which: str, folder: Path, model: Path, env: dict[str, str]) -> None:
        listed = json.loads((DATA / which / "manifest.json").read_text())["files"]
        self.entries = {e["file"]: e for e in listed if not is_large(e)}
        for name in self.entries:
            (folder / which / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(DATA / which / name, folder / which / name)
        before = state(folder / which)
        line = ["superres", which, "-o", "out", "--scale", "2", "--model", str(model), "--json"]
        self.done = subprocess.run(
            [sys.executable, "-c", CHILD, *line],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        events = [json.loads(row) for row in self.done.stdout.splitlines()]
        self.items = {i["input"].removeprefix(f"{which}/"): i for i in events if i["event"] == "item"}
        self.summary = events[-1]
        assert len([e for e in events if e["event"] == "item"]) == len(self.items)
        assert state(folder / which) == before
        self.check(folder)

    def check(self, folder: Path) -> None:
        """What must hold of every run."""
        said = self.done.stderr
        assert "Traceback" not in said
        assert "internal" not in {i["error"]["kind"] for i in self.items.values() if i["error"]}, said
        lines = said.splitlines()
        assert all(line.startswith("pixcli: ") for line in lines), said
        for name, item in self.items.items():
            assert sum(f"/{name}: " in line for line in lines) == bool(item["error"] or item["lost"]), name
            assert item["seconds"] < SECONDS_A_FILE, name
            assert all((folder / made).stat().st_size for made in item["outputs"])
        counts = Counter(i["status"] for i in self.items.values())
        assert self.summary["total"] == len(self.items) == counts.total()
        assert {k: self.summary[k] for k in ("done", "skipped", "failed", "left")} == {
            **{k: counts[k] for k in ("done", "skipped", "failed")},
            "left": 0,
        }
        assert self.summary["exit_code"] == self.done.returncode == 1
        assert not list(folder.rglob("*.tmp"))
        made = {str(p.relative_to(folder)) for p in (folder / "out").rglob("*") if p.is_file()}
        told = {made for i in self.items.values() for made in i["outputs"]}
        assert {m for m in made if not m.startswith("out/.pixcli/")} == told


def is_large(entry: dict[str, Any]) -> bool:
    width, height = entry.get("size") or (0, 0)
    return bool(width * height > LARGE)


def state(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_hostile_files_cost_a_line_each(pixcli, tiny, tmp_path):
    ran = Ran("bad", tmp_path, tiny["superres"], pixcli.environment)
    for name, item in ran.items.items():
        if item["status"] == "done":
            assert ran.entries[name]["expect"] != "refuse", name
    for name in ran.entries.keys() - ran.items.keys():  # no pictures at all: passed over inside a folder
        assert ran.entries[name]["expect"] in ("refuse", "either"), name


def test_odd_files_are_done(pixcli, tiny, tmp_path):
    ran = Ran("good", tmp_path, tiny["superres"], pixcli.environment)
    for name, entry in ran.entries.items():
        if not entry.get("optional") and name != SIGNED:
            assert ran.items[name]["status"] == "done", ran.items[name]


def test_what_a_folder_passes_over_is_a_line_when_it_is_named(pixcli, tiny, tmp_path):
    from pixcli.media import kind_of

    entries = json.loads((DATA / "bad/manifest.json").read_text())["files"]
    paths = [DATA / "bad" / e["file"] for e in entries]
    strange = [path for path in paths if kind_of(path) is None]
    run = pixcli("superres", *strange, "-o", "out", "--model", tiny["superres"])
    assert run.returncode == 1
    assert all(
        sum(line.startswith(f"pixcli: {path}: ") for line in run.stderr.splitlines()) for path in strange
    )
    assert f"0 done, {len(strange)} failed" in run.stderr
    assert not (tmp_path / "out").exists()
