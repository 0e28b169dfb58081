"""JPEG XL through imagecodecs at 8 and 16 bits and float; boxes and codestream header by ourselves.

The header comes first: it knows size, depth, colours and frames before anything is allocated.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import imagecodecs
import numpy as np

from pixcli.errors import InputError
from pixcli.media import linear, pillow, pnm, tiff
from pixcli.media.extras import Decoded
from pixcli.media.picture import Array, Picture

_BOXED = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height; 0: not told
_MOST_BOX = 16 << 20  # bytes that packed metadata may unpack to
_SMALL = ((0, 0), (0, 1), (4, 2), (6, 18))  # how the standard codes its enumerations
_SRGB_CURVE, _LINEAR = 13, 8


@dataclass
class _Header:
    """What the codestream says. colours: "srgb", "linear", "linear grey", or "" for others."""

    width: int = 0
    height: int = 0
    bits: int = 8
    animated: bool = False
    premultiplied: bool = False
    extra: int = 0  # channels beside colour and alpha
    colours: str = "srgb"


class _Bits:
    """Numbers of so many bits, the lowest first; behind the end all are 0."""

    def __init__(self, data: bytes) -> None:
        self.rest = int.from_bytes(data, "little")

    def u(self, count: int) -> int:
        value = self.rest & ((1 << count) - 1)
        self.rest >>= count
        return value

    def u32(self, *choices: tuple[int, int]) -> int:
        """A selector of two bits, then (bits, offset)."""
        count, offset = choices[self.u(2)]
        return self.u(count) + offset


def _header(stream: bytes) -> _Header:
    if stream[:2] != b"\xff\x0a":
        raise InputError("JXL with a damaged header")
    bits, head = _Bits(stream[2:4096]), _Header()
    head.width, head.height = _size(bits)
    if bits.u(1):  # all is as usual
        return head
    if bits.u(1):
        _extra_fields(bits, head)
    head.bits = _depth(bits)
    bits.u(1)  # whether 16 bits are enough to decode it
    alphas = 0
    for _ in range(bits.u32((0, 0), (0, 1), (4, 2), (12, 1))):
        alpha, premultiplied = _channel(bits)
        alphas += alpha
        head.extra += not alpha
        head.premultiplied |= premultiplied
    head.extra += max(0, alphas - 1)
    bits.u(1)  # XYB inside
    head.colours = _colours(bits)
    return head


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.u(1)
    sides = ((9, 1), (13, 1), (18, 1), (30, 1))
    height = (bits.u(5) + 1) * 8 if small else bits.u32(*sides)
    ratio = bits.u(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    return ((bits.u(5) + 1) * 8 if small else bits.u32(*sides)), height


def _extra_fields(bits: _Bits, head: _Header) -> None:
    bits.u(3)  # the orientation, which the library applies
    if bits.u(1):
        _size(bits)
    if bits.u(1):  # a preview
        raise InputError("JXL with a preview", "save it without")
    head.animated = bool(bits.u(1))
    if head.animated:
        bits.u32((0, 100), (0, 1000), (10, 1), (30, 1))
        bits.u32((0, 1), (0, 1001), (8, 1), (10, 1))
        bits.u32((0, 0), (3, 0), (16, 0), (32, 0))
        bits.u(1)


def _depth(bits: _Bits) -> int:
    if bits.u(1):
        count = bits.u32((0, 32), (0, 16), (0, 24), (6, 1))
        bits.u(4)
        return count
    return bits.u32((0, 8), (0, 10), (0, 12), (6, 1))


def _channel(bits: _Bits) -> tuple[bool, bool]:
    """Of an extra channel: whether it is alpha, and premultiplied."""
    if bits.u(1):
        return True, False
    kind = bits.u32(*_SMALL)
    _depth(bits)
    bits.u32((0, 0), (0, 3), (0, 4), (3, 1))
    bits.u(8 * bits.u32((0, 0), (4, 0), (5, 16), (10, 48)))  # its name
    if kind == 0:
        return True, bool(bits.u(1))
    if kind == 2:
        bits.u(64)
    if kind == 5:
        bits.u32((0, 1), (2, 0), (4, 3), (8, 19))
    return False, False


def _colours(bits: _Bits) -> str:
    if bits.u(1):
        return "srgb"
    packed, space = bits.u(1), bits.u32(*_SMALL)
    if packed or space > 1:
        return ""
    white = bits.u32(*_SMALL)
    primaries = bits.u32(*_SMALL) if space == 0 and white != 2 else 1
    power = bits.u(1)
    curve = 0 if power else bits.u32(*_SMALL)
    if white == 1 and primaries == 1 and curve in (_SRGB_CURVE, _LINEAR):
        return "srgb" if curve == _SRGB_CURVE else "linear" if space == 0 else "linear grey"
    return ""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if length == 1 and start + 8 <= len(data):
            length, start = int.from_bytes(data[start : start + 8]), start + 8
        end = at + length if length else len(data)
        if end < start or end > len(data):
            raise InputError("truncated JXL")
        yield kind, data[start:end]
        at = end


def _parts(data: bytes) -> tuple[_Header, bytes | None, bytes | None, bool]:
    """The header, EXIF, XMP, and whether metadata was left out."""
    if not data.startswith(_BOXED):
        return _header(data), None, None, False
    head, exif, xmp, left = None, None, None, False
    for kind, body in _boxes(data):
        if kind == b"brob":
            kind, body = body[:4], _unpacked(body[4:])
            left |= not body
        if kind in (b"jxlc", b"jxlp") and head is None:
            head = _header(body[4:] if kind == b"jxlp" else body)
        elif kind == b"Exif" and len(body) > 4:
            exif = body[4 + int.from_bytes(body[:4]) :]
        elif kind == b"xml ":
            xmp = body
    if head is None:
        raise InputError("JXL without a picture")
    return head, exif, xmp, left


def _unpacked(body: bytes) -> bytes:
    try:
        return bytes(imagecodecs.brotli_decode(body, out=_MOST_BOX))
    except Exception:  # metadata never costs a picture
        return b""


def size(file: IO[bytes]) -> tuple[int, int]:
    file.seek(0)
    head = _parts(file.read())[0]
    return head.width, head.height


def read(file: IO[bytes], max_pixels: int) -> Decoded:
    """The picture, or the first frame, upright: the codestream's own turn is applied by the library."""
    file.seek(0)
    data = file.read()
    head, exif, xmp, left = _parts(data)
    pillow.check_size(head.width, head.height, max_pixels)
    values: Array = imagecodecs.jpegxl_decode(data, index=0 if head.animated else None)
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    if values.dtype not in (np.uint8, np.uint16, np.float32) or values.ndim not in (2, 3):
        raise InputError(f"JXL of {values.dtype} samples")
    if values.dtype != np.float32 and head.bits not in (8, 16):
        values = pnm.scaled(values, (1 << head.bits) - 1)
    lost = ["further frames"] * head.animated + ["extra channels"] * bool(head.extra)
    lost += ["packed metadata"] * left
    if values.ndim == 3 and values.shape[2] > 4:
        values = values[..., :4]
    colour, alpha = pillow.split(values)
    if alpha is not None and head.premultiplied:
        colour = tiff.unmultiply(colour, alpha)
    icc = None
    if head.colours.startswith("linear"):
        icc = linear.profile() if colour.shape[2] == 3 else linear.gray_profile()
    elif head.colours != "srgb":
        lost.append("icc")
    ride = {"format": "JXL", "mode": "RGB", "icc": icc, "xmp": xmp, "save": {"lost": tuple(lost)}}
    return Decoded(colour, alpha, ride, exif)


def write(picture: Picture, values: Array, file: IO[bytes], quality: int | None) -> list[str]:
    """Encode (H, W, C) uint8, C with alpha as its last channel: without loss when no quality is asked for.

    Deeper samples the encoder would call linear light.
    """
    how = {"lossless": True} if quality is None else {"level": quality}
    values = values[..., 0] if values.shape[2] == 1 else values
    data = bytes(imagecodecs.jpegxl_encode(np.ascontiguousarray(values), usecontainer=True, **how))
    ride, tail = picture.ride, b""
    if ride.exif is not None:
        tail += struct.pack(">I4sI", 12 + len(ride.exif), b"Exif", 0) + ride.exif
    if ride.xmp is not None:
        tail += struct.pack(">I4s", 8 + len(ride.xmp), b"xml ") + ride.xmp
    file.write(_closed(data) if tail else data)
    file.write(tail)
    return []


def _closed(data: bytes) -> bytes:
    """The container with the length of its last box told, so that more may follow."""
    pieces = [(kind, body) for kind, body in _boxes(data)]
    return b"".join(struct.pack(">I4s", 8 + len(body), kind) + body for kind, body in pieces)
