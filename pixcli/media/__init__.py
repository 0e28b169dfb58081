"""Files ↔ Picture and film, and all that must not get lost on the way.

The names below are imported on first use: `import pixcli.media` costs nothing, and stills do not load the
film library. No module here may have the name of one of these functions, for importing it would hide the
function.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixcli.media.film import FilmReader, FilmWriter
    from pixcli.media.formats import plan_format
    from pixcli.media.kind import format_of_suffix, kind_of
    from pixcli.media.picture import Picture, Ride
    from pixcli.media.picture_read import frames, read, size_of
    from pixcli.media.picture_write import encode, write, write_frames

MAX_PIXELS = 300_000_000  # of a picture or a film's frame, unless told otherwise

_HOMES = {
    "FilmReader": "film",
    "FilmWriter": "film",
    "Picture": "picture",
    "Ride": "picture",
    "encode": "picture_write",
    "format_of_suffix": "kind",
    "frames": "picture_read",
    "kind_of": "kind",
    "plan_format": "formats",
    "read": "picture_read",
    "size_of": "picture_read",
    "write": "picture_write",
    "write_frames": "picture_write",
}
__all__ = [
    "MAX_PIXELS",
    "FilmReader",
    "FilmWriter",
    "Picture",
    "Ride",
    "encode",
    "format_of_suffix",
    "frames",
    "kind_of",
    "plan_format",
    "read",
    "size_of",
    "write",
    "write_frames",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"pixcli.media.{_HOMES[name]}"), name)
