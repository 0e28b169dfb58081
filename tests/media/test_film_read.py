"""Films are read upright, at their times, in their colours; what is no film is refused."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pixcli.errors import InputError
from pixcli.media.film import FilmReader, FilmWriter

from .films import (
    CORNERS,
    STEADY,
    copy,
    make_film,
    pictures,
    times,
)


def test_reader_tells_what_the_film_is(tmp_path: Path) -> None:
    with FilmReader(make_film(tmp_path / "a.mp4", audio="aac")) as film:
        assert (film.width, film.height, film.frame_rate, film.frame_count_hint) == (64, 48, 25, 10)
        assert film.has_audio
        assert film.duration == pytest.approx(0.4)
        assert film.bits == 8
        frames = list(film)
        assert film.faults() == []
    assert [f.pts for f in frames] == list(STEADY)
    assert all(f.time_base == Fraction(1, 12800) and f.duration == 512 for f in frames)
    first = frames[0].picture
    assert first.pixels.dtype == np.uint8
    assert first.pixels.shape == (48, 64, 3)
    assert np.abs(first.pixels[2:14, 2:20].astype(int) - CORNERS[0, 0]).max() < 12


@pytest.mark.parametrize("angle", [0, 90, 180, -90])
@pytest.mark.parametrize("flip", [False, True])
def test_pictures_are_upright(tmp_path: Path, angle: int, flip: bool) -> None:
    # the display matrix turns counterclockwise, as np.rot90 does, and then mirrors
    source = make_film(tmp_path / "a.mp4", turn=(angle, flip, False))
    with av.open(str(source)) as plain:
        stored = next(plain.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    expected = np.rot90(stored, angle // 90)[:, :: -1 if flip else 1]
    with FilmReader(source) as film:
        upright = next(iter(film)).picture.pixels
        assert (film.height, film.width) == expected.shape[:2] == upright.shape[:2]
    assert np.abs(upright - expected).mean() < 4
    copy(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as made:
        frame = next(made.decode(video=0))
        assert frame.rotation == 0
        assert (frame.width, frame.height) == (film.width, film.height)


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("full", [False, True])
def test_matrix_and_range_are_honoured_both_ways(tmp_path: Path, matrix: int, full: bool) -> None:
    kr, kb = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    rgb = np.array([180.0, 90.0, 40.0]) / 255
    luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2]
    chroma = np.array([(rgb[2] - luma) / (2 - 2 * kb), (rgb[0] - luma) / (2 - 2 * kr)])
    stored = np.rint(
        [255 * luma, *(128 + 255 * chroma)] if full else [16 + 219 * luma, *(128 + 224 * chroma)]
    )
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as out:
        video = out.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv444p"
        video.codec_context.colorspace, video.codec_context.color_range = matrix, 2 if full else 1
        planes = np.broadcast_to(stored.astype(np.uint8)[:, None, None], (3, 32, 32))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv444p")
        frame.colorspace, frame.color_range = matrix, 2 if full else 1
        out.mux(video.encode(frame))
        out.mux(video.encode(None))
    assert np.abs(pictures(source)[0].pixels - rgb * 255).max() <= 2
    copy(source, tmp_path / "b.mkv")
    with av.open(str(tmp_path / "b.mkv")) as made:
        frame = next(made.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (matrix, 2 if full else 1)
        assert np.abs(frame.to_ndarray()[:, 5, 5].astype(int) - stored).max() <= 1


def test_an_untagged_film_leaves_with_the_matrix_that_players_guess(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", size=(64, 480))
    copy(source, tmp_path / "b.mp4", scale=2)
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert made.streams.video[0].codec_context.colorspace in (5, 6)


def test_an_empty_or_foreign_file_is_refused(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4").read_bytes()
    bad = {
        "zero.mp4": b"",
        "text.mp4": b"hello\n" * 100,
        "no_moov.mp4": film[: len(film) // 2],
        "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\na.mp4\n",
        "concat.mp4": b"ffconcat version 1.0\nfile a.mp4\n",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            FilmReader(tmp_path / name)
    with pytest.raises(InputError, match="regular"):
        FilmReader(tmp_path)
    with pytest.raises(FileNotFoundError):
        FilmReader(tmp_path / "none.mp4")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputError, match="regular"):
        FilmReader(tmp_path / "pipe.mp4")


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        sound = out.add_stream("aac", rate=48000)
        chunk = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
        chunk.sample_rate = 48000
        out.mux(sound.encode(chunk))
        out.mux(sound.encode(None))
    with pytest.raises(InputError, match="no video"):
        FilmReader(tmp_path / "a.mp4")


def test_a_film_above_the_pixel_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="limit"):
        FilmReader(make_film(tmp_path / "a.mp4"), max_pixels=1000)


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "-x.mp4", "%03d.mp4", "x\ny.mp4", "http:x.mp4", "ü 🎞.mp4", os.fsdecode(b"\xff.mp4")]
)
def test_odd_names_are_only_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make_film(tmp_path / "plain.mp4")
    monkeypatch.chdir(tmp_path)
    try:
        plain.rename(name)
    except OSError:
        pytest.skip("this file system refuses the name")
    copy(Path(name), Path("out") / name)
    assert times(Path("out") / name) == times(Path(name))


def test_a_film_that_ends_early_is_noticed(tmp_path: Path) -> None:
    long = tuple(range(0, 100 * 512, 512))
    for name in ("a.mkv", "b.mp4"):
        options = {"crf": "1", "preset": "ultrafast", "movflags": "+faststart"}
        whole = make_film(tmp_path / name, pts=long, audio="aac", options=options)
        if whole.suffix == ".mp4":
            with (
                av.open(str(whole)) as container,
                av.open(str(tmp_path / "fast.mp4"), "w", options={"movflags": "faststart"}) as out,
            ):
                twin = out.add_stream_from_template(container.streams.video[0], opaque=True)
                for packet in container.demux(video=0):
                    if packet.dts is not None:
                        packet.stream = twin
                        out.mux(packet)
            whole = tmp_path / "fast.mp4"
        cut = tmp_path / ("cut" + whole.suffix)
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        with FilmReader(cut) as film:
            frames = len(list(film))
            faults = film.faults()
        assert 0 < frames < 100
        assert any("ends early" in fault for fault in faults), whole
        with FilmReader(whole) as film:
            assert len(list(film)) == 100
            assert film.faults() == []


def test_a_damaged_packet_costs_its_own_frames_and_no_more(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "g": "1", "crf": "1"}
    source = make_film(tmp_path / "a.mp4", options=options)
    with av.open(str(source)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    content = bytearray(source.read_bytes())
    start, size = places[4]
    content[start : start + size] = b"\xff" * size
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(content)
    with FilmReader(bad) as film, FilmWriter(tmp_path / "b.mp4", film, width=64, height=48) as out:
        for frame in film:
            out.write(frame.picture, frame)
        assert film.damaged + film.concealed >= 1
        assert film.faults()
    assert set(times(tmp_path / "b.mp4")) >= {t for n, t in enumerate(times(source)) if n != 4}
