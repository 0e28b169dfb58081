"""Long films in segments: joined without a seam, and gone on with after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from folders import film, times
from standin import Invert, do

from pixcli.errors import OutputError
from pixcli.media import FilmReader
from pixcli.tasks import Sample

COUNT, LENGTH = 50, 16  # three segments and a short one


class Drift(Invert):
    """A task whose every frame depends on all before it."""

    def follow(self, memory: Any, sample: Sample, answer: Any) -> tuple[Any, Any]:
        import torch

        answer, count = super().follow(None if memory is None else memory[:1], sample, answer)
        mean = torch.from_numpy(answer.astype(np.float32))
        mean = mean if memory is None else memory[1] * 0.9 + mean * 0.1
        return mean.numpy().round().astype(np.uint8), (*count, mean)


class Power(BaseException):
    """Goes off."""


def fail_after(frames: int, fault: BaseException) -> Any:
    seen = 0

    def before(samples: Sequence[Sample]) -> None:
        nonlocal seen
        seen += len(samples)
        if seen > frames:
            raise fault

    return before


def decoded(path: Path) -> list[np.ndarray]:
    with FilmReader(path) as reader:
        return [f.picture.pixels for f in reader]


def store(out: Path) -> list[str]:
    return sorted(str(p.relative_to(out / ".pixcli/films")) for p in (out / ".pixcli/films").rglob("*"))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
def test_joined_segments_are_the_film(tmp_path: Path, suffix: str) -> None:
    source = film(
        tmp_path / "in" / f"a{suffix}", COUNT, **({"codec": "libvpx-vp9"} if suffix == ".webm" else {})
    )
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    assert do([source], whole, Drift(), crf=4)[0].done == 1
    task = Drift()
    assert do([source], parted, task, crf=4, segment=LENGTH)[0].done == 1
    assert task.followed == list(range(COUNT))
    made = parted / source.name
    assert times(made) == times(whole / source.name) == times(source)
    for a, b in zip(decoded(whole / source.name), decoded(made), strict=True):
        assert np.abs(a.astype(int) - b).max() <= 4  # of two encodings
    assert store(parted) == []
    with av.open(str(made)) as joined, av.open(str(whole / source.name)) as direct:
        for key in ("codec_tag", "extradata", "profile"):
            one, other = (getattr(f.streams.video[0].codec_context, key) for f in (joined, direct))
            assert one == other, key
        assert joined.streams.video[0].duration == direct.streams.video[0].duration
        packets = [p for p in joined.demux(video=0) if p.size]
        assert packets[0].is_keyframe
        if suffix in (".mp4", ".mov"):  # Matroska does not store them
            decoding = [p.dts for p in packets]
            assert decoding == sorted(set(decoding))
            assert all(p.dts <= p.pts for p in packets)


@pytest.mark.parametrize("stopped", [LENGTH - 1, LENGTH + 4, 2 * LENGTH, COUNT - 1])
def test_a_film_that_was_cut_short_is_gone_on_with(tmp_path: Path, stopped: int) -> None:
    """Results are the same bytes, the memory of the task included, wherever the run ended."""
    source = film(tmp_path / "in" / "a.mp4", COUNT)
    assert do([source], tmp_path / "whole", Drift(), segment=LENGTH)[0].done == 1
    out = tmp_path / "out"
    fault = OutputError("unplugged")
    assert do([source], out, Drift(fail_after(stopped, fault)), segment=LENGTH, batch=1)[0].exit_code == 6
    ready = len([name for name in store(out) if name.endswith(".safetensors")])
    assert ready <= stopped // LENGTH
    assert not (out / "a.mp4").exists()
    again = Drift()
    summary, _ = do([source], out, again, segment=LENGTH)
    assert (summary.done, summary.pixels) == (1, (COUNT - ready * LENGTH) * 32 * 24)
    assert again.followed == list(range(ready * LENGTH, COUNT))
    assert (out / "a.mp4").read_bytes() == (tmp_path / "whole" / "a.mp4").read_bytes()
    assert store(out) == []


def test_stale_segments_are_swept(tmp_path: Path) -> None:
    source, out = film(tmp_path / "in" / "a.mp4", COUNT), tmp_path / "out"
    cut = fail_after(COUNT - 2, OutputError("unplugged"))
    do([source], out, Drift(cut), segment=LENGTH, batch=1)
    assert len(store(out)) > 2
    source.unlink()
    film(source, COUNT - 10)
    task = Drift()
    assert do([source], out, task, segment=LENGTH)[0].done == 1
    assert task.followed == list(range(COUNT - 10))
    assert store(out) == []


def test_a_segment_that_is_damaged_is_no_segment(tmp_path: Path) -> None:
    source, out = film(tmp_path / "in" / "a.mp4", COUNT), tmp_path / "out"
    do([source], out, Drift(fail_after(COUNT - 2, OutputError("x"))), segment=LENGTH, batch=1)
    first = next((out / ".pixcli/films").rglob("00000.safetensors"))
    first.write_bytes(first.read_bytes()[:20])
    task = Drift()
    assert do([source], out, task, segment=LENGTH)[0].done == 1
    assert task.followed == list(range(COUNT))


def test_a_film_that_fails_leaves_no_segments(tmp_path: Path) -> None:
    from pixcli.errors import InputError

    source, out = film(tmp_path / "in" / "a.mp4", COUNT), tmp_path / "out"
    summary, _ = do([source], out, Drift(fail_after(40, InputError("not finite"))), segment=LENGTH, batch=1)
    assert summary.failed == 1
    assert store(out) == []


def test_faults_are_counted_over_the_whole_film_when_it_is_gone_on_with(tmp_path: Path) -> None:
    source = film(tmp_path / "in" / "a.mkv", COUNT)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 3 // 4])
    out = tmp_path / "out"
    do([source], out, Drift(fail_after(20, OutputError("x"))), segment=LENGTH, batch=1)
    summary, events = do([source], out, Drift(), segment=LENGTH)
    item = next(e.item for e in events if e.item is not None)
    assert (summary.failed, item.outputs) == (1, (str(out / "a.mkv"),))
    assert "ends early" in item.text
    assert LENGTH < len(times(out / "a.mkv")) < COUNT


def test_strict_keeps_a_loss_from_getting_the_name(tmp_path: Path) -> None:
    source = film(tmp_path / "in" / "a.mkv", COUNT, tags={"MY_KEY": "x"})
    seen: list[bool] = []
    for segment in (None, LENGTH):
        out = tmp_path / f"out{segment}"
        summary, events = do(
            [source], out, plan={"format": "mp4"}, format="mp4", strict=True, segment=segment
        )
        assert summary.failed == 1
        assert "tags MY_KEY" in next(e.item.text for e in events if e.item is not None)
        seen += [p.name != ".pixcli" for p in out.iterdir()]
    assert not any(seen)


def test_a_container_that_is_only_read_is_told(tmp_path: Path) -> None:
    source = film(tmp_path / "in" / "a.avi", 6, base=Fraction(1, 20))
    _, events = do([source], tmp_path / "out", plan={"suffix_of": lambda p, k: ".mkv"})
    item = next(e.item for e in events if e.item is not None)
    assert (item.status, item.lost) == ("done", ("avi container",))
    _, events = do([source], tmp_path / "mine.mkv")
    assert next(e.item.lost for e in events if e.item is not None) == ()


def test_a_film_becomes_a_folder_of_pictures_and_goes_on(tmp_path: Path) -> None:
    source, out = film(tmp_path / "in" / "a.mp4", COUNT), tmp_path / "out"
    how: dict[str, Any] = {"plan": {"as_frames": True}, "frames": True, "segment": LENGTH}
    do([source], out, Drift(fail_after(20, OutputError("x"))), batch=1, **how)
    assert not (out / "a").exists()
    task = Drift()
    summary, events = do([source], out, task, **how)
    assert (summary.done, task.followed) == (1, list(range(LENGTH, COUNT)))
    item = next(e.item for e in events if e.item is not None)
    assert item.outputs == (str(out / "a"),)
    names = sorted(p.name for p in (out / "a").iterdir())
    assert names == [f"{n:06}.png" for n in range(1, COUNT + 1)]
    assert do([source], out, **how)[0].skipped == 1
    assert store(out) == []

    shutil.copy(film(tmp_path / "short.mp4", 10), source)
    assert do([source], out, **how)[0].done == 1
    assert len(list((out / "a").iterdir())) == 10
    (out / "a" / "000003.png").unlink()
    assert do([source], out, **how)[0].done == 1
    (out / "a" / "notes.txt").write_text("mine")
    shutil.copy(film(tmp_path / "other.mp4", 12), source)
    summary, events = do([source], out, **how)
    assert summary.failed == 1
    assert (out / "a" / "notes.txt").read_text() == "mine"
    assert len(list((out / "a").iterdir())) == 11
