"""FilmReader: a film file → upright Pictures with the source's own timestamps, one at a time."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from pixcli.errors import InputError
from pixcli.media import MAX_PIXELS
from pixcli.media.film_pixels import Colours, Turn, colours_of, depth_of, has_alpha, to_picture
from pixcli.media.film_source import Frame

# no playlists, no image sequences, no devices: nothing that opens another file
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,ivf,dv,gif"
WITHOUT_INDEX = {"mpegts", "mpeg", "flv", "dv", "ivf"}  # where a jump may land anywhere
FREE_CLOCK = {"mpegts", "mpeg"}  # broadcast streams start at any time of day
MAX_UNTIMED = 64  # frames held back while none has had a timestamp yet


@dataclass(frozen=True)
class Part:
    """Which frames of a film: those from `start` to before `end`, in seconds, and of these each `every`th."""

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    every: int = 1


WHOLE = Part()


def open_container(path: str | os.PathLike[str]) -> InputContainer:
    """Open a regular film file for demuxing. Raises InputError; OSError when it cannot be opened at all."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  a FIFO would block for ever
        raise InputError("not a regular file")
    with open(path, "rb"):  # noqa: PTH123  the system's own error, not FFmpeg's version of it
        pass
    try:
        return av.open(
            # with "file:" no name is taken for a protocol, an option or a pattern
            "file:" + os.fspath(path),
            container_options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"not a film that can be read: {error.strerror}") from error


