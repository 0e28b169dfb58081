"""FilmWriter: Pictures → a film file that keeps the source's timing, sound, subtitles, chapters and tags.

A long film may be written in parts, pictures alone, which `join` puts together without encoding them again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet

from pixcli.atomic import atomic
from pixcli.errors import InputError
from pixcli.media.film_beside import Beside, time_of
from pixcli.media.film_codec import container_of
from pixcli.media.film_encode import Encoder, in_one_line
from pixcli.media.film_read import FilmReader, open_container
from pixcli.media.film_source import FilmSource, Frame
from pixcli.media.picture import Picture

Judge = Callable[[tuple[str, ...]], None]


class FilmWriter:
    """Writes one film, whole or not at all; what is not picture in the source is copied packet for packet.

        with FilmReader(source) as film, FilmWriter(target, film, width=w, height=h) as out:
            for frame in film:
                out.write(process(frame.picture), frame)
        out.lost                                 # what the target could not take, complete after the block

    width, height: of every picture that comes, in pixels.   codec: an FFmpeg encoder ("libx264", "hevc"), by
    default the source's design or H.264.   crf, preset: as that encoder takes them.   pix_fmt: FFmpeg's name.
    The container goes by the path's suffix. More than 8 bits and alpha stay where the encoder can.
    alone: pictures and nothing else, of any stretch of the source, for `join`.   judge: called with `lost`
    when the film is complete and does not have its name yet; it never gets it when that raises.

    Raises UsageError for settings that do not fit together, OutputError where nothing can be written,
    InputError when a frame cannot be encoded, or not every frame of the source was read and written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        reader: FilmSource,
        *,
        width: int,
        height: int,
        codec: str | None = None,
        crf: int | None = None,
        preset: str | None = None,
        pix_fmt: str | None = None,
        alone: bool = False,
        judge: Judge | None = None,
    ) -> None:
        self.path, self.reader, self.alone, self.judge = Path(path), reader, alone, judge
        self._format = container_of(self.path)
        self._encoder = Encoder(
            self._format, reader, width, height, codec=codec, crf=crf, preset=preset, pix_fmt=pix_fmt
        )
        self._beside: Beside | None = None

    @property
    def frames_written(self) -> int:
        return self._encoder.frames_in

    @property
    def lost(self) -> tuple[str, ...]:
        return tuple(self._encoder.lost)

    @property
    def joinable(self) -> bool:
        """Whether parts could be joined: FFmpeg marks the alpha of VP9 only where it encodes it."""
        return not (self._encoder.keeps_alpha and self._encoder.codec.name.startswith("libvpx"))

    def __enter__(self) -> FilmWriter:
        with ExitStack() as stack:
            self._temp = stack.enter_context(atomic(self.path))
            self._out = _open(self._temp, self._format, self.reader)
            stack.callback(_abandon, self._out)
            video = self._encoder.add_to(self._out)
            if isinstance(self.reader, FilmReader) and not self.alone:
                self._beside = stack.enter_context(Beside(self.reader, self._out, video, self._encoder.lose))
            self._encoder.start(self._out)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        except BaseException as fault:
            kind, error, trace = type(fault), fault, fault.__traceback__
            raise
        finally:
            self._stack.__exit__(kind, error, trace)

    def write(self, picture: Picture, frame: Frame) -> None:
        """Encode `picture` at the time of `frame`, the one of the reader that it was made from.

        picture: (height, width, 1 or 3) uint8, uint16 or float32.
        """
        self._mux(self._encoder.encode(picture, frame))

    def _mux(self, packets: Iterator[Packet[Any]]) -> None:
        for packet in packets:
            if self._beside is not None:
                self._beside.up_to(time_of(packet))
            with in_one_line(f"frame {self.frames_written} cannot be written"):
                self._out.mux_one(packet)

    def _finish(self) -> None:
        self._mux(self._encoder.rest())
        with in_one_line("the film cannot be completed"):
            if self._beside is not None:
                self._beside.up_to(None)
            self._out.close()
        written, encoded = self.frames_written, self._encoder.packets_out
        if written != encoded:
            raise InputError(f"{written} frames were written and {encoded} encoded")
        if not self.alone:
            _check_all(self.reader, written)
        if self._beside is not None:
            self._beside.compare(self._temp)
        if self.judge is not None:
            self.judge(self.lost)


