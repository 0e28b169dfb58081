"""Files and bytes to Pictures: one still, or every frame of an animation or page of a TIFF.

Whatever a decoder raises on one file becomes one InputError. Sizes are checked by the header, first.
"""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from pixcli.errors import InputError
from pixcli.media import MAX_PIXELS, apng, extras, pillow, png, pnm, tiff
from pixcli.media.colour import usable
from pixcli.media.kind import HEAD, UNREADABLE, looks_like, peek, sniff
from pixcli.media.metadata import upright_exif, upright_xmp
from pixcli.media.picture import Array, Picture, Ride, Sensor

_ANIMATED = {"GIF", "WEBP", "AVIF"}
# Frames and pages of a few bytes can each fill a screen, so all together may have so many
_ALL_FRAMES = 4  # times the limit of a still,
_PIXELS_A_BYTE = 1000  # or pixels for each byte of the file, whichever is more;
_CUT = re.compile(
    r"truncat|end of file|EOF|not enough (image )?data|insufficient (input )?data|outside of file|too small",
    re.IGNORECASE,
)
_TECHNICAL = re.compile(
    r"[_'/\\@<>=]|codec|unpack|object|operand|literal|driver|expected|buffer|reshape|index|BMFF|iinf",
    re.IGNORECASE,
)
_FEW = 16_000_000  # pixels that a still may always have
_FRAMES, _BYTES_A_FRAME = 10_000, 500  # so many frames, or one for so many bytes, whichever is more


