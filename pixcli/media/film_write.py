"""FilmWriter: Pictures → a film file that keeps the source's timing, sound, subtitles, chapters and tags."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.format import VideoFormat
from av.video.reformatter import VideoReformatter

from pixcli.atomic import atomic
from pixcli.errors import InputError, UsageError
from pixcli.media.film_codec import choose_codec, choose_pixel_format, container_of, settings_of
from pixcli.media.film_pixels import RGB, to_frame
from pixcli.media.film_read import FilmReader, Frame, open_container
from pixcli.media.picture import Picture

# written anew by every muxer, or no longer true
OWN_TAGS = {"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "rotate", "software"}
OWN_TAGS |= {"bps", "number_of_frames", "number_of_bytes", "alpha_mode", "vendor_id"}


class FilmWriter:
    """Writes one film, whole or not at all; what is not picture in the source is copied packet for packet.

        with FilmReader(source) as film, FilmWriter(target, film, width=w, height=h) as out:
            for frame in film:
                out.write(process(frame.picture), frame)
        out.lost                                 # what the target could not take, complete after the block

    width, height: of every picture that comes, in pixels.   codec: an FFmpeg encoder ("libx264", "hevc"), by
    default the source's design or H.264.   crf, preset: as that encoder takes them.   pix_fmt: FFmpeg's name.
    The container goes by the path's suffix. More than 8 bits and alpha stay where the encoder can.

    Raises UsageError for settings that do not fit together, OutputError where nothing can be written,
    InputError when a frame cannot be encoded, or not every frame of the source was read and written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        reader: FilmReader,
        *,
        width: int,
        height: int,
        codec: str | None = None,
        crf: int | None = None,
        preset: str | None = None,
        pix_fmt: str | None = None,
    ) -> None:
        self.path = Path(path)
        self.reader = reader
        self.width, self.height = width, height
        self.frames_written = 0
        self._lost: dict[str, None] = {}  # an ordered set
        self._format = container_of(self.path)
        self._codec = choose_codec(codec, self._format, reader)
        self._settings = settings_of(self._codec, crf, preset)
        self._pixel_format: VideoFormat = choose_pixel_format(self._codec, reader, width, height, pix_fmt)
        self._settings_text = (
            f"{self._codec.name} with {self._pixel_format.name} {self._settings or ''}".strip()
        )
        self._scaler = VideoReformatter()
        self._packets_out = 0

    @property
    def lost(self) -> tuple[str, ...]:
        return tuple(self._lost)

    def _lose(self, what: str) -> None:
        self._lost[what] = None

    def __enter__(self) -> FilmWriter:
        with ExitStack() as stack:
            self._temp = stack.enter_context(atomic(self.path))
            self._out = self._open(self._temp)
            stack.callback(self._abandon)
            self._source = stack.enter_context(open_container(self.reader.path))
            try:
                self._video = self._add_video()
            except ValueError as error:  # this container cannot hold that codec
                raise UsageError(f"{self.path.suffix} cannot hold {self._codec.name}") from error
            self._copied = self._add_copied()
            self._pending = self._copied_packets()
            self._next = next(self._pending, None)
            self._carry_tags()
            try:
                self._out.start_encoding()
            except OSError:
                raise
            except av.FFmpegError as error:
                raise UsageError(f"the encoder refuses {self._settings_text}: {error.strerror}") from error
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
        if picture.pixels.shape[:2] != (self.height, self.width):
            size = f"{picture.width}×{picture.height}"
            raise ValueError(f"a picture of {size} in a film of {self.width}×{self.height}")
        if picture.alpha is not None and not self._keeps_alpha:
            self._lose("alpha")
        image = to_frame(picture, self._pixel_format, self.reader.colours, self._scaler)
        image.pts = frame.pts - self.reader.origin
        image.time_base = frame.time_base
        image.duration = frame.duration
        if image.pts * image.time_base % self._video.time_base:
            self._lose(f"times finer than {self._video.time_base} s")
        self.frames_written += 1
        self._encode(image)

    # -- opening

    def _open(self, temp: Path) -> OutputContainer:
        options = {}
        if self._format in ("mp4", "mov"):
            # a late start is noted in these units: milliseconds by default, too coarse for exact times
            ticks = self.reader.time_base.denominator
            options = {"movflags": "+faststart", "movie_timescale": str(ticks * -(-1000 // ticks))}
            if any(key.startswith("com.") for key in self.reader.metadata):  # telephones: place, make, model
                options["movflags"] += "+use_metadata_tags"
        return av.open("file:" + os.fspath(temp), "w", format=self._format, container_options=options)

    def _add_video(self) -> Any:
        reader = self.reader
        if self._codec.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "0")  # the only way to stop it from printing
        # PyAV's stubs list the encoders by name
        stream: Any = self._out.add_stream(self._codec.name, rate=reader.frame_rate, options=self._settings)
        context = stream.codec_context
        context.width, context.height = self.width, self.height
        context.pix_fmt = self._pixel_format.name
        context.time_base = reader.time_base  # or variable rates would be rounded to the average
        context.flags |= Flags.frame_duration
        context.sample_aspect_ratio = reader.sample_aspect
        colours = reader.colours
        context.colorspace = RGB if self._pixel_format.is_rgb else colours.matrix
        context.color_primaries, context.color_trc = colours.primaries, colours.transfer
        context.color_range = colours.range
        if context.codec.canonical_name == "hevc" and self._format in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players take no other
        stream.metadata.update(_own(self._source.streams[reader.stream.index].metadata))
        stream.disposition = reader.stream.disposition
        return stream

    def _add_copied(self) -> dict[int, Stream]:
        """Source index → output stream, of all that this container takes; the rest goes to `lost`."""
        copied: dict[int, Stream] = {}
        chapters = bool(self._source.chapters())
        for stream in self._source.streams:
            if stream.index == self.reader.stream.index:
                continue
            if stream.type == "data" and (
                "timecode" in stream.metadata or (chapters and stream.name == "bin_data")
            ):
                continue  # QuickTime's tracks of time code and chapters: the muxer makes them from the tags
            if not self._takes(stream):
                self._lose(_describe(stream))
                continue
            out = self._out.add_stream_from_template(stream, opaque=True)
            out.metadata.update(_own(stream.metadata))
            out.disposition = stream.disposition
            copied[stream.index] = out
        return copied

    def _takes(self, stream: Stream) -> bool:
        """Whether this container holds such a stream: muxers know better than any table."""
        try:
            with av.open(io.BytesIO(), "w", format=self._format) as trial:
                out = trial.add_stream_from_template(stream, opaque=True)
                out.metadata.update(_own(stream.metadata))
                trial.start_encoding()
                if stream.type == "data":  # refused as late as in the trailer
                    packet = Packet(bytes(8))
                    packet.stream, packet.pts, packet.dts, packet.duration = out, 0, 0, 1
                    trial.mux_one(packet)
                    trial.close()
        except (ValueError, av.FFmpegError, OSError):
            return False
        return True

    def _carry_tags(self) -> None:
        reader = self.reader
        self._out.metadata.update(_own(self._source.metadata))
        chapters = self._source.chapters()
        shift = reader.origin * reader.time_base
        for chapter in chapters:
            base = chapter["time_base"] or Fraction(1, 1000)
            chapter["start"] -= round(shift / base)
            chapter["end"] -= round(shift / base)
        self._out.set_chapters(chapters)
        depth = max(c.bits for c in self._pixel_format.components)
        if depth < reader.bits:
            self._lose(f"{reader.bits}-bit")
        self._keeps_alpha = len(self._pixel_format.components) == 4
        if reader.hdr_metadata:
            self._lose("HDR mastering metadata")
        if reader.interlaced:
            self._lose("interlacing")

    # -- writing

    def _encode(self, image: av.VideoFrame | None) -> None:
        with _one_line(f"frame {self.frames_written} cannot be encoded"):
            for packet in self._video.encode(image):
                self._copy_up_to(packet.dts * packet.time_base)
                self._packets_out += 1
                self._out.mux_one(packet)

    def _copied_packets(self) -> Iterator[Packet[Any]]:
        """The source's other packets, on demand, with the film's own clock start taken off."""
        if not self._copied:
            return
        reader = self.reader
        streams = [self._source.streams[index] for index in self._copied]
        packets = self._source.demux(streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError):
                self._lose("streams copied only as far as the source can be read")
                return
            if not packet.size and packet.dts is None:
                continue  # asks a decoder to drain
            shift = round(reader.origin * reader.time_base / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            yield packet

    def _copy_up_to(self, seconds: Fraction | None) -> None:
        """Copy packets in step with the picture, so that nobody has to hold many; None: all that are left."""
        while (packet := self._next) is not None:
            time = packet.dts if packet.dts is not None else packet.pts
            if seconds is not None and time is not None and time * packet.time_base > seconds:
                return
            stream = packet.stream
            packet.stream = self._copied[stream.index]
            try:
                self._out.mux_one(packet)
            except OSError:
                raise
            except (av.FFmpegError, ValueError):  # the fault of this packet, not of the disk
                self._lose(f"damaged packets of {_describe(stream)}")
            self._next = next(self._pending, None)

    # -- closing

    def _finish(self) -> None:
        self._encode(None)
        with _one_line("the film cannot be completed"):
            self._copy_up_to(None)
            self._out.close()
        if not self.reader.at_end:
            raise InputError(f"stopped after {self.reader.frames_read} frames, before the film's end")
        read, written = self.reader.frames_read, self.frames_written
        if not read == written == self._packets_out:
            raise InputError(f"{read} frames were read, {written} written and {self._packets_out} encoded")
        self._compare_tags()

    def _compare_tags(self) -> None:
        """Muxers drop tags that they do not know without a word: see what has arrived."""
        with open_container(self._temp) as made:
            kept = {key.casefold() for key in made.metadata}
            gone = [key for key in _own(self._source.metadata) if key.casefold() not in kept]
            if gone:
                self._lose(f"tags {', '.join(gone)}")
            if len(made.chapters()) < len(self._source.chapters()):
                self._lose("chapters")

    def _abandon(self) -> None:
        """Close a film that will not be kept, or is closed already."""
        with suppress(OSError, av.FFmpegError):
            self._out.close()


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    try:
        yield
    except OSError:
        raise  # atomic knows a full disk from a fault of this one file
    except av.FFmpegError as error:
        raise InputError(f"{what}: {error.strerror}") from error


def _own(tags: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in tags.items() if k.casefold() not in OWN_TAGS and not k.startswith("_STATISTICS")}


def _describe(stream: Stream) -> str:
    if stream.disposition & Disposition.attached_pic:
        return "cover art"
    # without a decoder most kinds of stream have no name at all
    name = getattr(stream, "name", None) if stream.codec_context is None else stream.codec_context.name
    kind = {"subtitle": "subtitles", "video": "second video"}.get(stream.type, stream.type)
    return f"{kind} ({name})" if name else kind