def join(
    parts: Sequence[Path], path: str | os.PathLike[str], reader: FilmSource, judge: Judge | None = None
) -> tuple[str, ...]:
    """One film of parts that a FilmWriter wrote `alone`, in order, with all that lies beside the picture in
    `reader`, which must have been read to its end. Packets are copied, not encoded again.

    Returns what the container could not take. judge, and what is raised: as of FilmWriter; also InputError
    when the parts do not hold as many frames as were read, or do not fit together.
    """
    lost: dict[str, None] = {}
    container = container_of(Path(path))
    with ExitStack() as stack:
        temp = stack.enter_context(atomic(path))
        out = _open(temp, container, reader)
        stack.callback(_abandon, out)
        first = stack.enter_context(open_container(parts[0]))
        template = first.streams.video[0]
        video = out.add_stream_from_template(template, opaque=True)
        video.time_base = reader.time_base
        if template.metadata.get("alpha_mode"):
            video.metadata["alpha_mode"] = template.metadata["alpha_mode"]
        beside = None
        if isinstance(reader, FilmReader):
            beside = stack.enter_context(Beside(reader, out, video, lambda what: lost.update({what: None})))
        count = 0
        with in_one_line("the parts of the film cannot be joined"):
            out.start_encoding()
            for packet in _in_order(parts, template.codec_context.extradata):
                if beside is not None:
                    beside.up_to(time_of(packet))
                packet.stream = video
                out.mux_one(packet)
                count += 1
            if beside is not None:
                beside.up_to(None)
            out.close()
        _check_all(reader, count)
        if beside is not None:
            beside.compare(temp)
        if judge is not None:
            judge(tuple(lost))
    return tuple(lost)


def _in_order(parts: Sequence[Path], headers: bytes | None) -> Iterator[Packet[Any]]:
    """The packets of all parts. Their decoding times are made anew over the whole film, by the rule that
    encoders follow: the n-th packet is decoded when the (n - delay)-th picture is shown.
    """
    shown = [packet.pts or 0 for part in parts for packet in _packets_of(part, headers)]
    order = sorted(shown)
    rank = {pts: n for n, pts in enumerate(order)}
    delay = max(n - rank[pts] for n, pts in enumerate(shown))
    n = 0
    for part in parts:
        for packet in _packets_of(part):
            packet.dts = order[n - delay] if n >= delay else order[n] - (order[delay] - order[0])
            n += 1
            yield packet


def _packets_of(part: Path, headers: bytes | None = None) -> Iterator[Packet[Any]]:
    with open_container(part) as container:
        video = container.streams.video[0]
        if headers is not None and video.codec_context.extradata != headers:
            raise InputError("the parts of the film were encoded in different ways", "--force begins anew")
        for packet in container.demux(video):
            if packet.size:
                yield packet


def _check_all(reader: FilmSource, written: int) -> None:
    if not reader.at_end:
        raise InputError(f"stopped after {reader.frames_read} frames, before the film's end")
    if reader.frames_read != written:
        raise InputError(f"{reader.frames_read} frames were read, {written} written")


def _open(temp: Path, container: str, reader: FilmSource) -> OutputContainer:
    options = {}
    if container in ("mp4", "mov"):
        # a late start is noted in these units: milliseconds by default, too coarse for exact times
        ticks = reader.time_base.denominator
        options = {"movflags": "+faststart", "movie_timescale": str(ticks * -(-1000 // ticks))}
        if any(key.startswith("com.") for key in reader.metadata):  # telephones: place, make, model
            options["movflags"] += "+use_metadata_tags"
    return av.open("file:" + os.fspath(temp), "w", format=container, container_options=options)


def _abandon(out: OutputContainer) -> None:
    """Close a film that will not be kept, or is closed already."""
    with suppress(OSError, av.FFmpegError):
        out.close()
