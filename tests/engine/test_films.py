"""Films and animations through the engine: every frame, in order, at its time."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from folders import draw, film, scenes, times
from PIL import Image
from standin import Invert, do, plan_for

from pixcli.engine import Event, Settings, run
from pixcli.errors import InputError
from pixcli.media import FilmReader, frames
from pixcli.media.film import output_suffix
from pixcli.media.kind import kind_of
from pixcli.tasks import Sample

DATA = os.environ.get("PIXCLI_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="PIXCLI_DATA does not name the larger test data")


def item_of(events: Sequence[Event]) -> Any:
    return next(e.item for e in events if e.item is not None)


def test_a_film_keeps_every_frame_and_its_time(tmp_path: Path) -> None:
    source = film(tmp_path / "in" / "a.mp4")
    task = Invert()
    summary, events = do([source], tmp_path / "out", task, workers=3)
    made = tmp_path / "out" / "a.mp4"
    assert (summary.done, summary.exit_code, summary.pixels) == (1, 0, 24 * 32 * 24)
    assert times(made) == times(source)
    assert len(times(made)) == 24
    assert task.followed == list(range(24))
    assert item_of(events).outputs == (str(made),)
    with FilmReader(made) as reader:
        for frame, scene in zip(reader, scenes(24), strict=True):
            assert abs(frame.picture.pixels.mean((0, 1)) - (255.0 - scene.mean((0, 1)))).max() < 12
    assert do([source], tmp_path / "out")[0].skipped == 1


def test_pictures_and_films_share_a_run(tmp_path: Path) -> None:
    film(tmp_path / "in" / "a.mp4", 6)
    for n in range(4):
        draw(tmp_path / "in" / f"{n}.png", seed=n)
    summary, _ = do([tmp_path / "in"], tmp_path / "out")
    assert (summary.done, summary.exit_code) == (5, 0)


def test_a_damaged_film_gives_what_could_be_decoded_and_counts_as_failed(tmp_path: Path) -> None:
    source = film(tmp_path / "in" / "a.mkv", 48)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 2 // 3])
    summary, events = do([source], tmp_path / "out")
    item = item_of(events)
    assert (summary.failed, summary.exit_code) == (1, 1)
    assert item.outputs == (str(tmp_path / "out" / "a.mkv"),)
    assert 0 < len(times(tmp_path / "out" / "a.mkv")) < 48
    assert "ends early" in item.text
    again, events = do([source], tmp_path / "out")  # it may write over what it made itself
    assert (again.failed, "ends early" in item_of(events).text) == (1, True)


def test_a_frame_that_fails_fails_the_film_and_nothing_is_left(tmp_path: Path) -> None:
    film(tmp_path / "in" / "a.mp4")
    seen = 0

    def fail(samples: Sequence[Sample]) -> None:
        nonlocal seen
        seen += len(samples)
        if seen > 10:
            raise InputError("the network's answer is not finite")

    draw(tmp_path / "in" / "z.mkv.png")
    summary, _ = do([tmp_path / "in"], tmp_path / "out", Invert(fail), batch=1)
    assert (summary.done, summary.failed, summary.exit_code) == (1, 1, 1)
    assert [p.name for p in (tmp_path / "out").iterdir() if p.name != ".pixcli"] == ["z.mkv.png"]


def test_a_stop_in_the_middle_of_a_film_leaves_it_for_the_rerun(tmp_path: Path) -> None:
    source = film(tmp_path / "in" / "a.mp4")
    plan = plan_for([source], tmp_path / "out")
    started = threading.Event()

    def interrupt(samples: Sequence[Sample]) -> None:
        import os
        import signal

        if not started.is_set():
            started.set()
            os.kill(os.getpid(), signal.SIGINT)

    with plan.ledger() as ledger:
        summary = run(Invert(interrupt), plan, Settings(batch=1), [], ledger)
    assert (summary.left, summary.failed, summary.exit_code) == (1, 0, 130)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".pixcli"]
    assert do([source], tmp_path / "out")[0].done == 1


@pytest.mark.parametrize(("name", "options"), [
    ("a.webp", {"lossless": True}), ("a.png", {}), ("a.tif", {}),
])  # fmt: skip
def test_animations_and_pages_are_done_frame_by_frame(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    images = [Image.fromarray(s) for s in scenes(7)]
    (tmp_path / "in").mkdir()
    images[0].save(
        tmp_path / "in" / name, save_all=True, append_images=images[1:], duration=50, loop=0, **options
    )
    task = Invert()
    summary, _ = do([tmp_path / "in"], tmp_path / "out", task)
    assert (summary.done, summary.pixels) == (1, 7 * 32 * 24)
    made = list(frames(tmp_path / "out" / name))
    assert len(made) == 7
    assert task.followed == list(range(7))
    for picture, scene in zip(made, scenes(7), strict=True):
        assert np.abs(picture.pixels.astype(int) - (255 - scene.astype(int))).max() <= 8
    assert all(p.ride.save.get("duration", 50) == 50 for p in made)


def test_an_animation_in_a_format_of_stills_gives_its_first_frame_and_says_so(tmp_path: Path) -> None:
    images = [Image.fromarray(s) for s in scenes(3)]
    (tmp_path / "in").mkdir()
    images[0].save(tmp_path / "in" / "a.webp", save_all=True, append_images=images[1:], lossless=True)
    summary, events = do([tmp_path / "in"], tmp_path / "out", plan={"format": "jpg"}, format="jpg")
    assert summary.done == 1
    assert "further frames" in item_of(events).lost
    assert (tmp_path / "out" / "a.jpg").exists()


def test_stills_do_not_load_the_film_library(photos: Path, tmp_path: Path) -> None:
    import subprocess

    code = "import sys, pixcli.engine; sys.exit('av' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def manifest(kind: str) -> list[Any]:
    if not DATA:
        return []
    rows = json.loads((Path(DATA) / "inputs" / kind / "manifest.json").read_text())["files"]
    return [row for row in rows if row["file"].startswith("film/")]


def videos() -> list[Any]:
    """Longer ones: half a minute each."""
    names = sorted(p.name for p in (Path(DATA or "") / "data/videos").glob("*.m*[4v]")) if DATA else []
    rows = [{"folder": "data/videos", "file": name} for name in names]
    return [pytest.param(row, marks=pytest.mark.slow) for row in rows]


@needs_data
@pytest.mark.parametrize("row", manifest("good") + videos(), ids=lambda row: row["file"])
def test_every_good_film_is_done_in_segments(tmp_path: Path, row: Any) -> None:
    """The picture is another, its frames and their times are not, nor is the sound."""
    source = Path(DATA or "") / row.get("folder", "inputs/good") / row["file"]
    if kind_of(source) != "film":
        pytest.skip("an animation, not a film")
    task = Invert()
    how = {"plan": {"suffix_of": lambda path, kind: output_suffix(path.suffix)}, "segment": 8}
    summary, events = do([source], tmp_path / "out", task, **how)
    assert (summary.done, summary.exit_code) == (1, 0), item_of(events)
    if "expect" in row:
        assert task.followed == list(range(row["expect"]["frames"]))
    (made,) = item_of(events).outputs
    with FilmReader(source) as film:
        before = [(f.pts - film.origin) * f.time_base for f in film]
    with FilmReader(made) as film:
        assert [f.pts * f.time_base for f in film] == before
        assert film.faults() == []
    lost = {"interlacing", "12-bit", "avi container", "ts container", "flv container"}
    assert set(item_of(events).lost) <= lost
    assert sound(Path(made)) == sound(source)


def sound(path: Path) -> list[list[bytes]]:
    found: dict[int, list[bytes]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size and packet.stream.type == "audio":
                found.setdefault(packet.stream.index, []).append(bytes(packet))
    return list(found.values())


@needs_data
@pytest.mark.parametrize("row", manifest("bad"), ids=lambda row: row["file"])
def test_every_bad_film_is_failed_with_what_it_gave_or_nothing(tmp_path: Path, row: Any) -> None:
    source = Path(DATA or "") / "inputs/bad" / row["file"]
    summary, events = do([source], tmp_path / "out", segment=8)
    if row["expect"] == "either":
        assert summary.done + summary.failed == 1
        return
    assert (summary.done, summary.failed) == (0, 1)
    items = [e.item for e in events if e.item is not None]
    assert len(items) == 1
    assert len(items[0].text.splitlines()) == 1
    assert bool(items[0].outputs) == (row["expect"] == "lenient")
    for path in items[0].outputs:
        with FilmReader(path) as film:
            assert len(list(film)) > 4
            assert film.faults() == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
@pytest.mark.parametrize("segment", [None, 100])
def test_memory_does_not_grow_with_the_length_of_a_film(tmp_path: Path, segment: int | None) -> None:
    source = film(tmp_path / "in" / "a.mp4", 1500)
    seen: list[int] = []

    def look(samples: Sequence[Sample]) -> None:
        text = Path("/proc/self/status").read_text()
        seen.append(int(text.partition("VmRSS:")[2].split()[0]))

    assert do([source], tmp_path / "out", Invert(look), segment=segment, memory=2_000_000)[0].done == 1
    third = len(seen) // 3
    assert max(seen[2 * third :]) <= 1.05 * max(seen[third : 2 * third])
