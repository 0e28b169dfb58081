"""A film that is written is whole, or not there."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pixcli.errors import InputError
from pixcli.media.film import FilmReader, FilmWriter

from .films import (
    copy,
    make_film,
    rich,
    temporary,
)


def copy_some(source: Path, target: Path, *, of: int = 10, start: int = 0, fault: bool = False) -> None:
    """Read `of` frames, write them from `start` on."""
    with FilmReader(source) as film, FilmWriter(target, film, width=64, height=48) as out:
        for n, frame in zip(range(of), film, strict=False):
            if n >= start:
                out.write(frame.picture, frame)
        if fault:
            raise RuntimeError("in the middle")


def test_a_fault_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    source, target = make_film(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="in the middle"):
        copy_some(source, target, of=5, fault=True)
    assert target.read_bytes() == b"old"
    assert temporary(tmp_path) == []


def test_fewer_frames_than_the_source_are_no_film(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="before the film's end"):
        copy_some(source, tmp_path / "b.mp4", of=6)
    with pytest.raises(InputError, match="10 frames were read, 9 written"):
        copy_some(source, tmp_path / "b.mp4", start=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]


def test_a_picture_of_another_size_is_a_mistake(tmp_path: Path) -> None:
    with (
        FilmReader(make_film(tmp_path / "a.mp4")) as film,
        pytest.raises(ValueError, match="64×48"),
        FilmWriter(tmp_path / "b.mp4", film, width=128, height=96) as out,
    ):
        out.write(next(iter(film)).picture, next(iter(film)))


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE")
@pytest.mark.parametrize("limit", [100, 20_000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_an_output_error(tmp_path: Path, limit: int, suffix: str) -> None:
    source = make_film(
        tmp_path / "a.mp4",
        pts=range(0, 60 * 512, 512),
        options={"crf": "0", "preset": "ultrafast"},
        size=(96, 64),
        frames=[np.random.default_rng(n).integers(0, 255, (64, 96, 3), np.uint8) for n in range(60)],
    )
    script = f"""
import resource, signal
from pixcli.media.film import FilmReader, FilmWriter
from pixcli.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    target = {str(tmp_path / ("b" + suffix))!r}
    with FilmReader({str(source)!r}) as film, FilmWriter(target, film, width=96, height=64) as out:
        for frame in film:
            out.write(frame.picture, frame)
except OutputError as error:
    print("told:", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert "told:" in done.stdout, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]


def test_random_damage_ends_in_a_film_or_one_line(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    sources = [rich(tmp_path), make_film(tmp_path / "a.mp4", audio="aac", turn=(90, True, False))]
    for n in range(40):
        content = bytearray(sources[n % 2].read_bytes())
        for place in random.integers(0, len(content), 20):
            content[place] = random.integers(256)
        bad = tmp_path / ("bad" + sources[n % 2].suffix)
        bad.write_bytes(content[: random.integers(len(content))] if n % 4 == 0 else content)
        with suppress(InputError):
            copy(bad, tmp_path / ("b" + bad.suffix))
    assert temporary(tmp_path) == []
