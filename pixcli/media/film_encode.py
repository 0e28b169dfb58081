"""Encoder: Pictures → the packets of one video stream, at the times of the source's frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.reformatter import VideoReformatter

from pixcli.errors import InputError, UsageError
from pixcli.media.film_codec import choose_codec, choose_pixel_format, settings_of
from pixcli.media.film_pixels import RGB, to_frame
from pixcli.media.film_source import FilmSource, Frame
from pixcli.media.picture import Picture

X265_DELAY = 3  # frames: shorter films get decoding times from x265 that it has never set


class Encoder:
    """What a film is encoded with, and the encoding. lost: what that cannot keep, complete at the end.

    container: FFmpeg's name of it. Raises UsageError for settings that do not fit together.
    """

    def __init__(
        self,
        container: str,
        source: FilmSource,
        width: int,
        height: int,
        *,
        codec: str | None = None,
        crf: int | None = None,
        preset: str | None = None,
        pix_fmt: str | None = None,
    ) -> None:
        self.container, self.source = container, source
        self.width, self.height = width, height
        self.lost: dict[str, None] = {}  # an ordered set
        self.frames_in = self.packets_out = 0
        self.codec = choose_codec(codec, container, source)
        self._settings = settings_of(self.codec, crf, preset)
        self._pixel_format: VideoFormat = choose_pixel_format(self.codec, source, width, height, pix_fmt)
        self.keeps_alpha = len(self._pixel_format.components) == 4
        self._scaler = VideoReformatter()

    def add_to(self, out: OutputContainer) -> Any:
        """The stream that is encoded, added to an open container."""
        source = self.source
        if self.codec.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "0")  # the only way to stop it from printing
        try:
            # PyAV's stubs list the encoders by name
            stream: Any = out.add_stream(self.codec.name, rate=source.frame_rate, options=self._settings)
        except ValueError as error:  # this container cannot hold that codec
            raise UsageError(f"{self.container} cannot hold {self.codec.name}") from error
        context = stream.codec_context
        context.width, context.height = self.width, self.height
        context.pix_fmt = self._pixel_format.name
        context.time_base = source.time_base  # or variable rates would be rounded to the average
        context.flags |= Flags.frame_duration
        context.sample_aspect_ratio = source.sample_aspect
        colours = source.colours
        context.colorspace = RGB if self._pixel_format.is_rgb else colours.matrix
        context.color_primaries, context.color_trc = colours.primaries, colours.transfer
        context.color_range = colours.range
        if context.codec.canonical_name == "hevc" and self.container in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players take no other
        self._stream = stream
        depth = max(c.bits for c in self._pixel_format.components)
        if depth < source.bits:
            self.lose(f"{source.bits}-bit")
        if source.hdr_metadata:
            self.lose("HDR mastering metadata")
        if source.interlaced:
            self.lose("interlacing")
        return stream

    def start(self, out: OutputContainer) -> None:
        """Open encoder and container, when all streams have been added."""
        try:
            out.start_encoding()
        except OSError:
            raise
        except av.FFmpegError as error:
            what = f"{self.codec.name} with {self._pixel_format.name} {self._settings or ''}".strip()
            raise UsageError(f"the encoder refuses {what}: {error.strerror}") from error

    def lose(self, what: str) -> None:
        self.lost[what] = None

    def encode(self, picture: Picture, frame: Frame) -> Iterator[Packet[Any]]:
        """What comes out when this picture, (height, width, 1 or 3), goes in at the time of `frame`."""
        if picture.pixels.shape[:2] != (self.height, self.width):
            size = f"{picture.width}×{picture.height}"
            raise ValueError(f"a picture of {size} in a film of {self.width}×{self.height}")
        if picture.alpha is not None and not self.keeps_alpha:
            self.lose("alpha")
        image = to_frame(picture, self._pixel_format, self.source.colours, self._scaler)
        image.pts = frame.pts - self.source.origin
        image.time_base = frame.time_base
        image.duration = frame.duration
        step: Fraction = self._stream.time_base
        if image.pts * frame.time_base % step:
            self.lose(f"times finer than {step} s")
        self.frames_in += 1
        yield from self._packets(image)

    def rest(self) -> Iterator[Packet[Any]]:
        """What the encoder has held back."""
        packets = list(self._packets(None))
        if len(packets) == self.packets_out <= X265_DELAY:
            times = [packet.pts or 0 for packet in packets]
            late = max(due - shown for due, shown in zip(sorted(times), times, strict=True))
            for due, packet in zip(sorted(times), packets, strict=True):
                packet.dts = due - late
        yield from packets

    def _packets(self, image: av.VideoFrame | None) -> Iterator[Packet[Any]]:
        with in_one_line(f"frame {self.frames_in} cannot be encoded"):
            packets = self._stream.encode(image)
        self.packets_out += len(packets)
        yield from packets


@contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """FFmpeg's errors as one of ours; the system's as they are."""
    try:
        yield
    except OSError:
        raise  # atomic knows a full disk from a fault of this one file
    except av.FFmpegError as error:
        raise InputError(f"{what}: {error.strerror}") from error
