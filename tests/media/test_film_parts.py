"""A stretch of a film, each nth of its frames, and films that are written in parts and joined."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from pixcli.errors import InputError
from pixcli.media.film import FilmReader, FilmWriter, Part, join

from .films import STEADY, make_film, others, pictures, rich, times

LONG = tuple(range(0, 100 * 512, 512))  # four seconds


def stamps(path: Path, part: Part) -> list[Fraction]:
    with FilmReader(path, part=part) as film:
        found = [(frame.pts - film.origin) * frame.time_base for frame in film]
        assert film.faults() == []
        assert abs(film.frame_count_hint - len(found)) <= 1
    return found


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
@pytest.mark.parametrize(("start", "end"), [("0", "1"), ("1.3", None), ("1.3", "2.02"), ("3.9", "9")])
@pytest.mark.parametrize("every", [1, 3])
def test_a_part_has_the_frames_of_its_time(
    tmp_path: Path, suffix: str, start: str, end: str | None, every: int
) -> None:
    options = {"crf": "12", "preset": "veryfast", "g": "30"}  # with B-frames, and few places to jump to
    source = make_film(
        tmp_path / f"a{suffix}", pts=LONG, options=options, container="mpegts" if suffix == ".ts" else None
    )
    part = Part(Fraction(start), None if end is None else Fraction(end), every)
    whole = times(source)
    wanted = [t for t in whole if part.start <= t and (part.end is None or t < part.end)]
    shift = wanted[0] if part.start else 0
    assert stamps(source, part) == [t - shift for t in wanted[::every]]
    with FilmReader(source, part=part) as film:
        first = next(iter(film)).picture
    expected = pictures(source)[whole.index(wanted[0])]
    assert (first.pixels == expected.pixels).all()


def test_a_part_that_has_no_frame_is_a_line(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"no frame between 5 s and the end .*0.4 s long"):
        FilmReader(source, part=Part(Fraction(5)))


def test_the_end_of_a_part_is_no_damage_and_a_missing_end_is(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mkv", pts=LONG, audio="aac")
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    assert times(source)[-1] > Fraction(1, 4)
    with FilmReader(source, part=Part(end=Fraction(1, 5))) as film:
        assert list(film)
        assert film.faults() == []
    with FilmReader(source, part=Part(Fraction(1, 5))) as film:
        assert list(film)
        assert "ends early" in film.faults()[0]


def test_each_nth_frame_stands_for_those_after_it(tmp_path: Path) -> None:
    pts = [0, 100, 200, 240, 281, 320, 1000]
    source = make_film(tmp_path / "a.mkv", pts=pts, base=Fraction(1, 1000))
    with FilmReader(source, part=Part(every=3)) as film:
        shown = [(frame.pts, frame.duration) for frame in film]
    assert [t for t, _ in shown] == [0, 240, 1000]
    assert [d for _, d in shown[:2]] == [240, 760]


@pytest.mark.parametrize("count", [0, 4, 9, 10])
def test_frames_that_are_skipped_count_and_change_nothing(tmp_path: Path, count: int) -> None:
    source = make_film(tmp_path / "a.mp4")
    with FilmReader(source) as film:
        film.skip(count)
        rest = [frame.picture.pixels for frame in film]
        assert (film.frames_read, film.at_end) == (10, True)
    assert all((a == b.pixels).all() for a, b in zip(rest, pictures(source)[count:], strict=True))


def in_parts(source: Path, target: Path, sizes: Sequence[int], **settings: object) -> tuple[str, ...]:
    parts = []
    with FilmReader(source) as film:
        frames = iter(film)
        for n, size in enumerate(sizes):
            parts.append(target.with_name(f"part{n}{target.suffix}"))
            with FilmWriter(
                parts[-1],
                film,
                width=film.width,
                height=film.height,
                alone=True,
                **settings,  # type: ignore[arg-type]
            ) as out:
                for frame in islice(frames, size):
                    out.write(frame.picture, frame)
        assert next(frames, None) is None
        return join(parts, target, film)


PTS = [0, 100, 200, 240, 281, 320, 1000, 1001, 1700, 1702, 1800, 3000, 3010]


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "libx264"), (".mp4", "libx265"), (".mp4", "libsvtav1"), (".mov", "prores_ks"),
        (".mkv", "libx264"), (".mkv", "ffv1"), (".webm", "libvpx-vp9"), (".mp4", "mpeg4"),
    ],
)  # fmt: skip
def test_parts_join_without_a_seam(tmp_path: Path, suffix: str, codec: str) -> None:
    audio = "libopus" if suffix == ".webm" else "aac"
    source = make_film(tmp_path / "a.mkv", pts=PTS, base=Fraction(1, 1000), audio=audio)
    target = tmp_path / f"b{suffix}"
    assert in_parts(source, target, (5, 4, 4), codec=codec) == ()
    assert times(target) == [Fraction(t, 1000) for t in PTS]
    assert others(target) == others(source)
    apart = [p for n in range(3) for p in pictures(tmp_path / f"part{n}{suffix}")]
    for one, other in zip(apart, pictures(target), strict=True):
        assert (one.pixels == other.pixels).all()


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "mpeg4"])
@pytest.mark.parametrize("last", [1, 2, 3, 4])
def test_a_short_last_part_is_one_as_well(tmp_path: Path, codec: str, last: int) -> None:
    source = make_film(tmp_path / "a.mp4", pix_fmt="yuv420p10le", pts=STEADY[: 5 + last])
    in_parts(source, tmp_path / "b.mp4", (5, last), codec=codec)
    assert times(tmp_path / "b.mp4") == times(source)


def test_a_joined_film_has_all_that_lies_beside_the_picture(tmp_path: Path) -> None:
    source, target = rich(tmp_path), tmp_path / "b.mkv"
    assert in_parts(source, target, (6, 4)) == ()
    assert others(target) == others(source)
    with av.open(str(source)) as a, av.open(str(target)) as b:
        assert [c["metadata"] for c in a.chapters()] == [c["metadata"] for c in b.chapters()]
        assert b.metadata["title"] == a.metadata["title"]
    assert in_parts(source, tmp_path / "c.mp4", (6, 4)) == ("subtitles (srt)", "attachment (font.txt)")


def test_a_joined_film_keeps_aspect_colours_and_start(tmp_path: Path) -> None:
    source = make_film(
        tmp_path / "a.mp4", aspect=Fraction(16, 11), matrix=1, full=True, pts=[t + 3000 for t in STEADY]
    )
    in_parts(source, tmp_path / "b.mp4", (5, 5))
    assert times(tmp_path / "b.mp4") == times(source)
    with av.open(str(tmp_path / "b.mp4")) as made:
        frame = next(made.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 2)
        assert made.streams.video[0].sample_aspect_ratio == Fraction(16, 11)


def test_alpha_outlives_the_joining(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as out:
        video = out.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuva444p"
        for n in range(4):
            rgba = np.full((48, 64, 4), 60 * n, np.uint8)
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="yuva444p")
            frame.pts = n
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    with FilmReader(source) as film:
        assert not FilmWriter(tmp_path / "b.webm", film, width=64, height=48).joinable
    for suffix in (".mov", ".mkv"):
        in_parts(source, tmp_path / f"b{suffix}", (2, 2))
        made = [p.alpha for p in pictures(tmp_path / f"b{suffix}")]
        assert all(a is not None for a in made), suffix
        assert [
            round(float(a.mean() / (257 if a.dtype == np.uint16 else 1)) / 60) for a in made if a is not None
        ] == [*range(4)]


def test_parts_that_do_not_belong_together_are_no_film(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4")
    in_parts(source, tmp_path / "b.mp4", (5, 5))
    with FilmReader(source) as film:
        assert len(list(film)) == 10
        with pytest.raises(InputError, match="10 frames were read, 5 written"):
            join([tmp_path / "part0.mp4"], tmp_path / "c.mp4", film)
    in_parts(source, tmp_path / "d.mp4", (10,), codec="libx265")
    with FilmReader(source) as film:
        film.skip(10)
        list(film)
        with pytest.raises(InputError, match="different ways"):
            join([tmp_path / "b.mp4", tmp_path / "d.mp4"], tmp_path / "c.mp4", film)
    assert not (tmp_path / "c.mp4").exists()
