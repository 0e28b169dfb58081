"""Beside: all of a film that is not picture, carried to a new file packet for packet."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from pixcli.media.film_read import FilmReader, open_container

# written anew by every muxer, or no longer true
OWN_TAGS = {"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "rotate", "software"}
OWN_TAGS |= {"bps", "number_of_frames", "number_of_bytes", "alpha_mode", "vendor_id"}


class Beside:
    """Sound, subtitles, attachments, chapters and tags of the film in `reader`, on their way to `out`.

    Of a part of a film, what lies in it; a subtitle or chapter that reaches over a border is cut off there.
    lose: called with what `out` cannot take.   To be made when `out` has its video stream and is not started.
    """

    def __init__(
        self, reader: FilmReader, out: OutputContainer, video: Stream, lose: Callable[[str], None]
    ) -> None:
        self.reader, self.out, self.lose = reader, out, lose
        self.cut = bool(reader.part.start)
        self.source = open_container(reader.path)
        try:
            own = self.source.streams[reader.stream.index]
            video.metadata.update(self._tags(own.metadata))
            video.disposition = reader.stream.disposition
            self.begun: set[int] = set()  # second videos of a part: those that have had a key frame
            self.streams = self._add_streams()
            self._carry_tags()
            self.pending = self._packets()
            self.next = next(self.pending, None)
        except BaseException:
            self.source.close()
            raise

    def __enter__(self) -> Beside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()

    def _tags(self, tags: dict[str, str]) -> dict[str, str]:
        if self.cut and any(key.casefold() == "timecode" for key in tags):
            self.lose("time code")  # it is that of the film's first frame
            tags = {k: v for k, v in tags.items() if k.casefold() != "timecode"}
        return own_tags(tags)

    def _add_streams(self) -> dict[int, Stream]:
        """Source index → output stream, of all that this container takes; the rest is lost."""
        added: dict[int, Stream] = {}
        chapters = bool(self.source.chapters())
        for stream in self.source.streams:
            if stream.index == self.reader.stream.index:
                continue
            if stream.type == "data" and (
                "timecode" in stream.metadata or (chapters and stream.name == "bin_data")
            ):
                continue  # QuickTime's tracks of time code and chapters: the muxer makes them from the tags
            if not takes(self.out.format.name, stream):
                self.lose(describe(stream))
                continue
            out = self.out.add_stream_from_template(stream, opaque=True)
            out.metadata.update(self._tags(stream.metadata))
            out.disposition = stream.disposition
            added[stream.index] = out
        return added

    def _carry_tags(self) -> None:
        reader = self.reader
        self.out.metadata.update(self._tags(self.source.metadata))
        shift = reader.origin * reader.time_base
        chapters = []
        for chapter in self.source.chapters():
            base = chapter["time_base"] or Fraction(1, 1000)
            start, end = chapter["start"] - round(shift / base), chapter["end"] - round(shift / base)
            if self.cut:
                start = max(0, start)
            if reader.until is not None:
                end = min(end, round(reader.until / base))
            if start < end or not (self.cut or reader.until is not None):
                chapters.append(chapter | {"start": start, "end": end})
        self.out.set_chapters(chapters)
        self.chapters = len(chapters)

    def _packets(self) -> Iterator[Packet[Any]]:
        """The source's other packets, on demand, with the film's own clock start taken off."""
        if not self.streams:
            return
        reader = self.reader
        part = self.cut or reader.until is not None
        packets = self.source.demux([self.source.streams[index] for index in self.streams])
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError):
                self.lose("streams copied only as far as the source can be read")
                return
            if not packet.size and packet.dts is None:
                continue  # asks a decoder to drain
            shift = round(reader.origin * reader.time_base / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            if not part or self._within(packet):
                yield packet

    def _within(self, packet: Packet[Any]) -> bool:
        """Whether a packet lies in the part; a subtitle that reaches over a border is made shorter."""
        stream, until = packet.stream, self.reader.until
        if stream.disposition & Disposition.attached_pic:
            return True
        first = packet.pts if packet.pts is not None else packet.dts
        if first is None:
            return False
        if stream.type == "subtitle":
            last = first + (packet.duration or 0)
            if self.cut and first < 0:
                first = min(0, last)
            if until is not None:
                last = min(last, int(until / packet.time_base))
            packet.pts = packet.dts = first
            packet.duration = max(0, last - first)
        if self.cut and stream.type == "video" and stream.index not in self.begun:
            if not packet.is_keyframe:
                return False
            if first >= 0:
                self.begun.add(stream.index)
        start = first * packet.time_base
        return (start >= 0 or not self.cut) and (until is None or start < until)

    def up_to(self, seconds: Fraction | None) -> None:
        """Copy packets in step with the picture, so that nobody has to hold many; None: all that are left."""
        while (packet := self.next) is not None:
            if seconds is not None and (time_of(packet) or 0) > seconds:
                return
            stream = packet.stream
            packet.stream = self.streams[stream.index]
            try:
                self.out.mux_one(packet)
            except OSError:
                raise
            except (av.FFmpegError, ValueError):  # the fault of this packet, not of the disk
                self.lose(f"damaged packets of {describe(stream)}")
            self.next = next(self.pending, None)

    def compare(self, made: Path) -> None:
        """Muxers drop tags that they do not know without a word: see what has arrived."""
        with open_container(made) as container:
            kept = {key.casefold() for key in container.metadata}
            gone = [key for key in self._tags(self.source.metadata) if key.casefold() not in kept]
            if gone:
                self.lose(f"tags {', '.join(gone)}")
            if len(container.chapters()) < self.chapters:
                self.lose("chapters")


def time_of(packet: Packet[Any]) -> Fraction | None:
    """When a packet is decoded, in seconds."""
    time = packet.dts if packet.dts is not None else packet.pts
    return None if time is None else time * packet.time_base


def takes(container: str, stream: Stream) -> bool:
    """Whether this container holds such a stream: muxers know better than any table."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            out = trial.add_stream_from_template(stream, opaque=True)
            out.metadata.update(own_tags(stream.metadata))
            trial.start_encoding()
            if stream.type == "data":  # refused as late as in the trailer
                packet = Packet(bytes(8))
                packet.stream, packet.pts, packet.dts, packet.duration = out, 0, 0, 1
                trial.mux_one(packet)
                trial.close()
    except (ValueError, av.FFmpegError, OSError):
        return False
    return True


def own_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags that are the film's own, not those of the program that wrote it."""
    return {k: v for k, v in tags.items() if k.casefold() not in OWN_TAGS and not k.startswith("_STATISTICS")}


def describe(stream: Stream) -> str:
    """A stream in words: kind and codec."""
    if stream.disposition & Disposition.attached_pic:
        return "cover art"
    # without a decoder most kinds of stream have no name at all
    name = getattr(stream, "name", None) if stream.codec_context is None else stream.codec_context.name
    kind = {"subtitle": "subtitles", "video": "second video"}.get(stream.type, stream.type)
    return f"{kind} ({name})" if name else kind
