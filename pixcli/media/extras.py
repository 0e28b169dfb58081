"""Formats whose libraries come with an extra, or with dependencies that stills seldom need.

Each module behind a name has `size(file)`: (width, height) as stored, by the header alone, and
`read(file, max_pixels)`: a Decoded. Both raise InputError, and read whatever its library raises.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from pixcli.errors import InputError
from pixcli.media.picture import Array, Sensor

HOMES = {"HEIC": "heif", "JXL": "jxl", "EXR": "exr", "HDR": "radiance", "RAW": "raw"}


class Decoded(NamedTuple):
    """Colour (H, W, 1 or 3) and alpha (H, W), what rides along (the fields of Ride), the EXIF block.

    turn: the orientation that is still to be applied; None: as the EXIF block says. sensor: of raw files.
    """

    values: Array
    alpha: Array | None
    ride: dict[str, Any]
    exif: bytes | None = None
    turn: int | None = 1
    sensor: Sensor | None = None


def reader(name: str) -> Any:
    """The module that reads this format."""
    return import_module(f"pixcli.media.{HOMES[name]}")


def library(module: str, extra: str, name: str) -> Any:
    """The library that an extra brings. Raises InputError with the line to type."""
    try:
        return import_module(module)
    except ImportError:
        raise InputError(f"{name} needs one more package", f'pip install "pixcli[{extra}]"') from None
