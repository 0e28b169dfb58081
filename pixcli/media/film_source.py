"""What a film can be made from: another film, or a sequence of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from av.video.format import VideoFormat

from pixcli.media.film_pixels import Colours
from pixcli.media.picture import Picture


@dataclass(frozen=True)
class Frame:
    """One frame of a film: shown from `pts` for `duration`, both in units of `time_base` seconds.

    `duration` is 0 when the source does not say. `pts` rises strictly from frame to frame.
    """

    picture: Picture
    pts: int
    time_base: Fraction
    duration: int

    @property
    def seconds(self) -> float:
        return float(self.pts * self.time_base)


class FilmSource(Protocol):
    """Frames in order, once through, and what a writer has to know of them: see `FilmReader`."""

    width: int
    height: int
    bits: int
    alpha: bool
    codec: str
    pixel_format: VideoFormat
    colours: Colours
    sample_aspect: Fraction
    time_base: Fraction
    frame_rate: Fraction
    frame_count_hint: int
    frames_read: int
    origin: int
    interlaced: bool
    hdr_metadata: bool
    metadata: dict[str, str]
    lost: dict[str, None]  # what reading it cannot keep, complete after the last frame; in order

    def __iter__(self) -> Iterator[Frame]: ...

    def skip(self, count: int) -> None: ...

    @property
    def at_end(self) -> bool: ...

    def faults(self) -> list[str]: ...

    def close(self) -> None: ...
