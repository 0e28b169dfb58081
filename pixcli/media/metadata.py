"""EXIF, XMP and ICC blocks made true for the pixels that go with them.

EXIF is patched in place, byte for byte, so that maker notes and all that we do not know stay valid.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

ORIENTATION, RESOLUTION, EXIF_IFD, THUMB_AT, THUMB_LENGTH = 0x0112, 0x011A, 0x8769, 0x0201, 0x0202
# ImageWidth, ImageLength, PixelXDimension, PixelYDimension: which of (width, height)
_SIZES = {0x0100: 0, 0x0101: 1, 0xA002: 0, 0xA003: 1}
_SHORT, _LONG = 3, 4


class _Entry(NamedTuple):
    at: int  # offset of the 12-byte entry
    tag: int
    type: int
    values: int  # how many
    value: int  # the first value when it is a single SHORT or LONG, else an offset


class _Block:
    """A TIFF block as EXIF has it; every access outside it raises ValueError."""

    def __init__(self, raw: bytes) -> None:
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(raw[:4])
        if order is None:
            raise ValueError("no TIFF header")
        self.raw = bytearray(raw)
        self.order = order

    def number(self, kind: str, at: int) -> int:
        try:
            return int(struct.unpack_from(self.order + kind, self.raw, at)[0])
        except struct.error:
            raise ValueError("points outside") from None

    def entries(self, at: int) -> Iterator[_Entry]:
        for n in range(self.number("H", at)):
            spot = at + 2 + 12 * n
            kind = self.number("H", spot + 2)
            value = self.number("H" if kind == _SHORT else "I", spot + 8)
            yield _Entry(spot, self.number("H", spot), kind, self.number("I", spot + 4), value)

    def next_at(self, at: int) -> int:
        """Where the pointer to the next directory stands."""
        return at + 2 + 12 * self.number("H", at)

    def put(self, entry: _Entry, value: int) -> None:
        """Set a single number, keeping the entry's type when that can hold it."""
        if entry.type == _SHORT and value < 65536:
            struct.pack_into(self.order + "HH", self.raw, entry.at + 8, value, 0)
        else:
            struct.pack_into(self.order + "HII", self.raw, entry.at + 2, _LONG, 1, value)


def upright_exif(raw: bytes | None) -> tuple[bytes | None, int]:
    """An EXIF block with Orientation 1 and without its thumbnail, and the orientation (1..8) that it told.

    Accepts and removes a leading "Exif\\0\\0". Returns (None, 1) for a block that cannot be parsed.
    """
    if not raw:
        return None, 1
    try:
        block = _Block(raw.removeprefix(b"Exif\0\0"))
        first = block.number("I", 4)
        orientation = 1
        for entry in block.entries(first):
            if entry.tag == ORIENTATION:
                orientation = entry.value if entry.type == _SHORT and 1 <= entry.value <= 8 else 1
                block.put(entry, 1)
        _drop_thumbnail(block, first)
    except ValueError:
        return None, 1
    return bytes(block.raw), orientation


def _drop_thumbnail(block: _Block, first: int) -> None:
    link = block.next_at(first)
    if link + 4 > len(block.raw):
        return  # some writers leave the last pointer out
    second = block.number("I", link)
    struct.pack_into(block.order + "I", block.raw, link, 0)
    if not second:
        return
    try:
        found = {e.tag: e.value for e in block.entries(second)}
    except ValueError:
        return
    at, length = found.get(THUMB_AT, 0), found.get(THUMB_LENGTH, 0)
    if at > 8 and length and at + length <= len(block.raw):
        if at + length == len(block.raw):
            del block.raw[at:]
        else:
            block.raw[at : at + length] = bytes(length)


def exif_for(raw: bytes | None, width: int, height: int) -> bytes | None:
    """The block with the pixel sizes that it names set to these."""
    if raw is None:
        return None
    try:
        block = _Block(raw)
        first = block.number("I", 4)
        entries = list(block.entries(first))
        inner = next((e.value for e in entries if e.tag == EXIF_IFD), None)
        if inner is not None:  # one, and one level: a directory may point to itself, many times
            entries += block.entries(inner)
        for entry in entries:
            if entry.tag in _SIZES and entry.type in (_SHORT, _LONG) and entry.values == 1:
                block.put(entry, (width, height)[_SIZES[entry.tag]])
    except ValueError:
        return raw
    return bytes(block.raw)


def has_resolution(raw: bytes | None) -> bool:
    """Whether an EXIF block says a resolution of its own."""
    try:
        block = _Block((raw or b"").removeprefix(b"Exif\0\0"))
        return any(entry.tag == RESOLUTION for entry in block.entries(block.number("I", 4)))
    except ValueError:
        return False


def upright_xmp(raw: bytes | str | None) -> bytes | None:
    """An XMP packet with tiff:Orientation 1 and without thumbnails."""
    if not raw:
        return None
    raw = raw.encode() if isinstance(raw, str) else raw
    raw = _without(raw, b"<xmp:Thumbnails>", b"</xmp:Thumbnails>")
    raw = re.sub(rb"""(tiff:Orientation\s*=\s*["'])\d+""", rb"\g<1>1", raw)
    return re.sub(rb"(<tiff:Orientation>)\s*\d+", rb"\g<1>1", raw)


def _without(raw: bytes, opening: bytes, closing: bytes) -> bytes:
    """Spans from an opening to the next closing taken out; a pattern would take quadratic time."""
    kept, at = [], 0
    while (begin := raw.find(opening, at)) >= 0 and (end := raw.find(closing, begin)) >= 0:
        kept.append(raw[at:begin])
        at = end + len(closing)
    return b"".join((*kept, raw[at:]))


def icc_space(icc: bytes | None) -> str | None:
    """The colour space in a profile's header: "RGB", "GRAY", "CMYK", "Lab"; None when it is no profile."""
    if icc is None or len(icc) < 132 or icc[36:40] != b"acsp":
        return None
    return icc[16:20].decode("latin-1").strip()


def dpi_of(value: object) -> tuple[float, float] | None:
    """Pillow's dpi as two plain positive numbers, or None."""
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    try:
        x, y = float(value[0]), float(value[1])
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None
