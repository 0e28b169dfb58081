"""Small films, and what can be seen of one, for the tests of films."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pixcli.media.film import FilmReader, FilmWriter
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


def rich(folder: Path) -> Path:
    return make_film(folder / "rich.mkv", audio="libopus", subtitles=True, chapters=True, attachment=True)
