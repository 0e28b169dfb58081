"""Footprint: how much of a picture a network looks at, known before a pixel is touched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Footprint:
    """How much of a picture an output depends on, and the sizes that go with it; all in pixels.

    reach: input pixels in each direction that one output pixel depends on; None when it needs the whole
    picture. multiple: height and width given to the network must be multiples of this. scale: output pixels
    per input pixel. side: for a network of the whole picture, the shorter side that it was trained for.
    """

    reach: int | None
    multiple: int = 1
    scale: int = 1
    side: int | None = None
