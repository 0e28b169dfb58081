"""Whole runs as people make them: a film, a kill in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixcli.tasks import TASKS
from tests.conftest import needed


def photo(path: Path, side: int, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8))
    small.resize((side, side), Image.Resampling.BICUBIC).save(path)


@pytest.mark.parametrize("task", TASKS)
def test_a_film_keeps_its_frames(here, tiny, tmp_path, task):
    import av

    with av.open(str(tmp_path / "in.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=10, width=32, height=32, pix_fmt="yuv420p")
        for i in range(5):
            pixels = np.full((32, 32, 3), 40 * i, np.uint8)
            pixels[8:24, 8:24] = 255 - 40 * i
            film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        film.mux(stream.encode())
    args = ("--codec", "libx264", "--crf", "18", "--preset", "ultrafast", "--pix-fmt", "yuv420p")
    done = here(task, "in.mp4", "-o", "out.mp4", "--model", tiny[task], *needed(task), *args)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "out.mp4")) as film:
        made = [frame.time for frame in film.decode(video=0)]
    assert made == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def begin(pixcli, tmp_path, *line: object, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pixcli", *map(str, line)],
        cwd=tmp_path,
        env=pixcli.environment | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_stopped_goes_on_where_it_was(pixcli, tiny, tmp_path, number):
    for i in range(60):
        photo(tmp_path / f"photos/{i:02}.png", 120, i)
    line = ["superres", "photos", "-o", "out", "--model", str(tiny["superres"])]
    run = begin(pixcli, tmp_path, *line)
    out = tmp_path / "out"
    until = time.monotonic() + 60
    while time.monotonic() < until and len(list(out.glob("*.png"))) < 3:
        time.sleep(0.01)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert "Traceback" not in said
    assert run.returncode == 128 + number
    whole = {p.name: p.stat().st_mtime_ns for p in out.glob("*.png")}
    for name in whole:
        with Image.open(out / name) as made:
            made.load()
    if len(whole) == 60:
        pytest.skip("the run was over before the signal came")
    assert pixcli(*line).returncode == 0
    now = {p.name: p.stat().st_mtime_ns for p in out.glob("*.png")}
    assert len(now) == 60
    assert {name: now[name] for name in whole} == whole
    assert not list(out.rglob("*.tmp"))


def test_two_runs_at_once_share_the_work_and_do_no_file_twice(pixcli, tiny, tmp_path):
    for i in range(40):
        photo(tmp_path / f"photos/{i:02}.png", 60, i)
    line = ["superres", "photos", "-o", "out", "--model", str(tiny["superres"]), "--json", "--quiet"]
    runs = [begin(pixcli, tmp_path, *line) for _ in range(2)]
    did: list[str] = []
    for run in runs:
        said, problems = run.communicate(timeout=120)
        assert (run.returncode, problems) == (0, "")
        *items, summary = [json.loads(row) for row in said.splitlines()][1:]
        assert summary["done"] + summary["skipped"] == summary["total"] == 40
        did += [item["input"] for item in items if item["status"] == "done"]
    assert sorted(did) == [f"photos/{i:02}.png" for i in range(40)]
    assert sorted(p.name for p in (tmp_path / "out").glob("[!.]*")) == [f"{i:02}.png" for i in range(40)]


@pytest.mark.skipif(os.name != "posix", reason="needs a FIFO")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_while_planning(pixcli, tiny, tmp_path, number, code):
    os.mkfifo(tmp_path / "list")
    line = ("superres", "--from", "list", "-o", "out", "--model", tiny["superres"])
    run = begin(pixcli, tmp_path, *line)
    with (tmp_path / "list").open("w"):  # it waits for the list now
        run.send_signal(number)
        assert run.communicate(timeout=60) == ("", "pixcli: interrupted\n")
    assert run.returncode == code
    assert not (tmp_path / "out").exists()


def test_an_interrupt_while_the_model_is_loaded(pixcli, tiny, tmp_path):
    photo(tmp_path / "a.png", 16)
    (tmp_path / "slow/torch").mkdir(parents=True)
    wait = "import pathlib, time; pathlib.Path('loading').touch(); time.sleep(60)"
    (tmp_path / "slow/torch/__init__.py").write_text(wait)
    path = os.pathsep.join([str(tmp_path / "slow"), pixcli.environment["PYTHONPATH"]])
    run = begin(
        pixcli, tmp_path, "superres", "a.png", "-o", "out/", "--model", tiny["superres"], PYTHONPATH=path
    )
    until = time.monotonic() + 60
    while not (tmp_path / "loading").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=60) == ("", "pixcli: interrupted\n")
    assert run.returncode == 130
    assert not (tmp_path / "out").exists()


def test_a_film_of_a_container_that_is_only_read_gets_another(here, tiny, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.avi").write_bytes(b"RIFF\0\0\0\0AVI LIST")
    (tmp_path / "in/b.MKV").write_bytes(b"\x1aE\xdf\xa3")
    (tmp_path / "in/c").write_bytes(b"FLV\x01")
    done = here("superres", "in", "-o", "out", "--model", tiny["superres"], "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    jobs = json.loads(done.stdout)["jobs"]
    assert [Path(job["output"]).name for job in jobs] == ["a.mkv", "b.MKV", "c.mp4"]
