"""What is not picture in a film comes along packet for packet, or is named."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import pytest

from pixcli.media.film import FilmReader, FilmWriter

from .films import (
    copy,
    make_film,
    others,
    rich,
    scene,
    times,
)


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
