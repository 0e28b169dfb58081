"""Films that are written keep times, sizes, depth, colours and alpha."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pixcli.errors import UsageError
from pixcli.media.film import FilmReader, FilmWriter, output_suffix
from pixcli.media.picture import Picture

from .films import (
    STEADY,
    copy,
    error_of,
    make_film,
    others,
    pictures,
    scene,
    temporary,
    times,
)


def test_timing_sound_and_title_are_kept(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", audio="aac")
    out = copy(source, tmp_path / "b.mp4")
    assert out.lost == ()
    assert times(tmp_path / "b.mp4") == times(source)
    assert others(tmp_path / "b.mp4") == others(source)
    assert len(others(source)[0][1]) > 15
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert made.metadata["title"] == "Prüffilm"
        assert next(p.pts for p in made.demux(audio=0)) == -1024
    assert error_of(pictures(source)[3], pictures(tmp_path / "b.mp4")[3]) < 3
    assert temporary(tmp_path) == []


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_variable_rates_stay_exact(tmp_path: Path, suffix: str) -> None:
    pts = [0, 100, 200, 240, 281, 320, 1000, 1001, 1700]
    source = make_film(tmp_path / "a.mkv", pts=pts, base=Fraction(1, 1000))
    copy(source, tmp_path / ("b" + suffix))
    assert times(tmp_path / ("b" + suffix)) == [Fraction(t, 1000) for t in pts]


def test_ntsc_times_are_exact_in_mp4(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", pts=range(12), base=Fraction(1001, 30000))
    copy(source, tmp_path / "b.mp4")
    assert times(tmp_path / "b.mp4") == [n * Fraction(1001, 30000) for n in range(12)]


def test_a_broadcast_clock_starts_at_nought(tmp_path: Path) -> None:
    source = make_film(
        tmp_path / "a.ts", audio="mp2", pts=range(0, 36000, 3600), base=Fraction(1, 90000), container="mpegts"
    )
    copy(source, tmp_path / "b.mp4")
    with FilmReader(tmp_path / "b.mp4") as made:
        first = next(iter(made))
        assert made.origin == 0
        assert first.seconds < 0.2
    assert times(tmp_path / "b.mp4") == times(source)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        (".mp4", None, "yuv444p"),
        (".mp4", "libx265", "yuv444p"),
        (".webm", None, "yuv420p"),
        (".mkv", "ffv1", "yuv420p"),
        (".mp4", "libsvtav1", "yuv420p"),
    ],
)
def test_odd_sizes_stay(tmp_path: Path, suffix: str, codec: str | None, pix_fmt: str) -> None:
    source = make_film(tmp_path / "a.mkv", size=(81, 61), codec="ffv1", options={}, pts=STEADY[:4])
    target = tmp_path / ("b" + suffix)
    copy(source, target, codec=codec or ("libx264" if suffix == ".mp4" else None))
    with FilmReader(target) as film:
        assert (film.width, film.height, film.pixel_format.name) == (81, 61, pix_fmt)
        assert len(list(film)) == 4
    assert error_of(pictures(source)[2], pictures(target)[2]) < 4


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_ten_bits_stay_ten(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None, :, None].repeat(48, 0).repeat(3, 2)
    source = make_film(
        tmp_path / "a.mp4",
        codec="libx264",
        pix_fmt="yuv420p10le",
        frames=[ramp] * 4,
        pts=STEADY[:4],
        options={"crf": "0"},
    )
    out = copy(source, tmp_path / ("b" + suffix), crf=4)
    with FilmReader(tmp_path / ("b" + suffix)) as film:
        assert film.bits == 10
        pixels = next(iter(film)).picture.pixels
    assert out.lost == ()
    assert pixels.dtype == np.uint16
    assert np.abs(pixels.astype(int) - pictures(source)[0].pixels).mean() < 400
    assert len(np.unique(pixels)) > 60


def test_what_is_lossless_stays_so(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mkv", codec="ffv1", pix_fmt="yuv420p", options={})
    copy(source, tmp_path / "b.mkv")
    with av.open(str(source)) as a, av.open(str(tmp_path / "b.mkv")) as b:
        for before, after in zip(a.decode(video=0), b.decode(video=0), strict=True):
            difference = np.abs(before.to_ndarray().astype(int) - after.to_ndarray())[:48]
            assert difference.mean() < 0.6  # hard edges between saturated colours leave the range of RGB


def test_alpha_stays_where_the_codec_can(tmp_path: Path) -> None:
    cover = (np.mgrid[:48, :64][1] * 4).astype(np.uint8)
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as out:
        video = out.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuva444p"
        for n in range(3):
            rgba = np.dstack((scene(64, 48, n), cover))
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="yuva444p")
            frame.pts = n
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    for suffix, lost in ((".webm", ()), (".mov", ()), (".mkv", ()), (".mp4", ("alpha",))):
        out = copy(source, tmp_path / ("b" + suffix))
        assert out.lost == lost, suffix
        alpha = pictures(tmp_path / ("b" + suffix))[1].alpha
        if lost:
            assert alpha is None
        else:
            assert alpha is not None
            assert np.abs(alpha / alpha.max() * 252 - cover).mean() < 4, suffix


def test_larger_pictures_keep_the_shape_of_their_pixels(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", aspect=Fraction(16, 11))
    copy(source, tmp_path / "b.mp4", scale=3)
    with FilmReader(tmp_path / "b.mp4") as film:
        assert (film.width, film.height, film.sample_aspect) == (192, 144, Fraction(16, 11))
    turned = make_film(tmp_path / "c.mp4", aspect=Fraction(16, 11), turn=(90, False, False))
    copy(turned, tmp_path / "d.mp4")
    with FilmReader(tmp_path / "d.mp4") as film:
        assert (film.width, film.height, film.sample_aspect) == (48, 64, Fraction(11, 16))


@pytest.mark.parametrize(("bits", "pixels"), [(8, np.uint8), (8, np.uint16), (8, np.float32), (10, np.uint8)])
def test_pictures_of_any_depth_and_grey_can_be_written(tmp_path: Path, bits: int, pixels: type) -> None:
    source = make_film(tmp_path / "a.mp4", pix_fmt="yuv420p" if bits == 8 else "yuv420p10le", pts=STEADY[:3])
    peak = 1.0 if pixels is np.float32 else np.iinfo(pixels).max
    grey = np.full((48, 64, 1), peak * 0.5).astype(pixels)
    with FilmReader(source) as film, FilmWriter(tmp_path / "b.mp4", film, width=64, height=48) as out:
        for frame in film:
            out.write(Picture(grey), frame)
    made = pictures(tmp_path / "b.mp4")[1]
    assert np.abs(made.pixels / made.peak - 0.5).max() < 0.01


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("b.avi", {}, r"\.avi"),
        ("b", {}, "suffix"),
        ("b.mp4", {"codec": "nonsense"}, "nonsense"),
        ("b.mp4", {"codec": "aac"}, "aac"),
        ("b.webm", {"codec": "libx264"}, "cannot hold"),
        ("b.mkv", {"codec": "ffv1", "crf": 20}, "has no crf"),
        ("b.mp4", {"pix_fmt": "yuv999"}, "yuv999"),
        ("b.mp4", {"preset": "nonsense"}, "refuses"),
    ],
)
def test_settings_that_do_not_fit_are_a_usage_error(
    tmp_path: Path, name: str, settings: dict[str, object], words: str
) -> None:
    source = make_film(tmp_path / "a.mp4")
    with pytest.raises(UsageError, match=words):
        copy(source, tmp_path / name, **settings)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]


def test_halved_chroma_needs_even_sides(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mkv", size=(81, 61), codec="ffv1", options={}, pts=STEADY[:3])
    with pytest.raises(UsageError, match="even"):
        copy(source, tmp_path / "b.mp4", codec="libx264", pix_fmt="yuv420p")


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("libx264", ".mp4"),
        ("libx265", ".mp4"),
        ("libsvtav1", ".mp4"),
        ("libvpx-vp9", ".webm"),
        ("prores_ks", ".mov"),
        ("ffv1", ".mkv"),
        ("mpeg4", ".mkv"),
    ],
)
def test_encoders_say_nothing(
    tmp_path: Path, codec: str, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source = make_film(tmp_path / "a.mp4")
    copy(source, tmp_path / ("b" + suffix), codec=codec)
    assert capfd.readouterr() == ("", "")
    assert times(tmp_path / ("b" + suffix)) == times(source)
    assert error_of(pictures(source)[2], pictures(tmp_path / ("b" + suffix))[2]) < 6


def test_the_source_design_is_followed(tmp_path: Path) -> None:
    for codec, suffix, expected in (
        ("libx265", ".mp4", "hevc"),
        ("libx265", ".webm", "vp9"),
        ("ffv1", ".mkv", "ffv1"),
        ("ffv1", ".mp4", "h264"),
    ):
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        source = make_film(tmp_path / "a.mkv", codec=codec, options=options, pts=STEADY[:3])
        copy(source, tmp_path / ("b" + suffix))
        with FilmReader(tmp_path / ("b" + suffix)) as film:
            assert film.codec == expected


def test_output_suffixes() -> None:
    assert [output_suffix(s) for s in (".MP4", ".mov", ".mkv", ".webm", ".m4v")] == [
        ".mp4",
        ".mov",
        ".mkv",
        ".webm",
        ".m4v",
    ]
    assert [output_suffix(s) for s in (".avi", ".ts", ".gif", ".flv", "")] == [
        ".mkv",
        ".mp4",
        ".mp4",
        ".mp4",
        ".mp4",
    ]
