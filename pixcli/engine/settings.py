"""Settings: everything about a run that is neither the task's nor the plan's."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pixcli.media import MAX_PIXELS


@dataclass(frozen=True)
class Settings:
    """None leaves a choice to the engine.

    tile: side in pixels. workers: threads for decoding, and as many for encoding. memory: bytes that pictures
    in flight may take together; one picture is always let in, however large. max_failures: the run stops when
    that many inputs have failed. strict: a loss fails the input and its output is not kept. start, end: the
    part of films that is done, in seconds; every: of its frames, each so manyth. fps: of films made from
    pictures. frames: films become folders of pictures. segment: frames of a film that are kept together.
    """

    device: str = "auto"
    precision: str = "auto"
    runtime: str = "auto"
    tile: int | None = None
    batch: int | None = None
    workers: int | None = None
    memory: int | None = None
    format: str | None = None
    quality: int | None = None
    compress: int = 1
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    start: Fraction = Fraction(0)
    end: Fraction | None = None
    every: int = 1
    fps: Fraction = Fraction(25)
    frames: bool = False
    segment: int | None = None
    fail_fast: bool = False
    max_failures: int | None = None
    strict: bool = False
    max_pixels: int = MAX_PIXELS
    debug: bool = False
