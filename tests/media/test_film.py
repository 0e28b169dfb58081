"""Films: what goes in comes out, but for the pixels."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pixcli.errors import InputError, UsageError
from pixcli.media.film import FilmReader, FilmWriter, output_suffix
from pixcli.media.picture import Picture

DATA = os.environ.get("PIXCLI_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="PIXCLI_DATA does not name the larger test data")
STEADY = tuple(range(0, 10 * 512, 512))  # 25 frames a second at 1/12800
CORNERS = np.array([[[230, 26, 26], [26, 217, 38]], [[26, 51, 230], [242, 230, 26]]], np.uint8)  # RG / BY


def scene(width: int, height: int, shift: int = 0) -> np.ndarray:
    """Four coloured quarters and a grey disc that moves."""
    rows, columns = np.mgrid[:height, :width]
    pixels = CORNERS[(rows * 2 // height), (columns * 2 // width)]
    disc = (rows - height // 2) ** 2 + (columns - width // 2 - shift) ** 2 < (height // 5) ** 2
    pixels[disc] = 128
    return pixels


def make_film(
    path: Path,
    *,
    size: tuple[int, int] = (64, 48),
    pts: Sequence[int] = STEADY,
    base: Fraction = Fraction(1, 12800),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    audio: str | None = None,
    subtitles: bool = False,
    chapters: bool = False,
    attachment: bool = False,
    turn: tuple[float, bool, bool] | None = None,
    aspect: Fraction = Fraction(1),
    matrix: int = 2,
    full: bool = False,
    options: dict[str, str] | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    frames: Iterable[np.ndarray] | None = None,
) -> Path:
    options = {"crf": "12", "preset": "ultrafast"} if options is None else options
    with av.open(
        "file:" + os.fspath(path), "w", format=container, container_options=container_options
    ) as out:
        out.metadata.update({"title": "Prüffilm"} | (tags or {}))
        video = out.add_stream(codec, rate=25, options=options)
        video.width, video.height, video.pix_fmt = *size, pix_fmt
        video.codec_context.time_base = base
        video.codec_context.sample_aspect_ratio = aspect
        video.codec_context.colorspace = matrix
        video.codec_context.color_range = 2 if full else 1
        if turn is not None:
            video.set_display_rotation(turn[0], hflip=turn[1], vflip=turn[2])
        sound = out.add_stream(audio, rate=48000) if audio else None
        words = out.add_mux_stream("subrip") if subtitles else None
        if attachment:
            out.add_attachment("font.txt", "text/plain", b"not really a font")
        if chapters:
            out.set_chapters(
                [
                    {
                        "id": 1,
                        "start": 0,
                        "end": 200,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": "One"},
                    },
                    {
                        "id": 2,
                        "start": 200,
                        "end": 400,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": "Two"},
                    },
                ]
            )
        if words is not None:
            packet = av.Packet(b"a line of words")
            packet.stream, packet.pts, packet.dts, packet.duration = words, 40, 40, 200
            packet.time_base = Fraction(1, 1000)
            out.mux(packet)
        for n, time in enumerate(pts):
            pixels = scene(*size, n) if frames is None else list(frames)[n]
            frame = av.VideoFrame.from_ndarray(
                pixels, format="rgb48le" if pixels.dtype == np.uint16 else "rgb24"
            )
            frame = frame.reformat(
                format=pix_fmt,
                dst_colorspace=5 if matrix == 2 else matrix,
                dst_color_range=2 if full else 1,
                interpolation="BICUBIC",
            )
            frame.pts, frame.time_base = time, base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            for n in range(20):
                wave = (np.sin(np.arange(1024) / 9) * 9000).astype(np.int16)[None].repeat(2, 1).reshape(1, -1)
                chunk = av.AudioFrame.from_ndarray(wave, format="s16", layout="stereo")
                chunk.pts, chunk.sample_rate, chunk.time_base = n * 1024, 48000, Fraction(1, 48000)
                out.mux(sound.encode(chunk))
            out.mux(sound.encode(None))
    return path


def copy(source: Path, target: Path, scale: int = 1, **settings: object) -> FilmWriter:
    """Through reader and writer, every pixel repeated `scale` times each way."""
    with (
        FilmReader(source) as film,
        FilmWriter(target, film, width=film.width * scale, height=film.height * scale, **settings) as out,  # type: ignore[arg-type]
    ):
        for frame in film:
            pixels = frame.picture.pixels.repeat(scale, 0).repeat(scale, 1)
            alpha = frame.picture.alpha
            out.write(frame.picture.with_pixels(pixels, alpha), frame)
    return out


def times(path: Path) -> list[Fraction]:
    with FilmReader(path) as film:
        return [(frame.pts - film.origin) * frame.time_base for frame in film]


def pictures(path: Path) -> list[Picture]:
    with FilmReader(path) as film:
        return [frame.picture for frame in film]


def others(path: Path) -> list[tuple[str, list[bytes]]]:
    """Everything but the film's own video stream: kind and packets' bytes."""
    with av.open("file:" + os.fspath(path)) as container:
        own = container.streams.best("video")
        found: dict[int, tuple[str, list[bytes]]] = {
            s.index: (s.type, []) for s in container.streams if s is not own
        }
        for packet in container.demux():
            if packet.size and packet.stream.index in found:
                found[packet.stream.index][1].append(bytes(packet))
    return list(found.values())


def error_of(a: Picture, b: Picture) -> float:
    """Mean difference in 8-bit levels."""
    return float(np.abs(a.pixels / a.peak - b.pixels / b.peak).mean() * 255)


def temporary(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(".pixcli")]


# -- reading


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


# -- faults


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


# -- writing


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


def rich(folder: Path) -> Path:
    return make_film(folder / "rich.mkv", audio="libopus", subtitles=True, chapters=True, attachment=True)


def test_matroska_keeps_everything(tmp_path: Path) -> None:
    source = rich(tmp_path)
    out = copy(source, tmp_path / "b.mkv")
    assert out.lost == ()
    assert others(tmp_path / "b.mkv") == others(source)
    assert [kind for kind, _ in others(source)] == ["audio", "subtitle", "attachment"]
    with av.open(str(source)) as a, av.open(str(tmp_path / "b.mkv")) as b:
        assert [c["metadata"] for c in b.chapters()] == [{"title": "One"}, {"title": "Two"}]
        assert [(c["start"], c["end"]) for c in a.chapters()] == [
            (c["start"], c["end"]) for c in b.chapters()
        ]
        assert [p.pts for p in b.demux(subtitles=0) if p.size] == [40]
        assert b.streams.attachments[0].data == a.streams.attachments[0].data


def test_what_the_container_cannot_take_is_named(tmp_path: Path) -> None:
    out = copy(rich(tmp_path), tmp_path / "b.mp4")
    assert set(out.lost) == {"subtitles (srt)", "attachment (font.txt)"}
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert len(made.chapters()) == 2
        assert [s.type for s in made.streams if s.type != "data"] == ["video", "audio"]
    assert times(tmp_path / "b.mp4") == times(tmp_path / "rich.mkv")


def test_a_stream_that_nobody_knows_is_named(tmp_path: Path) -> None:
    source = rich(tmp_path)
    source.write_bytes(source.read_bytes().replace(b"S_TEXT/UTF8", b"S_TEXT/XXXX"))
    assert copy(source, tmp_path / "b.mkv").lost == ("subtitles",)
    assert times(tmp_path / "b.mkv") == times(source)


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


def test_tags_that_are_dropped_are_named(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mkv", tags={"MY_KEY": "x", "COMMENT": "words"})
    assert copy(source, tmp_path / "b.mkv").lost == ()
    assert copy(source, tmp_path / "b.mp4").lost == ("tags MY_KEY",)
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert made.metadata["comment"] == "words"


def test_what_telephones_write_stays(tmp_path: Path) -> None:
    tags = {"com.apple.quicktime.make": "Maker", "com.apple.quicktime.location.ISO6709": "+48.2+016.3/"}
    options = {"movflags": "use_metadata_tags"}
    source = make_film(tmp_path / "a.mov", tags=tags, container_options=options)
    assert copy(source, tmp_path / "b.mov").lost == ()
    with av.open(str(tmp_path / "b.mov")) as made:
        assert tags.items() <= made.metadata.items()
        assert made.metadata["title"] == "Prüffilm"


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_time_code_stays(tmp_path: Path, suffix: str) -> None:
    source = make_film(tmp_path / "a.mov", tags={"timecode": "01:00:00:00"})
    assert copy(source, tmp_path / ("b" + suffix)).lost == ()
    with av.open(str(tmp_path / ("b" + suffix))) as made:
        assert made.streams.video[0].metadata["TIMECODE" if suffix == ".mkv" else "timecode"] == "01:00:00:00"
        assert len(made.streams.data) == (0 if suffix == ".mkv" else 1)


def test_times_too_fine_for_the_container_are_named(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", pts=range(12), base=Fraction(1001, 30000))
    assert copy(source, tmp_path / "b.mkv").lost == ("times finer than 1/1000 s",)
    made = times(tmp_path / "b.mkv")
    assert max(abs(a - b) for a, b in zip(made, times(source), strict=True)) <= Fraction(1, 2000)


def test_cover_art_is_not_the_film_and_stays(tmp_path: Path) -> None:
    png = io.BytesIO()
    with av.open(png, "w", format="image2pipe") as out:
        video = out.add_stream("png", rate=1)
        video.width, video.height, video.pix_fmt = 32, 32, "rgb24"
        out.mux(video.encode(av.VideoFrame.from_ndarray(scene(32, 32), format="rgb24")))
        out.mux(video.encode(None))
    source = make_film(tmp_path / "plain.mp4")
    with av.open(str(source)) as plain, av.open(str(tmp_path / "a.mp4"), "w") as out:
        cover = out.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        twin = out.add_stream_from_template(plain.streams.video[0], opaque=True)
        packet = av.Packet(png.getvalue())
        packet.stream, packet.pts, packet.dts = cover, 0, 0
        out.mux(packet)
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = twin
                out.mux(packet)
    with FilmReader(tmp_path / "a.mp4") as film:
        assert film.width == 64
    assert copy(tmp_path / "a.mp4", tmp_path / "b.mp4").lost == ()
    with av.open(str(tmp_path / "b.mp4")) as made:
        pinned = [s for s in made.streams.video if s.disposition & av.stream.Disposition.attached_pic]
        assert len(pinned) == 1
        assert [bytes(p) for p in made.demux(pinned) if p.size] == [png.getvalue()]


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


def test_copied_packets_are_read_in_step_with_the_picture(tmp_path: Path) -> None:
    source = make_film(
        tmp_path / "a.mkv",
        pts=range(0, 4000, 40),
        base=Fraction(1, 1000),
        audio="libopus",
        options={"preset": "ultrafast", "tune": "zerolatency"},
    )
    with FilmReader(source) as film, FilmWriter(tmp_path / "b.mkv", film, width=64, height=48) as out:
        muxed: list[tuple[float, float]] = []
        mux = out._out.mux_one

        class Spy:
            def mux_one(self, packet: av.Packet) -> None:
                muxed.append((packet.stream.index, float(packet.dts * packet.time_base)))
                mux(packet)

            def __getattr__(self, name: str) -> object:
                return getattr(real, name)

        real, out._out = out._out, Spy()  # type: ignore[assignment]
        out._beside.out = out._out
        for frame in film:
            out.write(frame.picture, frame)
    audio_so_far = -1.0
    for stream, seconds in muxed:
        if stream:
            audio_so_far = seconds
        else:
            assert audio_so_far <= seconds + 0.001
    assert others(tmp_path / "b.mkv") == others(source)


# -- whole or not at all


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


# -- settings


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


# -- the larger data


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
