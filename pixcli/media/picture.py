"""Picture: the pixels of one picture or frame, and all that rides along with them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def peak_of(dtype: np.dtype[Any]) -> float:
    """The value that means white in samples of this type: 255, 65535 or 1.0."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


@dataclass(frozen=True)
class Ride:
    """What a file carries beside its pixels; written back as it came, unless the task makes it untrue.

    `format` is the file's own in Pillow's spelling ("JPEG", "PNG", "TIFF"); `mode` is the stored mode
    ("RGB", "L", "P", "1", "RGBA", "LA", "CMYK", "I;16", "F"). `exif` is a serialised TIFF block with
    Orientation already 1. `save` holds what the writer needs to repeat the encoder's choices: JPEG
    "qtables", "subsampling", "progressive"; TIFF "compression"; WebP "lossless".
    """

    format: str = "PNG"
    mode: str = "RGB"
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    text: dict[str, str] = field(default_factory=dict)
    save: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sensor:
    """What a camera counted, before anything was made of it.

    counts: (H, W) uint16, as the sensor lay. pattern: the colours of one cell by rows, 4 letters ("RGGB") or
    36 of Fuji's X-Trans. black: (cell, cell), the count for no light at each place of a cell; white: that
    of the brightest light. turns: quarter turns against the clock that bring it upright.
    """

    counts: Array
    pattern: str
    black: Array
    white: float
    turns: int = 0


@dataclass(frozen=True)
class Picture:
    """One picture, upright, in the file's own colour space.

    pixels: (H, W, C), C = 1 or 3, uint8, uint16 or float32 (floats are 0..1 for what is display-referred).
    alpha: (H, W), the same type, straight (not premultiplied), or None.
    name: of its file, as it lies below the folder that was given ("tree/a.png"); "" when there is none.
    sensor: of a camera raw file, from which the pixels were developed; None when they were changed since.
    """

    pixels: Array
    alpha: Array | None = None
    ride: Ride = field(default_factory=Ride)
    name: str = ""
    sensor: Sensor | None = None

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def gray(self) -> bool:
        return bool(self.pixels.shape[2] == 1)

    @property
    def peak(self) -> float:
        """The value that means white: 255, 65535 or 1.0."""
        return peak_of(self.pixels.dtype)

    def with_pixels(self, pixels: Array, alpha: Array | None = None) -> Picture:
        return replace(self, pixels=pixels, alpha=alpha, sensor=None)