def read(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture in a file or in bytes: the first frame of an animation, the first page of a TIFF.

    `ride.save["frames"]` is there when there are more. Raises InputError for whatever cannot be read whole.
    """
    with _opened(source, max_pixels) as (name, file), _faults(name):
        return next(_decoded(name, file, max_pixels, all_frames=False))


def frames(source: str | Path | bytes, *, max_pixels: int = MAX_PIXELS) -> Iterator[Picture]:
    """Every frame or page in order, at least one, decoded one at a time. Raises InputError.

    Frames of animations have `ride.save["duration"]` (ms) and ["loop"] (0 = for ever; absent = once).
    """
    with _opened(source, max_pixels) as (name, file), _faults(name):
        yield from _decoded(name, file, max_pixels, all_frames=True)


def size_of(source: str | Path | bytes) -> tuple[int, int]:
    """Width and height as stored (not yet upright), by the header alone. Raises InputError."""
    with _opened(source, MAX_PIXELS) as (name, file), _faults(name):
        if name == "PNG":
            head = file.read(24)
            return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
        if name == "PPM":
            return pnm.header(file.read(4096))[:2]
        if name in extras.HOMES:
            width, height = extras.reader(name).size(file)
            return width, height
        if name == "TIFF":
            with tifffile.TiffFile(file) as found:
                return int(found.pages.first.imagewidth), int(found.pages.first.imagelength)
        with pillow.opened(name, file, 1 << 62) as im:
            return int(im.width), int(im.height)


@contextmanager
def _opened(source: str | Path | bytes, max_pixels: int) -> Iterator[tuple[str, IO[bytes]]]:
    """The format's name and the file, at its start."""
    if isinstance(source, bytes):
        yield _format(source[:HEAD], source[-26:], ""), io.BytesIO(source)
        return
    path = Path(source)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError("not a regular file")
        name = _format(*peek(path, found.st_size), path.suffix)
        if found.st_size > 16 * max_pixels + (64 << 20):
            raise InputError(f"{found.st_size:,} bytes are more than {max_pixels:,} pixels can need")
        file = path.open("rb")
    except OSError as e:
        raise InputError(e.strerror or str(e)) from e
    with file:
        yield name, file


def _format(head: bytes, tail: bytes, suffix: str) -> str:
    name = sniff(head, tail, suffix)
    if name is None:
        words = looks_like(head)
        raise InputError(f"not a picture: {words}" if words else "not a picture that is known")
    if name in UNREADABLE:
        raise InputError(f"{name} cannot be read", UNREADABLE[name])
    return name


@contextmanager
def _faults(name: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{name}: not enough memory to decode it") from None
    except Image.DecompressionBombError:
        raise InputError(f"{name} of more than 178,956,970 pixels: Pillow refuses it") from None
    except UnidentifiedImageError:
        raise InputError(f"damaged {name}") from None
    except EOFError:
        raise InputError(f"truncated {name}") from None
    except Exception as e:  # the decoders raise anything on damaged files
        raise InputError(_for_people(name, str(e).strip().partition("\n")[0])) from e


def _for_people(name: str, words: str) -> str:
    """One line on a file in a decoder's words, but for those that only programmers understand."""
    if _CUT.search(words):
        return f"truncated {name}"
    if "nsupported" in words and not _TECHNICAL.search(words):
        return f"{name} cannot be decoded: {words}"
    return f"damaged {name}" if not words or _TECHNICAL.search(words) else f"damaged {name}: {words}"


def _decoded(name: str, file: IO[bytes], max_pixels: int, *, all_frames: bool) -> Iterator[Picture]:
    if name == "TIFF":
        yield from _tiff(file, max_pixels, all_frames)
    elif name == "PNG":
        data = file.read()
        found = png.parse(data)
        pillow.check_size(found.width, found.height, max_pixels)
        if found.frames > 1:
            yield from _moving_png(data, found, max_pixels)
        else:
            values, alpha = pillow.split(png.pixels(data, found))
            yield _finish(values, alpha, _png_ride(found), found.exif)
    elif name == "PPM":
        data = file.read()
        width, height, channels, _, _ = pnm.header(data)
        pillow.check_size(width, height, max_pixels)
        values, alpha = pillow.split(pnm.pixels(data))
        yield _finish(values, alpha, {"format": name, "mode": pnm.mode(data, channels)}, None)
    elif name in extras.HOMES:
        yield _finish(*extras.reader(name).read(file, max_pixels))
    elif name == "JPEG2000":
        yield _jpeg2000(file, max_pixels)
    else:
        yield from _animated(name, file, max_pixels, all_frames)


def _finish(
    values: Array,
    alpha: Array | None,
    ride: dict[str, Any],
    exif: bytes | None,
    turn: int | None = None,
    sensor: Sensor | None = None,
) -> Picture:
    """The Picture of decoded samples: upright, finite, its profile and metadata true.

    turn: the orientation where EXIF is not asked for it.
    """
    save: dict[str, Any] = ride.setdefault("save", {})
    lost: list[str] = list(save.pop("lost", ()))
    block, orientation = upright_exif(exif)
    if exif and block is None:
        lost.append("exif (damaged)")
    orientation = orientation if turn is None else turn
    if orientation > 1:
        values = _turned(values, orientation)
        alpha = None if alpha is None else _turned(alpha, orientation)
        if orientation > 4 and ride.get("dpi"):
            ride["dpi"] = ride["dpi"][::-1]
    if values.dtype == np.float32 and not np.isfinite(values).all():
        values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
        lost.append("not-a-number samples")
    icc = ride.pop("icc", None)
    if icc and not usable(icc, values.shape[2]):
        icc = None
        if "cmyk" not in lost and "lab" not in lost:
            lost.append("icc (damaged)")
    if lost:
        save["lost"] = tuple(dict.fromkeys(lost))
    ride["xmp"] = upright_xmp(ride.get("xmp"))
    return Picture(values, alpha, Ride(icc=icc or None, exif=block, **ride), sensor=sensor)


def _turned(a: Array, orientation: int) -> Array:
    """Stored rows and columns as they are to be seen, by EXIF's orientation 2..8."""
    if orientation > 4:
        a = a.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        a = a[:, ::-1]
    if orientation in (3, 4, 7, 8):
        a = a[::-1]
    return np.ascontiguousarray(a)


def _png_ride(found: png.Png) -> dict[str, Any]:
    save: dict[str, Any] = {"lost": found.lost}
    if found.kept:
        save["chunks"] = found.kept
    mode = found.mode if found.bits < 16 else {"L": "I;16"}.get(found.mode, found.mode)
    mode = "1" if found.bits == 1 and found.mode == "L" else mode
    return {
        "format": "PNG",
        "mode": mode,
        "icc": found.icc,
        "xmp": found.xmp,
        "dpi": found.dpi,
        "text": found.text,
        "save": save,
    }


def _tiff(file: IO[bytes], max_pixels: int, all_frames: bool) -> Iterator[Picture]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    with tifffile.TiffFile(file) as found:
        _check_frames(len(found.pages), 0, size, max_pixels)  # their offsets are quickly counted
        pages = tiff.pages(found)
        used = pages[: None if all_frames else 1]
        _check_frames(len(pages), sum(p.imagewidth * p.imagelength for p in used), size, max_pixels)
        exif = tiff.exif(file)
        for number, page in enumerate(used):
            pillow.check_size(page.imagewidth, page.imagelength, max_pixels)
            tiff.check(page, size, max_pixels)
            values, alpha, lost = tiff.pixels(page)
            xmp = page.tags.valueof(700)
            save = {**tiff.save_hints(page), "lost": lost}
            if len(pages) > 1:
                save["frames"] = len(pages)
            ride = {
                "format": "TIFF",
                "mode": _mode(values, alpha),
                "icc": page.iccprofile,
                "dpi": tiff.dpi(page),
                "save": save,
            }
            ride["xmp"] = xmp if isinstance(xmp, bytes) else None
            turn = page.tags.valueof(274, 1)
            turn = turn if isinstance(turn, int) and 1 <= turn <= 8 else 1
            yield _finish(values, alpha, ride, exif if number == 0 else None, turn)


def _mode(values: Array, alpha: Array | None) -> str:
    if values.shape[2] == 1 and alpha is None:
        return {1: "L", 2: "I;16", 4: "F"}[values.dtype.itemsize]
    return ("L" if values.shape[2] == 1 else "RGB") + ("" if alpha is None else "A")


def _jpeg2000(file: IO[bytes], max_pixels: int) -> Picture:
    with pillow.opened("JPEG2000", file, max_pixels) as im:
        info, mode = dict(im.info), im.mode
        pixels = im.width * im.height
    file.seek(0)
    data = file.read()
    if pixels > max(_FEW, _PIXELS_A_BYTE * len(data)):  # the decoder would need 16 bytes for each of them
        raise InputError(f"JPEG2000 of {pixels:,} pixels in {len(data):,} bytes")
    siz = data.find(b"\xff\x4f\xff\x51")
    bits = (data[siz + 42] & 0x7F) + 1 if 0 <= siz < len(data) - 42 else 8
    values: Array = imagecodecs.jpeg2k_decode(data)
    if (
        values.dtype not in (np.uint8, np.uint16)
        or values.ndim not in (2, 3)
        or (values.ndim == 3 and values.shape[2] > 4)
    ):
        raise InputError(f"JPEG2000 of {values.dtype} samples")
    if bits not in (8, 16):
        values = pnm.scaled(values, (1 << bits) - 1)
    colour, alpha = pillow.split(values)
    return _finish(colour, alpha, {"format": "JPEG2000", "mode": mode, "icc": info.get("icc_profile")}, None)


def _check_frames(count: int, pixels: int, size: int, max_pixels: int) -> None:
    """pixels: of all frames or pages together; size: bytes of the file."""
    most = max(_FRAMES, size // _BYTES_A_FRAME)
    if count > most:
        raise InputError(f"more than {most:,} frames or pages in so small a file")
    most = max(_ALL_FRAMES * max_pixels, _PIXELS_A_BYTE * size)
    if pixels > most:
        what = f"{count:,} frames or pages of {pixels:,} pixels together are over the limit of {most:,}"
        raise InputError(what, "--max-pixels raises it")


def _moving_png(data: bytes, found: png.Png, max_pixels: int) -> Iterator[Picture]:
    animation = apng.parse(data, found)
    count = len(animation.parts)
    _check_frames(count, count * found.width * found.height, len(data), max_pixels)
    for number, (part, values) in enumerate(
        zip(animation.parts, apng.frames(data, found, animation), strict=True)
    ):
        colour, alpha = pillow.split(values)
        ride = _png_ride(found)
        ride["save"] |= {"frames": count, "duration": part.ms, "loop": animation.loop}
        if animation.still:
            ride["save"]["default_image"] = True
        yield _finish(colour, alpha, ride, found.exif if number == 0 else None)


def _animated(name: str, file: IO[bytes], max_pixels: int, all_frames: bool) -> Iterator[Picture]:
    size = file.seek(0, io.SEEK_END)
    with pillow.opened(name, file, max_pixels) as im:
        if name == "GIF":
            _check_frames(pillow.gif_frames(file), 0, size, max_pixels)
        count = pillow.count(im) if name in _ANIMATED else 1
        _check_frames(count, count * im.width * im.height, size, max_pixels)
        seen_through = count > 1 and all_frames and pillow.seen_through(im, count)
        deep = pillow.avif_bits(file) if name == "AVIF" else 8
        for number in range(count if all_frames else 1):
            if number:
                im.seek(number)
            if deep > 8 and count == 1:
                values, alpha, lost = pillow.deep_avif(file, deep)
            else:
                values, alpha, lost = pillow.samples(im)
                lost += (f"{deep}-bit",) if deep > 8 else ()
            if count > 1 and all_frames:  # all frames have alpha, or none
                alpha = pillow.full(values, alpha) if seen_through else None
            elif count > 1 and alpha is not None and name == "WEBP" and alpha.min() == 255:
                alpha = None  # animated WebP always comes with alpha
            ride = pillow.ride_of(im, name, file)
            save = ride["save"]
            save["lost"] = (*save.get("lost", ()), *lost)
            if count > 1:
                save |= {"frames": count, "duration": im.info.get("duration", 0)}
                save |= {key: im.info[key] for key in ("loop",) if key in im.info}
            yield _finish(values, alpha, ride, im.info.get("exif") if number == 0 else None)
