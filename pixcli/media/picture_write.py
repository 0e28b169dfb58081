"""Pictures to files and bytes, in their own form where that can hold them; what could not be kept is named.

The names of what was lost are short words for the line and the JSON: "icc", "alpha", "16-bit", "float", "exif", "xmp", "dpi", ...
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

from pixcli.errors import InputError, PixcliError, UsageError
from pixcli.media import png, pnm, tiff
from pixcli.media.atomic import atomic
from pixcli.media.colour import as_float, as_type, is_srgb, to_srgb, usable
from pixcli.media.kind import format_of_suffix, written_as
from pixcli.media.metadata import exif_for
from pixcli.media.picture import Array, Picture, Ride


@dataclass(frozen=True)
class _Can:
    """What a format holds. bits: the depths, 32 for float. keeps: fields of Ride. side: the longest in pixels."""

    bits: tuple[int, ...] = (8,)
    alpha: bool = False
    keeps: frozenset[str] = frozenset()
    frames: bool = False
    side: int = 1 << 31


_TAGS = frozenset({"icc", "exif", "xmp"})
_CAN = {
    "JPEG": _Can(keeps=_TAGS | {"dpi", "comment"}, side=65_500),
    "PNG": _Can((8, 16), True, _TAGS | {"dpi", "text", "comment"}, frames=True),
    "TIFF": _Can((8, 16, 32), True, _TAGS | {"dpi"}, frames=True),
    "WEBP": _Can(alpha=True, keeps=_TAGS, frames=True, side=16_383),
    "AVIF": _Can(alpha=True, keeps=_TAGS, frames=True, side=65_536),
    "JPEG2000": _Can((8, 16), True),
    "GIF": _Can(alpha=True, keeps=frozenset({"comment"}), frames=True, side=65_535),
    "BMP": _Can(keeps=frozenset({"dpi"}), side=32_767),
    "TGA": _Can(alpha=True, side=65_535),
    "PPM": _Can((8, 16, 32), True),
}
_SUBSAMPLING = {
    "4:4:4": 0,
    "4:2:2": 1,
    "4:2:0": 2,
    "4:1:1": 1,
    "4:4:0": 0,
}  # the last two: the next finer that the encoder has


def plan_format(picture: Picture, wanted: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The format that a picture should be written in, and what has to be said of it.

    wanted: a format or suffix that a person asked for: taken, whatever it loses (`write` names that), unless the picture is too
    large for it. None: the picture's own, or where that cannot hold the pixels (GIF of photographs, 16-bit or alpha into JPEG,
    formats that are only read) the nearest of PNG and TIFF; then ("format GIF",). Raises UsageError for a format unknown.
    """
    own = picture.ride.format
    name = written_as(own) if wanted is None else _known(wanted)
    many = picture.ride.save.get("frames", 1) > 1
    if not _holds(name, picture, strict=wanted is None, many=many):
        name = next((n for n in ("PNG", "TIFF") if _holds(n, picture, strict=True, many=many)), "TIFF")
    return name, () if name == (own if wanted is None else _known(wanted)) else (f"format {wanted or own}",)


def write(
    picture: Picture,
    path: str | Path,
    *,
    format: str | None = None,
    quality: int | None = None,
    compress: int = 1,
) -> tuple[str, ...]:
    """Write a picture, atomically; returns the names of what was lost on the whole way from its file.

    format: a format's name or suffix; None: as the path's suffix says. quality: 1..100 for lossy formats; None keeps the
    source's own level. compress: 0..9 for PNG and deflated TIFF.
    Raises OutputError (disk full, read-only, forbidden), InputError when this picture does not fit, UsageError for a format unknown.
    """
    path = Path(path)
    name = _known(format or path.suffix)
    with atomic(path) as temp, temp.open("w+b") as file:
        lost = _write(picture, file, name, quality, compress)
    more = picture.ride.save.get("frames", 1) > 1
    return (*lost, "further frames") if more else lost


def encode(
    picture: Picture, format: str | None = None, *, quality: int | None = None, compress: int = 1
) -> bytes:
    """The bytes that `write` would write; format None: as `plan_format` says."""
    file = io.BytesIO()
    _write(picture, file, _known(format) if format else plan_format(picture)[0], quality, compress)
    return file.getvalue()


def write_frames(
    frames: Iterable[Picture],
    path: str | Path,
    *,
    format: str | None = None,
    quality: int | None = None,
    compress: int = 1,
) -> tuple[str, ...]:
    """Write all frames or pages to one file, with durations and loop of their rides; otherwise as `write`.

    Pages of a TIFF are written as they come; the frames of an animation are held in memory. Equal neighbours may be merged,
    their durations added. Raises InputError for a format of stills, and whatever `frames` raises.
    """
    path = Path(path)
    name = _known(format or path.suffix)
    if not _CAN[name].frames:
        raise InputError(f"{name} holds one picture, not several frames")
    with atomic(path) as temp, temp.open("w+b") as file, _faults(name):
        if name == "TIFF":
            return _write_tiff(frames, file, quality, compress)
        return _write_animation(list(frames), file, name, quality, compress)


