"""Animated PNG: frames put together one at a time, at 8 and 16 bits, and written as they come."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO

import numpy as np

from pixcli.errors import InputError
from pixcli.media import png
from pixcli.media.colour import as_float, as_type
from pixcli.media.picture import Array

_CONTROL = struct.Struct(
    ">IIIIIHHBB"
)  # number, width, height, x, y, delay (of how many a second), dispose, blend
_TO_BACKGROUND, _TO_PREVIOUS, _OVER = 1, 2, 1
_MOST_DELAY = 65535


@dataclass
class _Part:
    """A frame's rectangle, how long it stays (ms), and where its compressed data lies."""

    width: int
    height: int
    x: int = 0
    y: int = 0
    ms: float = 0
    dispose: int = 0
    blend: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Animation:
    """parts: the frames; still: the first is shown only where nothing moves. loop: 0 is for ever."""

    parts: list[_Part]
    loop: int
    still: bool


def parse(data: bytes, found: png.Png) -> Animation:
    """The frames that the chunks tell of. Raises InputError when some are missing or lie outside."""
    parts: list[_Part] = []
    loop, told = 0, 0
    for kind, at, length in found.spans:
        if kind == b"acTL" and length == 8:
            told, loop = struct.unpack_from(">II", data, at)
        elif kind == b"fcTL" and length == _CONTROL.size:
            _, w, h, x, y, num, den, dispose, blend = _CONTROL.unpack_from(data, at)
            if not w or not h or x + w > found.width or y + h > found.height:
                raise InputError("PNG with a frame outside of it")
            parts.append(_Part(w, h, x, y, 1000 * num / (den or 100), dispose, blend))
        elif kind == b"IDAT":
            if not parts:
                parts.append(_Part(found.width, found.height))
            parts[0].spans.append((at, length))
        elif kind == b"fdAT" and length > 4 and parts:
            parts[-1].spans.append((at + 4, length - 4))
    control = next((n for n, (kind, _, _) in enumerate(found.spans) if kind == b"fcTL"), 0)
    still = any(kind == b"IDAT" for kind, _, _ in found.spans[:control])
    if len(parts) - still != told or not all(p.spans for p in parts):
        raise InputError("truncated PNG")
    first = parts[0]
    if (first.width, first.height) != (found.width, found.height):
        raise InputError("PNG with a damaged first frame")
    if told > 1 and parts[still].dispose == _TO_PREVIOUS:
        parts[still].dispose = _TO_BACKGROUND
    return Animation(parts, loop, still)


def frames(data: bytes, found: png.Png, animation: Animation) -> Iterator[Array]:
    """Each frame as it is seen, (H, W, C) uint8 or uint16; C is 2 or 4 in all where one has alpha."""
    parts, still = animation.parts, animation.still
    canvas: Array | None = None
    for number, part in enumerate(parts):
        values = _pixels(data, found, part)
        values = values[..., None] if values.ndim == 2 else values
        if canvas is None:
            whole = (parts[still].width, parts[still].height) == (found.width, found.height)
            clear = values.shape[2] in (1, 3) and (
                not whole or any(p.dispose == _TO_BACKGROUND for p in parts)
            )
            canvas = np.zeros((found.height, found.width, values.shape[2] + clear), values.dtype)
        if canvas.shape[2] > values.shape[2]:
            full = np.full(values.shape[:2], np.iinfo(values.dtype).max, values.dtype)
            values = np.dstack((values, full))
        if still and number == 0:
            yield values
            continue
        place = canvas[part.y : part.y + part.height, part.x : part.x + part.width]
        before = place.copy() if part.dispose == _TO_PREVIOUS else None
        place[...] = _over(values, place) if part.blend == _OVER and values.shape[2] in (2, 4) else values
        yield canvas.copy()
        if before is not None:
            place[...] = before
        elif part.dispose == _TO_BACKGROUND:
            place[...] = 0


def _pixels(data: bytes, found: png.Png, part: _Part) -> Array:
    """A frame is a PNG of its own."""
    head = struct.pack(">II", part.width, part.height) + data[24:29]
    colours = [(kind, data[at : at + n]) for kind, at, n in found.spans if kind in (b"PLTE", b"tRNS")]
    body = [(b"IDAT", data[at : at + n]) for at, n in part.spans]
    chunks = [(b"IHDR", head), *colours, *body, (b"IEND", b"")]
    whole = data[:8] + b"".join(png.chunk(*c) for c in chunks)
    return png.pixels(whole, png.parse(whole))


def _over(above: Array, below: Array) -> Array:
    """Straight alpha upon straight alpha."""
    a, b = as_float(above), as_float(below)
    cover, under = a[..., -1:], b[..., -1:] * (1 - a[..., -1:])
    alpha = cover + under
    mixed = a[..., :-1] * cover + b[..., :-1] * under
    colour = np.divide(mixed, alpha, out=np.zeros_like(mixed), where=alpha > 0)
    return as_type(np.dstack((colour, alpha)), above.dtype)


def write(
    made: Iterable[tuple[Array, float]],
    file: IO[bytes],
    *,
    loop: int,
    still: bool,
    chunks: list[tuple[bytes, bytes]],
    compress: int,
) -> None:
    """Write frames, (H, W, C) of one shape and type with their milliseconds, as they come.

    Each holds only the rectangle that changed. still: the first is shown only where nothing moves.
    """
    at, count, number = 0, 0, 0
    before: Array | None = None
    for values, ms in made:
        count += 1
        if before is not None and values.shape != before.shape:
            raise InputError("frames of several sizes cannot be one PNG")
        box = _changed(None if still and count == 2 else before, values)
        head, _, tail = png.encode(np.ascontiguousarray(_plain(values[box])), compress, [])
        if before is None:
            file.write(head + b"".join(png.chunk(*c) for c in chunks))
            at = file.tell()
            file.write(_control(0, 0))
        if before is not None or not still:
            y, x = box[0].start, box[1].start
            height, width = values[box].shape[:2]
            delay = _delay(ms)
            file.write(png.chunk(b"fcTL", _CONTROL.pack(number, width, height, x, y, *delay, 0, 0)))
            number += 1
        for body in _data(bytes(tail)):
            if before is None:
                file.write(png.chunk(b"IDAT", body))
            else:
                file.write(png.chunk(b"fdAT", struct.pack(">I", number) + body))
                number += 1
        before = values
    file.write(png.chunk(b"IEND", b""))
    file.seek(at)
    file.write(_control(count - still, loop))
    file.seek(0, 2)


def _control(count: int, loop: int) -> bytes:
    return png.chunk(b"acTL", struct.pack(">II", count, loop))


def _plain(values: Array) -> Array:
    return values[..., 0] if values.shape[2] == 1 else values


def _changed(before: Array | None, values: Array) -> tuple[slice, slice]:
    """Rows and columns of the rectangle in which two frames differ; one pixel where they do not."""
    height, width = values.shape[:2]
    if before is None:
        return slice(0, height), slice(0, width)
    differ = (before != values).any(2)
    rows, columns = np.flatnonzero(differ.any(1)), np.flatnonzero(differ.any(0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _delay(ms: float) -> tuple[int, int]:
    seconds = Fraction(ms / 1000).limit_denominator(_MOST_DELAY)
    if seconds.numerator <= _MOST_DELAY:
        return seconds.numerator, seconds.denominator
    return min(_MOST_DELAY, round(ms / 1000)), 1


def _data(chunks: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(chunks):
        length, kind = struct.unpack_from(">I4s", chunks, at)
        if kind == b"IDAT":
            yield chunks[at + 8 : at + 8 + length]
        at += 12 + length
