"""The portable any-map family, P1 to P7 and PFM: small enough to read and write whole, at full depth."""

from __future__ import annotations

import re

import numpy as np

from pixcli.errors import InputError
from pixcli.media.picture import Array

_GAP = rb"(?:\s|#[^\n]*\n)+"
_MODES = {b"P1": "1", b"P4": "1", b"P2": "L", b"P5": "L", b"P3": "RGB", b"P6": "RGB"}


def header(data: bytes) -> tuple[int, int, int, float, int]:
    """(width, height, channels, largest value or PFM scale, offset of the samples). Raises InputError."""
    kind = data[:2]
    if kind == b"P7":
        return _pam_header(data)
    numbers = 2 if kind in (b"P1", b"P4") else 3
    pattern = kind + (_GAP + rb"(\S{1,20})") * numbers + rb"(?:\s|$)"
    found = re.match(pattern, data[:4096])
    if found is None:
        raise InputError("PNM with a damaged header")
    try:
        width, height = int(found[1]), int(found[2])
        largest = 1.0 if numbers == 2 else float(found[3])
    except ValueError:
        raise InputError("PNM with a damaged header") from None
    channels = 3 if kind in (b"P3", b"P6", b"PF") else 1
    floats = kind in (b"PF", b"Pf")
    _check(width, height, largest if not floats else 1.0)
    if floats and not (np.isfinite(largest) and largest):
        raise InputError("PFM with a damaged scale")
    return width, height, channels, largest, found.end()


def _pam_header(data: bytes) -> tuple[int, int, int, float, int]:
    end = data.find(b"ENDHDR\n", 0, 4096)
    fields = dict(
        re.findall(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d{1,10})\s*$", data[: max(end, 0)], re.MULTILINE)
    )
    if len(fields) < 4:
        raise InputError("PAM with a damaged header")
    width, height, channels, largest = (int(fields[k]) for k in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    _check(width, height, largest)
    if not 1 <= channels <= 4:
        raise InputError(f"PAM of {channels} channels")
    return width, height, channels, float(largest), end + 7


def _check(width: int, height: int, largest: float) -> None:
    if width < 1 or height < 1 or not 1 <= largest <= 65535 or largest != int(largest):
        raise InputError("PNM with an impossible header")


def mode(data: bytes, channels: int) -> str:
    if data[:2] in (b"PF", b"Pf"):
        return "F"
    return _MODES.get(data[:2]) or {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]


def pixels(data: bytes) -> Array:
    """(H, W, C) uint8, uint16 (above 8 bits) or float32, white at the peak. Raises InputError."""
    width, height, channels, largest, at = header(data)
    kind, shape = data[:2], (height, width, channels)
    if kind in (b"PF", b"Pf"):
        rows = _samples(data, at, "<f4" if largest < 0 else ">f4", shape)[::-1]
        return np.ascontiguousarray(rows, dtype=np.float32)
    if kind == b"P4":
        packed = _samples(data, at, "u1", (height, (width + 7) // 8, 1))[..., 0]
        return ((1 - np.unpackbits(packed, axis=1, count=width)) * np.uint8(255))[..., None]
    if kind in (b"P1", b"P2", b"P3"):
        values = _ascii(data[at:], kind == b"P1", shape)
        values = 1 - values if kind == b"P1" else values
    else:
        values = _samples(data, at, ">u2" if largest > 255 else "u1", shape)
    if values.max(initial=0) > largest:
        raise InputError("PNM with samples above its own maximum")
    return scaled(values, int(largest))


def scaled(values: Array, largest: int) -> Array:
    """Integers of 0..largest as uint8 (largest ≤ 255) or uint16 over the whole range."""
    dtype, peak = (np.uint8, 255) if largest <= 255 else (np.uint16, 65535)
    if largest == peak:
        return values.astype(dtype)
    return ((values.astype(np.uint64) * (2 * peak) + largest) // (2 * largest)).astype(dtype)


def _samples(data: bytes, at: int, dtype: str, shape: tuple[int, int, int]) -> Array:
    count = shape[0] * shape[1] * shape[2]
    if len(data) - at < count * np.dtype(dtype).itemsize:
        raise InputError("truncated PNM")
    return np.frombuffer(data, dtype, count, at).reshape(shape)


def _ascii(text: bytes, bits: bool, shape: tuple[int, int, int]) -> Array:
    text = re.sub(rb"#[^\n]*", b"", text)
    if re.search(rb"[^\d\s]" if bits else rb"[^\d\s]|\d{10}", text):
        raise InputError("PNM with damaged samples")
    count = shape[0] * shape[1] * shape[2]
    if bits:  # these need no blanks between them
        values = np.frombuffer(re.sub(rb"\s+", b"", text), np.uint8) - ord("0")
    else:
        values = np.fromstring(text.decode("ascii"), np.uint64, sep=" ")
    if len(values) < count or (bits and values.max(initial=0) > 1):
        raise InputError("PNM with damaged samples")
    return values[:count].reshape(shape)


def encode(values: Array) -> tuple[bytes, bytes]:
    """Header and samples of (H, W, C).

    uint8 and uint16 as PGM, PPM, or PAM for C = 2 and 4; float32 as PFM, C = 1 or 3.
    """
    height, width, channels = values.shape
    if values.dtype == np.float32:
        head = f"{'PF' if channels == 3 else 'Pf'}\n{width} {height}\n-1.0\n"
        return head.encode(), np.ascontiguousarray(values[::-1], dtype="<f4").tobytes()
    largest = int(np.iinfo(values.dtype).max)
    if channels in (2, 4):
        kind = "RGB_ALPHA" if channels == 4 else "GRAYSCALE_ALPHA"
        size = f"WIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL {largest}"
        head = f"P7\n{size}\nTUPLTYPE {kind}\nENDHDR\n"
    else:
        head = f"{'P6' if channels == 3 else 'P5'}\n{width} {height}\n{largest}\n"
    return head.encode(), values.astype(values.dtype.newbyteorder(">"), copy=False).tobytes()
