"""The command over collections of hostile and of odd but valid files, where PIXCLI_DATA names them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixcli.media import read
from pixcli.plan.job import split_suffix

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),  # as the module itself asks; pytest resets it
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


@dataclass
class Told:
    """What a run in this process told. items: by the input's name below its folder."""

    items: dict[str, dict[str, Any]]
    summary: dict[str, Any]
    said: list[str]
    folder: Path


@pytest.fixture(scope="module")
def told(tiny: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Told]:
    """told(folder): superres over a folder below a new one, which `make` fills; once for each name."""
    from pixcli.cli.app import main

    known: dict[str, Told] = {}

    def run(which: str, make: Callable[[Path], None], *inputs: str) -> Told:
        if which in known:
            return known[which]
        folder = tmp_path_factory.mktemp(which)
        make(folder / which)
        before = state(folder / which)
        line = ["pixcli", "superres", "-o", "out", "--scale", "2", "--model", str(tiny["superres"]), "--json"]
        out, err = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", [*line, *(inputs or [which])])
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main()
        events = [json.loads(row) for row in out.getvalue().splitlines()]
        items = {os.path.relpath(i["input"], which): i for i in events if i["event"] == "item"}
        assert state(folder / which) == before, "an input was changed"
        summary = events[-1]
        counts = Counter(i["status"] for i in items.values())
        assert summary["total"] == sum(e["event"] == "item" for e in events) == len(items) == counts.total()
        assert {k: summary[k] for k in ("done", "skipped", "failed")} == {
            k: counts[k] for k in ("done", "skipped", "failed")
        }
        assert summary["exit_code"] == int(ended.value.code or 0) == bool(counts["failed"])
        assert not list(folder.rglob("*.tmp"))
        known[which] = Told(items, summary, err.getvalue().splitlines(), folder)
        return known[which]

    return run


def listed(which: str) -> list[Any]:
    """The pictures of a collection, but for the largest."""
    if "PIXCLI_DATA" not in os.environ:
        return []
    files = json.loads((DATA / which / "manifest.json").read_text())["files"]
    small = [e for e in files if not e["file"].startswith("film/") and not is_large(e)]
    return [pytest.param(e, id=e["file"]) for e in small]


