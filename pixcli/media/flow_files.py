"""Files of motion: Middlebury's .flo, KITTI's 16-bit PNG, and .npz with `flow` and `valid`.

A flow is (H, W, 2) float32: u to the right, v down, in pixels; beside it (H, W) bool: where it is known.
Elsewhere it is 0. .flo and .npz keep every bit of what is known, PNG 1/64 pixel within ±512.
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixcli.errors import InputError
from pixcli.media import MAX_PIXELS, png

Flow = NDArray[np.float32]
Known = NDArray[np.bool_]

FORMATS = ("flo", "png", "npz")
_FLO = b"PIEH"  # the float32 202021.25
_UNKNOWN = 1e9  # anything larger
_HALF, _STEPS = 1 << 15, 64  # of KITTI's numbers: what zero is, and how many a pixel


def read_flow(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[Flow, Known]:
    """The flow of a file, its kind told by its content. Raises InputError, in one line."""
    try:
        if path.stat().st_size > 16 * max_pixels + (1 << 20):
            raise InputError(f"{path}: too large for a flow of {max_pixels} pixels")
        data = path.read_bytes()
    except OSError as e:
        raise InputError(f"{path}: cannot be read: {e.strerror}") from None
    readers = {_FLO: _read_flo, b"\x89PNG": _read_png, b"PK\x03\x04": _read_npz}
    try:
        if data[:4] not in readers:
            raise InputError("no flow: neither .flo nor 16-bit PNG nor .npz")
        flow, known = readers[data[:4]](data, max_pixels)
    except InputError as e:
        raise InputError(f"{path}: {e.what}", e.hint) from None
    known &= np.isfinite(flow).all(-1) & (np.abs(flow) < _UNKNOWN).all(-1)
    return np.where(known[..., None], flow, np.float32(0)), known


def encode_flow(flow: Flow, known: Known | None, kind: str) -> bytes:
    """The file's bytes; kind is one of FORMATS. In PNG what is beyond ±512 pixels is not known."""
    flow = np.asarray(flow, np.float32)
    known = np.ones(flow.shape[:2], bool) if known is None else known
    if kind == "flo":
        numbers = np.where(known[..., None], flow, np.float32(1e10)).astype("<f4")
        return _FLO + struct.pack("<ii", flow.shape[1], flow.shape[0]) + numbers.tobytes()
    if kind == "npz":
        packed = io.BytesIO()
        np.savez_compressed(packed, flow=np.where(known[..., None], flow, np.float32(0)), valid=known)
        return packed.getvalue()
    if kind != "png":
        raise ValueError(f"no format of flow: {kind}")
    steps = np.rint(np.where(known[..., None], flow, np.float32(0)) * _STEPS) + _HALF
    known = known & ((steps >= 0) & (steps < 2 * _HALF)).all(-1)
    coded = np.dstack((np.where(known[..., None], steps, 0), known)).astype(np.uint16)
    return b"".join(png.encode(coded, 6, []))


def _read_flo(data: bytes, max_pixels: int) -> tuple[Flow, Known]:
    if len(data) < 12:
        raise InputError("truncated .flo")
    width, height = struct.unpack_from("<ii", data, 4)
    _check(width, height, max_pixels)
    if len(data) < 12 + 8 * width * height:
        raise InputError("truncated .flo")
    flow = np.frombuffer(data, "<f4", 2 * width * height, 12).reshape(height, width, 2).astype(np.float32)
    return flow, np.ones((height, width), bool)


def _read_png(data: bytes, max_pixels: int) -> tuple[Flow, Known]:
    said = png.parse(data)
    if (said.bits, said.mode) != (16, "RGB"):
        raise InputError("no flow: KITTI's PNG has 16 bits and three channels")
    _check(said.width, said.height, max_pixels)
    try:
        coded = png.pixels(data, said)
    except (RuntimeError, ValueError) as e:
        raise InputError(f"damaged PNG: {str(e).partition(chr(10))[0]}") from None
    flow = (coded[..., :2].astype(np.float32) - np.float32(_HALF)) / np.float32(_STEPS)
    return flow, coded[..., 2] > 0


def _read_npz(data: bytes, max_pixels: int) -> tuple[Flow, Known]:
    """Headers are read, and their sizes checked, before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "flow.npy" not in names:
                raise InputError("no flow: the .npz holds no array `flow`")
            flow = _array(archive, "flow.npy", max_pixels)
            known = _array(archive, "valid.npy", max_pixels) if "valid.npy" in names else None
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError):
        raise InputError("damaged .npz") from None
    if flow.ndim != 3 or flow.shape[2] != 2 or flow.dtype.kind != "f":
        raise InputError(f"no flow: `flow` is {flow.dtype} of shape {flow.shape}, not (H, W, 2) of floats")
    if known is None:
        known = np.ones(flow.shape[:2], bool)
    if known.shape != flow.shape[:2]:
        raise InputError(f"no flow: `valid` is of shape {known.shape} beside {flow.shape}")
    return flow.astype(np.float32), known.astype(bool)


def _array(archive: zipfile.ZipFile, name: str, max_pixels: int) -> NDArray[np.generic]:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError("a later version of the format")
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = header(file)
        if len(shape) < 2 or dtype.hasobject:
            raise ValueError("no array of numbers")
        _check(shape[1], shape[0], max_pixels)
    with archive.open(name) as file:
        array: NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _check(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise InputError(f"an impossible size: {width} x {height}")
    if width * height > max_pixels:
        raise InputError(f"{width} x {height} pixels are more than {max_pixels}", "raise --max-pixels")