def _known(name: str) -> str:
    known = format_of_suffix(name)
    if known is None:
        raise UsageError(
            f"{name or 'a name without a suffix'}: no format that can be written",
            f"one of {', '.join(_CAN).lower()}",
        )
    return known


def _holds(name: str, picture: Picture, *, strict: bool, many: bool) -> bool:
    can = _CAN[name]
    if max(picture.width, picture.height) > can.side:
        return False
    bits = picture.pixels.dtype.itemsize * 8
    deep = (
        bits in can.bits
        and (picture.alpha is None or can.alpha)
        and not (name == "PPM" and bits == 32 and picture.alpha is not None)
    )
    return not strict or (deep and (can.frames or not many))


@contextmanager
def _faults(name: str) -> Iterator[None]:
    try:
        yield
    except (PixcliError, OSError):
        raise
    except MemoryError:
        raise InputError(f"not enough memory to encode {name}") from None
    except Exception as e:  # the encoders raise anything
        raise InputError(f"cannot be encoded as {name}: {e}") from e


def _fitted(picture: Picture, name: str) -> tuple[Picture, list[str]]:
    """The picture in a type and space that the format holds, with only such metadata, and what was lost."""
    can, ride = _CAN[name], picture.ride
    if max(picture.width, picture.height) > can.side:
        raise InputError(f"{picture.width} × {picture.height} is too large for {name}", "--format png")
    lost = list(ride.save.get("lost", ()))
    pixels, alpha, dtype = picture.pixels, picture.alpha, picture.pixels.dtype
    icc = ride.icc if ride.icc is None or usable(ride.icc, pixels.shape[2]) else None
    if ride.icc is not None and icc is None:
        lost.append("icc")
    elif icc is not None and "icc" not in can.keeps:
        if picture.gray or not is_srgb(icc):
            lost.append("icc")
            pixels = to_srgb(picture)[..., : pixels.shape[2]]  # without its profile the file has to be sRGB
        icc = None
    bits = 8 * dtype.itemsize
    if bits not in can.bits or (bits == 32 and name == "PPM" and alpha is not None):
        dtype = np.dtype(np.uint16 if 16 in can.bits else np.uint8)
        lost.append("16-bit" if bits == 16 else "float")
    if alpha is not None and not can.alpha:
        lost.append("alpha")
        pixels, alpha = _on_white(pixels, alpha), None
    pixels = as_type(pixels, dtype)
    alpha = None if alpha is None else as_type(alpha, dtype)
    kept = {"icc": icc}
    for field in ("exif", "xmp", "dpi", "comment"):
        kept[field] = getattr(ride, field) if field in can.keeps else None
        if getattr(ride, field) and not kept[field]:
            lost.append(field)
    if ride.text and "text" not in can.keeps:
        lost.append("text")
    if "app13" in ride.save and name != "JPEG" or "tags" in ride.save and name != "TIFF":
        lost.append("iptc")
    if any(kind == b"cICP" for kind, _ in ride.save.get("chunks", ())) and name != "PNG":
        lost.append("cicp")
    kept["exif"] = exif_for(kept["exif"], picture.width, picture.height)
    return Picture(pixels, alpha, Ride(ride.format, ride.mode, text=ride.text, save=ride.save, **kept)), lost


def _on_white(pixels: Array, alpha: Array) -> Array:
    cover = as_float(alpha)[..., None]
    return as_type(as_float(pixels) * cover + (1 - cover), pixels.dtype)


def _samples(picture: Picture) -> Array:
    """Colour and alpha in one (H, W, C)."""
    return picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))


def _write(
    picture: Picture, file: IO[bytes], name: str, quality: int | None, compress: int
) -> tuple[str, ...]:
    with _faults(name):
        if name == "TIFF":
            return _write_tiff([picture], file, quality, compress)
        picture, lost = _fitted(picture, name)
        values, ride = _samples(picture), picture.ride
        if name == "PNG":
            for piece in png.encode(
                values[..., 0] if values.shape[2] == 1 else values, compress, _chunks(ride)
            ):
                file.write(piece)
        elif name == "PPM":
            for piece in pnm.encode(values):
                file.write(piece)
        elif name == "JPEG2000":
            file.write(
                imagecodecs.jpeg2k_encode(
                    np.squeeze(values, 2) if values.shape[2] == 1 else values, reversible=True
                )
            )
        else:
            im = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
            if name == "GIF":
                lost += _gif_losses(im)
            im.save(file, name, **_options(name, ride, quality))
    return tuple(dict.fromkeys(lost))


def _chunks(ride: Ride) -> list[tuple[bytes, bytes]]:
    text = dict(ride.text)
    if ride.comment:
        text["Comment"] = ride.comment.decode("utf-8", "replace")
    kept = ride.save.get("chunks", ()) if ride.format == "PNG" else ()
    return png.metadata_chunks(icc=ride.icc, exif=ride.exif, xmp=ride.xmp, dpi=ride.dpi, text=text, kept=kept)