def filled(which: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for entry in (p.values[0] for p in listed(which)):
            (folder / entry["file"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(DATA / which / entry["file"], folder / entry["file"])

    return make


@pytest.mark.parametrize("entry", listed("good"))
def test_a_valid_picture_does_what_the_manifest_says(told, entry):
    run = told("good", filled("good"))
    item, expected = run.items[entry["file"]], entry["expect"]
    assert item["seconds"] < SECONDS_A_FILE
    if entry["file"] == SIGNED or (entry.get("optional") and item["status"] == "failed"):
        text = item["error"]["text"]
        assert "signed samples" in text or "pip install" in text
        return
    assert item["status"] == "done", item
    (made,) = item["outputs"]
    picture = read(run.folder / made)
    assert [picture.width, picture.height] == [2 * side for side in expected["size"]]
    assert 8 * picture.pixels.dtype.itemsize == expected["bits"]
    assert (picture.alpha is not None) == (expected["mode"] in ("RGBA", "LA"))
    assert picture.ride.save.get("frames", 1) == expected["frames"]
    unsaid = {"icc", "exif", "xmp", "dpi", "alpha", "16-bit", "float"} & set(item["lost"])
    assert not unsaid, item["lost"]


@pytest.mark.parametrize("entry", listed("bad"))
def test_a_broken_picture_costs_one_line(told, entry):
    run, name = told("bad", filled("bad")), entry["file"]
    item = run.items.get(name)
    if item is None:  # nothing in its content or its name says picture
        assert not split_suffix(name)[1], name
        return
    assert item["seconds"] < SECONDS_A_FILE
    lines = [line for line in run.said if line.startswith(f"pixcli: bad/{name}: ")]
    assert len(lines) == bool(item["error"] or item["lost"])
    if item["error"]:
        assert item["outputs"] == []
        assert item["error"]["kind"] == "input", item
    else:
        assert entry["expect"] != "refuse"
        assert item["lost"] or not entry.get("warn"), "what is missing is to be named"


def test_names_of_every_kind_keep_their_pictures(told):
    names = [bytes.fromhex(e["rename_to"]) for e in manifest("good")["names"]]

    def make(folder: Path) -> None:
        folder.mkdir()
        for name in names:
            shutil.copy2(DATA / "good/png/rgb8.png", os.fsencode(folder) + b"/" + name)

    run = told("names", make)
    seen = {n for n in names if not n.startswith(b".")}
    assert set(map(os.fsencode, run.items)) == seen
    assert {n: i["error"] for n, i in run.items.items() if i["status"] != "done"} == {}
    made = {os.fsencode(p.name) for p in (run.folder / "out").iterdir() if p.name != ".pixcli"}
    assert {m.removesuffix(b".png") for m in made} == {n.removesuffix(b".png") for n in seen}
    assert all(line.isprintable() for line in run.said)


def test_names_that_look_like_options_can_be_given(told):
    names = ["-rf.png", "--help.png", "two\nlines.png", os.fsdecode(b"bad\xff.png"), "q'\".png"]

    def make(folder: Path) -> None:
        folder.mkdir()
        for name in names:
            shutil.copy2(DATA / "good/png/rgb8.png", folder / name)

    run = told("given", make, "--", *(f"given/{name}" for name in names))
    assert set(run.items) == set(names)
    assert run.summary["done"] == len(names)


def test_a_tree_is_mirrored_and_its_rubbish_passed_over(told):
    entries = manifest("good")["folder_tree"]

    def make(folder: Path) -> None:
        for entry in entries:
            path = folder.parent / entry["path"]
            (path if entry["path"].endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if "copy" in entry:
                shutil.copy2(DATA / "good" / entry["copy"], path)
            elif "content_hex" in entry:
                path.write_bytes(bytes.fromhex(entry["content_hex"]))

    run = told("tree", make)
    done = {e["path"].removeprefix("tree/") for e in entries if e["expect"].startswith("processed")}
    assert set(run.items) == done
    out = run.folder / "out"
    assert {
        str(p.relative_to(out)) for p in out.rglob("*.*") if ".pixcli" not in p.parts and p.is_file()
    } == done


def test_a_name_that_promises_a_picture_is_a_failure(told):
    contents = {
        "empty.jpg": b"",
        "page.png": b"<!DOCTYPE html><p>404",
        "pointer.jpg": b"version https://git-lfs.x",
    }

    def make(folder: Path) -> None:
        folder.mkdir()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        shutil.copy2(DATA / "good/png/rgb8.png", folder / "good.png")

    run = told("promised", make)
    assert run.summary["done"] == 1
    words = {"empty.jpg": "it is empty", "page.png": "HTML", "pointer.jpg": "Git LFS"}
    for name, word in words.items():
        (line,) = [line for line in run.said if name in line]
        assert line.startswith(f"pixcli: promised/{name}: is named ")
        assert word in line


def test_a_gif_beside_a_png_of_its_name_is_a_collision_of_the_plan(here, tmp_path, tiny):
    for name in ("a.gif", "a.png", "b.gif"):
        source = {".gif": "gif/still.gif", ".png": "png/rgb8.png"}[name[1:]]
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy2(DATA / "good" / source, tmp_path / "in" / name)
    common = ("superres", "--scale", "2", "--model", tiny["superres"])
    done = here(*common, "in", "-o", "out")
    assert done.returncode == 2
    assert "several inputs have one output: in/a.gif and in/a.png" in done.stderr
    assert not (tmp_path / "out").exists()
    done = here(*common, "in/b.gif", "-o", "out")
    assert "format GIF" in done.stderr
    assert (tmp_path / "out/b.png").exists()
    done = here(*common, "in/b.gif", "-o", "typed.png", "--strict")
    assert (done.returncode, (tmp_path / "typed.png").exists()) == (0, True), done.stderr


def manifest(which: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((DATA / which / "manifest.json").read_text())
    return answer


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_smooth_ramp_of_16_bits_has_no_bands(told, dtype):
    width = 512

    def make(folder: Path) -> None:
        from pixcli.media import Picture, write

        folder.mkdir()
        rows = np.linspace(0.1, 0.9, width)[None, :, None].repeat(16, 0).repeat(3, 2)
        values = rows.astype(np.float32) if dtype is np.float32 else (rows * 65535).round().astype(dtype)
        write(Picture(values), folder / "ramp.tif")

    run = told(f"ramp{np.dtype(dtype).itemsize}", make)
    picture = read(run.folder / "out/ramp.tif")
    assert picture.pixels.dtype == dtype
    row = picture.pixels[16, 16:-16, 1].astype(float) / picture.peak  # away from the border
    assert len(np.unique(row)) > 900
    steps = np.diff(row)
    assert steps.min() >= -1e-5, "it only rises"
    assert np.abs(np.diff(row, 2)).max() < 1 / 255 / 4, "no step of 8 bits is left in it"


@pytest.mark.slow
def test_hostile_files_cost_a_line_each(pixcli, tiny, tmp_path):
    ran = Ran("bad", tmp_path, tiny["superres"], pixcli.environment)
    for name, item in ran.items.items():
        if item["status"] == "done":
            assert ran.entries[name]["expect"] != "refuse", name
    for name in ran.entries.keys() - ran.items.keys():  # no pictures at all: passed over inside a folder
        assert ran.entries[name]["expect"] in ("refuse", "either"), name


@pytest.mark.slow
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
