"""HEIC through pillow-heif (extra `heic`), at the 8, 10 or 12 bits that it has."""

from __future__ import annotations

import threading
from typing import IO, Any

import numpy as np

from pixcli.errors import InputError
from pixcli.media import pillow, pnm, tiff
from pixcli.media.extras import Decoded, library
from pixcli.media.picture import Array, Picture

_CHROMA = {420: "4:2:0", 422: "4:2:2", 444: "4:4:4"}
_depth = threading.Lock()  # the library keeps the depth to write in a global


def _library() -> Any:
    return library("pillow_heif", "heic", "HEIC")


def size(file: IO[bytes]) -> tuple[int, int]:
    width, height = _library().open_heif(file).size
    return int(width), int(height)


def read(file: IO[bytes], max_pixels: int) -> Decoded:
    """The primary picture, upright: the container's own turns are applied by the library."""
    found = _library().open_heif(file, convert_hdr_to_8bit=False)
    width, height = found.size
    pillow.check_size(width, height, max_pixels)
    bits, info = int(found.info.get("bit_depth", 8)), found.info
    values: Array = np.array(found)
    if values.dtype == np.uint16:
        values = pnm.scaled(values >> (16 - bits), (1 << bits) - 1)
    elif values.dtype != np.uint8:
        raise InputError(f"HEIC of {values.dtype} samples")
    colour, alpha = pillow.split(values)
    if alpha is not None and (found.mode.startswith("RGBa") or info.get("premultiplied_alpha")):
        colour = tiff.unmultiply(colour, alpha)
    lost = ["further pictures (HEIC)"] * (len(found) > 1)
    lost += ["depth map"] * bool(info.get("depth_images")) + ["auxiliary pictures"] * bool(info.get("aux"))
    save = {"bits": bits, "lost": tuple(lost)}
    if info.get("chroma") in _CHROMA:
        save["subsampling"] = _CHROMA[info["chroma"]]
    ride = {
        "format": "HEIC",
        "mode": found.mode,
        "icc": info.get("icc_profile"),
        "xmp": info.get("xmp"),
        "save": save,
    }
    return Decoded(colour, alpha, ride, info.get("exif"))


def write(picture: Picture, values: Array, file: IO[bytes], quality: int | None) -> list[str]:
    """Encode (H, W, C), C with alpha as its last channel, uint8 or uint16; what was lost."""
    encoder, ride = _library(), picture.ride
    lost, bits = [], ride.save.get("bits", 16)
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[values.shape[2]]
    if values.dtype == np.uint16:
        lost = ["16-bit"] * (bits > 12)
        bits = 10 if bits == 10 else 12
        most = (1 << bits) - 1
        levels = (values.astype(np.uint32) * most + 32767) // 65535
        values, mode = (levels << (16 - bits)).astype(np.uint16), f"{mode};16"
    options: dict[str, Any] = {"icc_profile": ride.icc, "exif": ride.exif, "xmp": ride.xmp}
    chroma = str(ride.save.get("subsampling", "4:4:4"))
    options["subsampling"] = chroma if chroma in _CHROMA.values() else "4:4:4"
    with _depth:
        encoder.options.SAVE_HDR_TO_12_BIT = bits == 12
        size = (picture.width, picture.height)
        encoder.encode(mode, size, values.tobytes(), file, quality=quality or 90, **options)
    return lost