def _options(name: str, ride: Ride, quality: int | None) -> dict[str, Any]:
    """Pillow's keywords for a format."""
    given: dict[str, Any] = {
        "icc_profile": ride.icc,
        "exif": ride.exif,
        "xmp": ride.xmp,
        "dpi": ride.dpi,
        "comment": ride.comment,
    }
    options = {key: value for key, value in given.items() if value is not None}
    hints = ride.save
    if name == "JPEG":
        options |= {
            "subsampling": _SUBSAMPLING[hints.get("subsampling", "4:4:4")],
            "progressive": hints.get("progressive", False),
        }
        if "qtables" in hints and quality is None:
            options["qtables"] = hints["qtables"]
        else:
            options["quality"] = quality or 95
        if "app13" in hints:
            options["extra"] = b"".join(b"\xff\xed" + (len(b) + 2).to_bytes(2) + b for b in hints["app13"])
    elif name == "WEBP":
        lossless = quality is None and hints.get("lossless", False)
        options |= {"lossless": lossless, "quality": quality or (75 if lossless else 90), "exact": True}
    elif name == "AVIF":
        options |= {"quality": quality or 90, "subsampling": "4:4:4"}
    return options


def _gif_losses(im: Any) -> list[str]:
    lost = [] if im.mode == "L" or im.convert("RGB").getcolors(256) is not None else ["colours"]
    if im.mode in ("LA", "RGBA") and any(
        n for a, n in enumerate(im.getchannel("A").histogram()) if 0 < a < 255
    ):
        lost.append("soft alpha")
    return lost


def _write_tiff(
    pages: Iterable[Picture], file: IO[bytes], quality: int | None, compress: int
) -> tuple[str, ...]:
    lost: list[str] = []
    exif: bytes | None = None
    first, rest = next(iterator := iter(pages)), iterator
    heavy = first.pixels.nbytes * first.ride.save.get("frames", 1) * 2 > 3 << 30
    with tifffile.TiffWriter(file, bigtiff=heavy, byteorder="<") as writer:
        for number, page in enumerate(chain([first], rest)):
            page, said = _fitted(page, "TIFF")
            lost += said
            exif = page.ride.exif if number == 0 else exif
            tiff.write_page(
                writer,
                _samples(page),
                alpha=page.alpha is not None,
                icc=page.ride.icc,
                exif=page.ride.exif if number == 0 else None,
                xmp=page.ride.xmp,
                dpi=page.ride.dpi,
                hints=page.ride.save,
                quality=quality,
                compress=compress,
            )
    if exif is not None:
        tiff.add_exif(file, exif)
    return tuple(dict.fromkeys(lost))


def _write_animation(
    frames: list[Picture], file: IO[bytes], name: str, quality: int | None, compress: int
) -> tuple[str, ...]:
    lost: list[str] = []
    fitted = []
    for frame in frames:
        if name == "PNG" and frame.pixels.dtype != np.uint8:
            lost.append("16-bit" if frame.pixels.dtype == np.uint16 else "float")
            frame = frame.with_pixels(
                as_type(frame.pixels, np.uint8),
                None if frame.alpha is None else as_type(frame.alpha, np.uint8),
            )
        frame, said = _fitted(frame, name)
        fitted.append(frame)
        lost += said
    images = [Image.fromarray(v) for v in _alike(fitted)]
    ride = fitted[0].ride
    options = _options(name, ride, quality)
    if name == "PNG":
        options |= {
            "compress_level": compress,
            "pnginfo": _pnginfo(ride),
            "default_image": ride.save.get("default_image", False),
        }
        options = {key: value for key, value in options.items() if key not in ("xmp", "comment")}
    elif name == "GIF":
        lost += chain.from_iterable(map(_gif_losses, images))
        options["disposal"] = 2 if images[0].mode == "RGBA" else 1
    if "loop" in ride.save or name != "GIF":
        options["loop"] = ride.save.get("loop", 1)
    durations = [frame.ride.save.get("duration", 0) for frame in fitted]
    if ride.save.get("default_image") and name == "PNG":
        durations = durations[1:]
    images[0].save(file, name, save_all=True, append_images=images[1:], duration=durations, **options)
    return tuple(dict.fromkeys(lost))


def _alike(frames: list[Picture]) -> Iterator[Array]:
    """All frames as RGB, or all as RGBA where one has alpha."""
    alpha = any(frame.alpha is not None for frame in frames)
    for frame in frames:
        colour = np.repeat(frame.pixels, 3, axis=2) if frame.gray else frame.pixels
        if not alpha:
            yield np.ascontiguousarray(colour)
        else:
            yield np.dstack(
                (colour, np.full(colour.shape[:2], 255, np.uint8) if frame.alpha is None else frame.alpha)
            )


def _pnginfo(ride: Ride) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for kind, body in _chunks(ride):
        if kind in (b"tEXt", b"iTXt"):
            info.add(kind, body)
    return info