class FilmReader:
    """Streams a film's frames; memory does not grow with its length.

        with FilmReader(path) as film:
            for frame in film: ...            # once through
        film.faults()                         # what was wrong with it, after the last frame

    width, height: of the upright pictures, in pixels.   frame_rate: the average, frames a second.
    frame_count_hint: from the header, often wrong, 0 = unknown.   duration: in seconds, likewise.
    bits: of a stored sample, 8 to 16; pictures are uint8 for 8, and uint16 over the full range above.
    damaged: packets so far that could not be decoded.   concealed: frames that the decoder patched up.
    origin: what the film's clock reads at its start, in ticks of time_base: 0, but for broadcast streams,
    negative starts, and a part, whose clock starts with its first frame.   interlaced: whether the first
    frame is.

    part: which frames to give; duration, frame_rate and frame_count_hint are then the part's.   until: where
    the part ends on that clock, in seconds; None at the film's end.

    Raises InputError where there is no film in the file or no frame in the film or in the part; OSError.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, part: Part = WHOLE, max_pixels: int = MAX_PIXELS
    ) -> None:
        self.path, self.part = path, part
        self.damaged = self.concealed = self.frames_read = 0
        self._error = ""
        self.until: Fraction | None = None
        self.lost: dict[str, None] = {}
        self._skipped, self._past_end = 0, False
        self._container = open_container(path)
        try:
            self._open(max_pixels)
            if part != WHOLE:
                self._narrow()
        except BaseException:
            self._container.close()
            raise

    def _open(self, max_pixels: int) -> None:
        container = self._container
        pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        best = container.streams.best("video")
        if not pictures:
            raise InputError("no video stream in it")
        stream = best if best in pictures else pictures[0]
        if stream.codec_context is None:
            raise InputError("no decoder for its video stream")
        size = stream.codec_context.width, stream.codec_context.height
        if size[0] * size[1] > max_pixels:
            what = f"{size[0]}×{size[1]} is above the limit of {max_pixels:,} pixels"
            raise InputError(what, "raise it with --max-pixels")
        self.stream = stream
        self.codec = stream.codec_context.codec.canonical_name
        self.time_base = stream.time_base or Fraction(1, 1000)
        rate = stream.average_rate or stream.guessed_rate
        self.frame_rate: Fraction = rate if rate and 0 < rate <= 1000 else Fraction(25)
        self.has_audio = bool(container.streams.audio)
        self.metadata = dict(container.metadata)
        self._decoder = self._choose_decoder()
        self._decoder.thread_type = "AUTO"
        self._packets = container.demux()
        self._end: Fraction | None = None
        self._ends: dict[int, Fraction] = {}  # by stream: when its last packet ends
        self._scaler = VideoReformatter()

        self._decoded = self._decode()
        self._held = deque(self._until_timed())
        if not self._held:
            raise InputError("no frame in it can be decoded")
        first = self._held[0][0]
        self._stored_wh = first.width, first.height
        self.turn = Turn.of(first)
        self.width, self.height = self._stored_wh[:: -1 if self.turn.transpose else 1]
        self.pixel_format = first.format
        self.bits, self.alpha = depth_of(first.format), has_alpha(first.format)
        colours = colours_of(first)
        if colours is None:
            raise InputError(f"its colour matrix (number {first.colorspace} in H.273) is not supported")
        self.colours: Colours = colours
        self.interlaced = first.interlaced_frame
        self.hdr_metadata = any(
            first.side_data.get(name) is not None
            for name in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
        )
        aspect = stream.sample_aspect_ratio or Fraction(1)
        self.sample_aspect = 1 / aspect if self.turn.transpose else aspect
        self.duration = self._header_duration()
        self.frame_count_hint = stream.frames or round(self.duration * self.frame_rate)

        self.origin = min(0, self._held[0][1])
        if container.format.name in FREE_CLOCK and container.start_time is not None:
            self.origin = min(
                self._held[0][1], round(Fraction(container.start_time, av.time_base) / self.time_base)
            )

    def _choose_decoder(self) -> Any:
        """The stream's own, but for VP8 and VP9 with alpha, which FFmpeg's native decoders drop."""
        name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(self.codec)
        if name and self.stream.metadata.get("alpha_mode") == "1" and name in av.codecs_available:
            return av.CodecContext.create(name, "r")
        return self.stream.codec_context

    def _header_duration(self) -> float:
        if self.stream.duration:
            return float(self.stream.duration * self.time_base)
        tag = self.stream.metadata.get("DURATION", "")  # Matroska: 00:00:01.960000000
        with suppress(ValueError):
            hours, minutes, seconds = tag.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return (self._container.duration or 0) / av.time_base

    def __enter__(self) -> FilmReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._decoded.close()
        self._container.close()

    def skip(self, count: int) -> None:
        """Pass over the first `count` frames: they are decoded, which alone is sure to lead to the next one,
        and counted as read, but not converted.
        """
        self._skipped = count

    def __iter__(self) -> Iterator[Frame]:
        for frame, pts, duration in self._wanted():
            self.frames_read += 1
            if self.frames_read <= self._skipped:
                continue
            try:
                picture = to_picture(frame, self._stored_wh, self.colours, self.turn, self._scaler)
            except av.FFmpegError as error:
                raise InputError(f"frame {self.frames_read} cannot be converted: {error.strerror}") from error
            yield Frame(picture, pts, self.time_base, duration)

    def _wanted(self) -> Iterator[tuple[VideoFrame, int, int]]:
        """The frames of the part; one that stands for several is shown for as long as all of them."""
        kept: tuple[VideoFrame, int] | None = None
        shown = 0
        for number, (frame, pts) in enumerate(self._timed()):
            if number % self.part.every == 0:
                if kept is not None:
                    yield *kept, shown if self.part.every == 1 else pts - kept[1]
                kept, shown = (frame, pts), 0
            shown += frame.duration or 0
        if kept is not None:
            yield *kept, shown

    def _timed(self) -> Iterator[tuple[VideoFrame, int]]:
        last: int | None = None
        while self._held:
            frame, pts = self._held.popleft()
            if self._end is not None and pts >= self._end:
                self._held.clear()
                self._past_end = True
                return
            if not self._held:
                self._held.extend(self._next_timed(pts, frame.duration))
            if last is not None and pts <= last:
                pts = last + 1  # two frames at one time: both are kept
            last = pts
            yield frame, pts

    def _narrow(self) -> None:
        """Go to the part's first frame, and let clock and counts be the part's."""
        part, whole = self.part, self.duration
        wanted = self.origin + part.start / self.time_base
        self._end = None if part.end is None else self.origin + part.end / self.time_base
        if part.start and not self._jump(wanted):
            self._pass_until(wanted)
        first = self._held[0][1] if self._held else None
        if first is None or (self._end is not None and first >= self._end):
            until = "the end" if part.end is None else f"{float(part.end):g} s"
            what = f"no frame between {float(part.start):g} s and {until}"
            raise InputError(what, f"the film is {whole:.1f} s long" if whole else "")
        if part.start:
            self.origin = first
        if self._end is not None:
            self.until = (self._end - self.origin) * self.time_base
        end = whole if part.end is None else min(whole, float(part.end))
        self.duration = max(0.0, end - float(part.start))
        self.frame_rate /= part.every
        self.frame_count_hint = round(self.duration * self.frame_rate)

    def _jump(self, wanted: Fraction) -> bool:
        """Go by the film's index; False when that led past the wanted frame, and the film is at its start."""
        if self._container.format.name in WITHOUT_INDEX:
            return False
        try:
            self._container.seek(int(wanted), stream=self.stream)
        except (av.FFmpegError, OSError):
            return False
        self._restart()
        if self._held and self._held[0][0].pts is not None and self._held[0][1] <= wanted:
            self._pass_until(wanted)
            if self._held:
                return True
        number = self._container.streams.video.index(self.stream)
        self._container.close()
        self._container = open_container(self.path)
        self.stream = self._container.streams.video[number]
        self._decoder = self._choose_decoder()
        self._decoder.thread_type = "AUTO"
        self._restart()
        return False

    def _restart(self) -> None:
        """Read on from where the container stands now."""
        self._decoded.close()
        self._decoder.flush_buffers()
        self._packets = self._container.demux()
        self._decoded = self._decode()
        self._held = deque(self._until_timed())

    def _pass_until(self, wanted: Fraction) -> None:
        while self._held and self._held[0][1] < wanted:
            frame, pts = self._held.popleft()
            if not self._held:
                self._held.extend(self._next_timed(pts, frame.duration))
        self.damaged = self.concealed = 0  # what lies before was not asked for

    def _decode(self) -> Generator[VideoFrame]:
        """Packet by packet: one that is damaged costs its own frames and no more."""
        while True:
            try:
                packet = next(self._packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError) as error:
                self._error = f"reading stopped: {error.strerror}"
                return
            index = packet.stream.index  # an empty packet, which drains the decoder, has no other
            if packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self._ends[index] = max(end, self._ends.get(index, end))
            if index != self.stream.index:
                continue
            try:
                frames = self._decoder.decode(packet if packet.size else None)
            except (av.FFmpegError, OSError):
                self.damaged += 1
                continue
            for frame in frames:
                self.concealed += frame.is_corrupt
                yield frame

    def _step(self, duration: int | None) -> int:
        return duration or max(1, round(1 / (self.frame_rate * self.time_base)))

    def _until_timed(self) -> list[tuple[VideoFrame, int]]:
        """The first frames up to the first that has a timestamp; those before it are counted back from it."""
        untimed: list[VideoFrame] = []
        for frame in self._decoded:
            untimed.append(frame)
            if frame.pts is not None or len(untimed) == MAX_UNTIMED:
                break
        if not untimed:
            return []
        times = [untimed[-1].pts or 0]
        for frame in reversed(untimed[:-1]):
            times.append(times[-1] - self._step(frame.duration))
        return list(zip(untimed, reversed(times), strict=True))

    def _next_timed(self, pts: int, duration: int | None) -> Iterator[tuple[VideoFrame, int]]:
        for frame in self._decoded:
            yield frame, pts + self._step(duration) if frame.pts is None else frame.pts
            return

    @property
    def at_end(self) -> bool:
        """Whether every frame has been read."""
        return not self._held

    def faults(self) -> list[str]:
        """What is wrong with the film as far as it was read; a missing end is known after the last frame."""
        found = [self._error] if self._error else []
        if self.damaged:
            found.append(f"{self.damaged} damaged packet{'s' * (self.damaged > 1)} left out")
        if self.concealed:
            found.append(f"{self.concealed} frame{'s' * (self.concealed > 1)} patched up by the decoder")
        return found + self._ends_early()

    def _ends_early(self) -> list[str]:
        if not self.at_end or self._past_end or not self._ends:
            return []
        slack = max(Fraction(1, 10), 2 / self.frame_rate)  # seconds
        claims = []
        if self.stream.duration:
            start = self.stream.start_time or 0
            claims.append(
                (
                    self._ends.get(self.stream.index, Fraction(0)),
                    (start + self.stream.duration) * self.time_base,
                )
            )
        if self._container.duration:
            whole = (self._container.start_time or 0) + self._container.duration
            claims.append((max(self._ends.values()), Fraction(whole, av.time_base)))
        for end, claimed in claims:
            if end + slack < claimed:
                return [f"ends early: {float(end):.1f} of {float(claimed):.1f} s"]
        return []
