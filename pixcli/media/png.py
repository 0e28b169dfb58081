"""PNG: the chunks by ourselves, the pixels by libpng (imagecodecs), at 8 and 16 bits.

The chunk walk comes first: it knows size and depth before anything is allocated.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from pixcli.errors import InputError
from pixcli.media.picture import Array

_PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_COLOUR_CHUNKS = {b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_XMP = b"XML:com.adobe.xmp"
_MOST_TEXT = 16 << 20  # bytes that one compressed text or profile may unpack to,
_ALL_TEXT = 64 << 20  # and all of them together
_MOST_CHUNKS = 1_000_000
_INCH_M = 0.0254
# Adam7: first column, first row, column step, row step
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass
class Png:
    """What the chunks say. `kept` are colour chunks, written back as they came."""

    width: int
    height: int
    bits: int
    mode: str
    interlaced: bool
    frames: int = 1
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: dict[str, str] = field(default_factory=dict)
    kept: tuple[tuple[bytes, bytes], ...] = ()
    lost: tuple[str, ...] = ()
    plain: bool = True  # nothing but pixel chunks
    spans: tuple[tuple[bytes, int, int], ...] = ()  # type, offset of the data, length


def parse(data: bytes) -> Png:
    """Walk the chunks. Raises InputError when the header is impossible or a chunk runs past the end."""
    if len(data) < 33 or data[12:16] != b"IHDR" or zlib.crc32(data[12:29]) != int.from_bytes(data[29:33]):
        raise InputError("PNG with a damaged header")
    width, height, bits, colour, packing, filtering, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if (
        bits not in _DEPTHS.get(colour, ())
        or packing
        or filtering
        or interlace > 1
        or not 0 < width < 1 << 31
        or not height
    ):
        raise InputError("PNG with an impossible header")
    png = Png(width, height, bits, _MODES[colour], bool(interlace))
    spans, at = [], 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise InputError("truncated PNG" if length < 1 << 30 else "PNG with a damaged chunk")
        spans.append((kind, at + 8, length))
        at += 12 + length
        if kind == b"IEND" or len(spans) > _MOST_CHUNKS:
            break
    if not any(kind == b"IDAT" for kind, _, _ in spans):
        raise InputError("truncated PNG")
    if spans[-1][0] != b"IEND":
        png.lost += ("end of the file",)  # whatever followed the pixels
    png.spans = tuple(spans)
    png.plain = all(kind in _PIXEL_CHUNKS for kind, _, _ in spans)
    if not png.plain:
        _read_rest(png, data)
    return png


def text_ahead(path: Path, key: str) -> str | None:
    """The text under a key in a PNG file, when it comes before the pixels; None for any other file."""
    with path.open("rb") as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            return None
        while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
            length = int.from_bytes(head[:4])
            if head[4:] != b"tEXt" or length > _MOST_TEXT:
                file.seek(length + 4, 1)
                continue
            body, check = file.read(length), file.read(4)
            name, _, words = body.partition(b"\0")
            if name.decode("latin-1") == key and zlib.crc32(head[4:] + body) == int.from_bytes(check):
                return words.decode("latin-1")
    return None


def _read_rest(png: Png, data: bytes) -> None:
    text = 0
    for kind, at, length in png.spans:
        body = data[at : at + length]
        if kind == b"iCCP":
            png.icc = _unpack(body[body.find(b"\0") + 2 :])
        elif kind == b"eXIf":
            png.exif = body
        elif kind == b"pHYs" and length == 9:
            x, y, metres = struct.unpack(">IIB", body)
            if metres and x and y:
                png.dpi = (x * _INCH_M, y * _INCH_M)
            else:
                png.kept += ((kind, body),)
        elif kind == b"acTL" and length == 8:
            png.frames = max(1, int.from_bytes(body[:4]))
        elif kind in _COLOUR_CHUNKS:
            png.kept += ((kind, body),)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            read = _read_text(png, kind, body) if text < _ALL_TEXT else None
            text += read or 0
            if read is None:
                png.lost = (*dict.fromkeys((*png.lost, "text")),)


def _read_text(png: Png, kind: bytes, body: bytes) -> int | None:
    """Take a text in; its length, or None when it cannot be unpacked."""
    key, _, rest = body.partition(b"\0")
    value: bytes | None = rest
    if kind == b"zTXt":
        value = _unpack(rest[1:])
    elif kind == b"iTXt":
        packed, (_, _, tail) = rest[:1] == b"\1", _cut(rest[2:])
        value = _unpack(tail) if packed else tail
    if value is None:
        return None
    if kind == b"iTXt" and key == _XMP:
        png.xmp = value
    else:
        png.text[key.decode("latin-1")] = value.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")
    return len(value)


def _cut(rest: bytes) -> tuple[bytes, bytes, bytes]:
    language, _, rest = rest.partition(b"\0")
    translated, _, rest = rest.partition(b"\0")
    return language, translated, rest


def _unpack(packed: bytes) -> bytes | None:
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(packed, _MOST_TEXT)
    except zlib.error:
        return None
    return plain if inflate.eof else None


def pixels(data: bytes, png: Png) -> Array:
    """(H, W[, C]) uint8 or uint16; palettes, low depths and tRNS are expanded. Raises what libpng raises."""
    if png.interlaced:
        return _interlaced(data, png)
    if not png.plain:
        data = b"".join(
            (data[:8], *(data[at - 8 : at + n + 4] for kind, at, n in png.spans if kind in _PIXEL_CHUNKS))
        )
    out: Array = imagecodecs.png_decode(data)
    return out


def _interlaced(data: bytes, png: Png) -> Array:
    """Each of Adam7's passes is a picture of its own: libpng is asked for seven of them."""
    packed = b"".join(data[at : at + n] for kind, at, n in png.spans if kind == b"IDAT")
    most = (png.width * png.height * png.bits * 4) // 8 + 9 * (png.height + 8) * 2
    raw, start = zlib.decompressobj().decompress(packed, most), 0
    samples = {"L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}[png.mode]
    head = data[24:26] + b"\0\0\0"  # depth, colour type, then not interlaced
    palette = [(kind, data[at : at + n]) for kind, at, n in png.spans if kind in (b"PLTE", b"tRNS")]
    out: Array | None = None
    for x, y, dx, dy in _PASSES:
        width, height = -(-(png.width - x) // dx), -(-(png.height - y) // dy)
        if width <= 0 or height <= 0:
            continue
        size = height * (1 + (width * png.bits * samples + 7) // 8)
        body = zlib.compress(raw[start : start + size], 1)
        start += size
        if start > len(raw):
            raise InputError("truncated PNG")
        chunks = (
            (b"IHDR", struct.pack(">II", width, height) + head),
            *palette,
            (b"IDAT", body),
            (b"IEND", b""),
        )
        part = imagecodecs.png_decode(data[:8] + b"".join(chunk(*c) for c in chunks))
        if out is None:
            out = np.empty((png.height, png.width, *part.shape[2:]), part.dtype)
        out[y::dy, x::dx] = part
    assert out is not None  # the first pass is never empty
    return out


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def encode(
    values: Array, compress: int, chunks: list[tuple[bytes, bytes]], palette: Array | None = None
) -> tuple[bytes, bytes, memoryview]:
    """A PNG in three pieces, with `chunks` behind its header.

    values: (H, W[, C]) uint8 or uint16. compress: 0..9; levels 0 and 1 use run lengths and one filter: three
    times as fast as zlib's own level 1, a few per cent larger. palette: (n, 3) uint8; the values (H, W) are
    its indices then, and are packed without a filter, which suits them better.
    """
    how: dict[str, Any] = {"strategy": 3, "filter": 64} if compress <= 1 else {}
    if palette is not None:
        how = {"strategy": 0, "filter": 8}
    packed = memoryview(imagecodecs.png_encode(values, level=compress, **how))
    head = bytes(packed[:33])
    if palette is not None:  # indices lie in the file as 8-bit grey does
        head = head[:8] + chunk(b"IHDR", head[16:25] + b"\3" + head[26:29])
        chunks = [(b"PLTE", palette.astype(np.uint8).tobytes()), *chunks]
    return head, b"".join(chunk(kind, body) for kind, body in chunks), packed[33:]


def metadata_chunks(
    *,
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
    dpi: tuple[float, float] | None,
    text: dict[str, str],
    kept: tuple[tuple[bytes, bytes], ...],
) -> list[tuple[bytes, bytes]]:
    """The ancillary chunks for a picture, in the order that the standard asks for."""
    chunks = [c for c in kept if c[0] != b"pHYs" or dpi is None]
    if icc is not None:
        chunks = [c for c in chunks if c[0] not in (b"sRGB", b"gAMA", b"cHRM")]
        chunks.append((b"iCCP", b"ICC\0\0" + zlib.compress(icc)))
    if dpi is not None:
        chunks.append((b"pHYs", struct.pack(">IIB", round(dpi[0] / _INCH_M), round(dpi[1] / _INCH_M), 1)))
    if exif is not None:
        chunks.append((b"eXIf", exif))
    if xmp is not None:
        chunks.append((b"iTXt", _XMP + b"\0\0\0\0\0" + xmp))
    for key, value in text.items():
        name = key.encode("latin-1", "replace")[:79]
        try:
            chunks.append((b"tEXt", name + b"\0" + value.encode("latin-1")))
        except UnicodeEncodeError:
            chunks.append((b"iTXt", name + b"\0\0\0\0\0" + value.encode("utf-8", "replace")))
    return chunks
