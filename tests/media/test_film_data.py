"""The collections of films, good and bad, where PIXCLI_DATA names the folder that holds them."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest

from pixcli.errors import InputError
from pixcli.media.film import FilmReader, output_suffix

from .films import (
    DATA,
    copy,
    needs_data,
    others,
)


def all_films() -> list[Path]:
    if not DATA:
        return []
    folders = (Path(DATA) / "inputs/good/film", Path(DATA) / "data/videos")
    return sorted(p for folder in folders for p in folder.iterdir() if p.suffix not in (".md", ".json"))


@needs_data
@pytest.mark.parametrize("source", all_films(), ids=lambda p: p.name)
def test_every_good_film_survives(tmp_path: Path, source: Path) -> None:
    target = tmp_path / f"b{output_suffix(source.suffix)}"
    out = copy(source, target)
    with FilmReader(source) as film:
        before = [((f.pts - film.origin) * f.time_base, f.picture.pixels.shape) for f in film]
        assert film.faults() == []
    with FilmReader(target) as film:
        after = [(f.pts * f.time_base, f.picture.pixels.shape) for f in film]
        assert film.faults() == []
    assert after == before
    assert others(target) == others(source)
    assert set(out.lost) <= {"interlacing", "12-bit"}
    with av.open(str(source)) as a, av.open(str(target)) as b:
        assert len(a.chapters()) == len(b.chapters())


def manifest(kind: str) -> list[dict]:
    if not DATA:
        return []
    rows = json.loads((Path(DATA) / "inputs" / kind / "manifest.json").read_text())["files"]
    return [row for row in rows if row["file"].startswith("film/")]


@needs_data
@pytest.mark.parametrize("row", manifest("good"), ids=lambda r: r["file"])
def test_good_films_are_as_their_manifest_says(row: dict) -> None:
    with FilmReader(Path(DATA or "") / "inputs/good" / row["file"]) as film:
        frames = list(film)
        assert [film.width, film.height] == row["expect"]["size"]
        assert film.bits == row["expect"]["bits"]
        assert film.has_audio == bool(row["expect"]["audio"])
        assert film.interlaced == row["interlaced"]
    assert len(frames) == row["expect"]["frames"]
    assert frames[-1].seconds == pytest.approx(row["last_s"], abs=0.001)
    if row["first_s"] is not None:
        assert frames[0].seconds == pytest.approx(row["first_s"], abs=0.001)
    assert (frames[0].picture.alpha is not None) == row["expect"]["alpha"]


@needs_data
@pytest.mark.parametrize("row", manifest("bad"), ids=lambda r: r["file"])
def test_bad_films_are_refused_or_told(row: dict) -> None:
    path = Path(DATA or "") / "inputs/bad" / row["file"]
    try:
        with FilmReader(path) as film:
            frames = list(film)
            faults = film.faults()
    except InputError:
        assert row["expect"] != "lenient"
        return
    assert row["expect"] != "refuse"
    assert frames
    assert bool(faults) == bool(row.get("warn", row["expect"] == "lenient"))
