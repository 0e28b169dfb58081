"""Pillow's formats: a reader opened by name, pixels in the smallest mode that holds them, metadata."""

from __future__ import annotations

import re
import warnings
from typing import IO, Any

import imagecodecs
import numpy as np
from PIL import Image

from pixcli.errors import InputError
from pixcli.media import pnm
from pixcli.media.colour import ink_to_srgb, lab_to_srgb
from pixcli.media.metadata import dpi_of, has_resolution
from pixcli.media.picture import Array

# Pillow warns of odd metadata: under -W error that would refuse a good picture. What matters is raised.
warnings.filterwarnings("ignore", module=r"PIL\.")

_STRIP_BYTES = 1 << 20
_MOST_SCANS = 100  # encoders make about ten


def check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise InputError("a picture without pixels")
    if width * height > max_pixels:
        raise InputError(
            f"{width} × {height} is over the limit of {max_pixels:,} pixels", "--max-pixels raises it"
        )


def split(values: Array) -> tuple[Array, Array | None]:
    """(H, W[, 1..4]) into colour (H, W, 1 or 3) and alpha; views, no copies."""
    if values.ndim == 2:
        return values[..., None], None
    if values.shape[2] in (2, 4):
        return values[..., :-1], values[..., -1]
    return values, None


def opened(name: str, file: IO[bytes], max_pixels: int) -> Any:
    """The file opened by Pillow's reader of this one format.

    Image.open would try others, and has a pixel limit of its own.
    """
    if name not in Image.OPEN:
        Image.init()
    if name not in Image.OPEN:
        raise InputError(f"{name} cannot be read by this Pillow", "pip install --upgrade pillow")
    file.seek(0)
    im = Image.OPEN[name][0](file, "")
    check_size(im.width, im.height, max_pixels)
    if name == "JPEG" and im.info.get("progressive"):
        at = file.tell()
        check_scans(file)
        file.seek(at)
    return im


def count(im: Any) -> int:
    return int(getattr(im, "n_frames", 1)) if im.format != "MPO" else 1


def gif_frames(file: IO[bytes]) -> int:
    """How many frames a GIF has: the blocks are walked, for Pillow's own count has no bound in time."""
    file.seek(0)
    data = file.read()
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    frames = 0
    while at < len(data) and data[at] in (0x21, 0x2C):
        if data[at] == 0x2C and at + 10 < len(data):
            frames += 1
            local = data[at + 9]
            at += 11 + (3 << (local & 7) + 1 if local & 0x80 else 0)
        else:
            at += 2
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return frames


def seen_through(im: Any, count: int) -> bool:
    """Whether any frame of an animation has alpha; back to the first.

    Decodes them all, so that a damaged one is refused before its first frame is worked on.
    """
    found = False
    for number in range(count):
        im.seek(number)
        _, alpha, _ = samples(im)
        found |= alpha is not None and bool(alpha.min() < 255)
    im.seek(0)
    return found


def full(values: Array, alpha: Array | None) -> Array:
    """The alpha, or one that hides nothing."""
    return np.full(values.shape[:2], 255, np.uint8) if alpha is None else alpha


def avif_bits(file: IO[bytes]) -> int:
    """Bits a sample: 8, 10 or 12, the most of all pictures in the file."""
    file.seek(0)
    head, bits = file.read(1 << 16), 8
    for at in (found.end() for found in re.finditer(b"av1C\x81", head)):
        if at + 1 < len(head) and head[at + 1] & 0x40:
            bits = max(bits, 12 if head[at + 1] & 0x20 else 10)
    return bits


def deep_avif(file: IO[bytes], bits: int) -> tuple[Array, Array | None, tuple[str, ...]]:
    """What `samples` gives, at 16 bits."""
    file.seek(0)
    values: Array = imagecodecs.avif_decode(file.read())
    colour, alpha = split(pnm.scaled(values, (1 << bits) - 1))
    return colour, alpha, ()


def check_scans(file: IO[bytes]) -> None:
    """Refuses a progressive JPEG whose scans, each of a few bytes, would take minutes. Raises InputError."""
    file.seek(0)
    data = file.read()
    first = data.find(b"\xff\xda")
    end = data.find(b"\xff\xd9", first)
    if data.count(b"\xff\xda", first, end if end > 0 else len(data)) > _MOST_SCANS:
        raise InputError(f"JPEG of more than {_MOST_SCANS} scans")


def ride_of(im: Any, name: str, file: IO[bytes]) -> dict[str, Any]:
    info, save = im.info, {}
    if name == "JPEG":
        save = _jpeg_hints(im)
    elif name == "WEBP":
        save = {"lossless": _webp_lossless(file)}
    dpi = dpi_of(info.get("dpi"))
    if name == "JPEG" and not info.get("jfif_unit") and not has_resolution(info.get("exif")):
        dpi = None  # Pillow says 72 where the file says nothing
    comment = info.get("comment")
    return {
        "format": name,
        "mode": im.mode,
        "icc": info.get("icc_profile"),
        "xmp": info.get("xmp"),
        "dpi": dpi,
        "comment": comment.encode() if isinstance(comment, str) else comment,
        "save": save,
    }


def _jpeg_hints(im: Any) -> dict[str, Any]:
    """Tables by number, subsampling as people write it, progressive, the raw IPTC segments."""
    hints: dict[str, Any] = {
        "qtables": dict(im.quantization),
        "progressive": bool(im.info.get("progressive")),
    }
    if len(im.layer) == 3:
        (_, h, v, _), (_, ch, cv, _) = im.layer[:2]
        hints["subsampling"] = {
            (1, 1): "4:4:4",
            (2, 1): "4:2:2",
            (2, 2): "4:2:0",
            (4, 1): "4:1:1",
            (1, 2): "4:4:0",
        }.get((h // ch, v // cv), "4:4:4")
    iptc = [body for marker, body in im.applist if marker == "APP13"]
    if iptc:
        hints["app13"] = iptc
    if im.format == "MPO":
        hints["lost"] = ("further pictures (MPO)",)
    return hints


def _webp_lossless(file: IO[bytes]) -> bool:
    """Whether the first picture in a WebP is VP8L."""
    at = file.tell()
    file.seek(0)
    head = file.read(1 << 20)
    file.seek(at)
    lossy, lossless = head.find(b"VP8 "), head.find(b"VP8L")
    return lossless >= 0 and (lossy < 0 or lossless < lossy)


def samples(im: Any) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Pillow's picture as colour, alpha and what was lost, in the smallest mode that holds it."""
    im.load()
    mode, lost = im.mode, ()
    if mode in ("CMYK", "LAB"):
        values = _array(im, 4 if mode == "CMYK" else 3)
        if mode == "CMYK":
            return ink_to_srgb(values, im.info.get("icc_profile")), None, ("cmyk",)
        return lab_to_srgb(values), None, ("lab",)
    if mode.startswith("I;16"):
        return np.array(im, dtype=np.uint16)[..., None], None, lost
    if mode == "F":
        return np.array(im, dtype=np.float32)[..., None], None, lost
    if mode == "I":
        raise InputError("samples of 32 bits")
    if mode == "1":
        im = im.convert("L")
    elif "transparency" in im.info and mode in ("P", "L", "RGB"):
        im = im.convert("LA" if mode == "L" else "RGBA")
    elif mode == "P":
        colours = im.getpalette("RGB") or []
        gray = colours[0::3] == colours[1::3] == colours[2::3]
        im = im.convert("L" if gray else "RGB")
    elif mode not in ("L", "LA", "RGB", "RGBA"):
        im = im.convert("RGBA" if mode in ("PA", "RGBa") else "LA" if mode == "La" else "RGB")
    colour, alpha = split(_array(im, len(im.getbands())))
    return colour, alpha, lost


def _array(im: Any, channels: int) -> Array:
    """A writable (H, W, C) copy, made in strips: Pillow's own way needs the picture twice more."""
    out = np.empty((im.height, im.width, channels), np.uint8)
    step = max(1, _STRIP_BYTES // (im.width * channels))
    for top in range(0, im.height, step):
        rows = out[top : top + step]
        rows[...] = np.asarray(im.crop((0, top, im.width, top + len(rows)))).reshape(rows.shape)
    return out
