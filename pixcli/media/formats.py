"""What each written format can hold, and pictures brought into what it can; whatever that costs is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pixcli.errors import InputError, UsageError
from pixcli.media.colour import as_float, as_type, is_srgb, to_srgb, usable
from pixcli.media.kind import format_of_suffix, written_as
from pixcli.media.metadata import exif_for
from pixcli.media.picture import Array, Picture, Ride


@dataclass(frozen=True)
class Can:
    """What a format holds. bits: depths, 32 for float. keeps: fields of Ride. side: the longest in pixels.

    light: its samples are linear light, whatever the picture's were.
    """

    bits: tuple[int, ...] = (8,)
    alpha: bool = False
    keeps: frozenset[str] = frozenset()
    frames: bool = False
    side: int = 1 << 31
    light: bool = False


_JPEG_SEGMENT = 65_500  # bytes of metadata in one piece
_TAGS = frozenset({"icc", "exif", "xmp"})
CAN = {
    "JPEG": Can(keeps=_TAGS | {"dpi", "comment"}, side=65_500),
    "PNG": Can((8, 16), True, _TAGS | {"dpi", "text", "comment"}, frames=True),
    "TIFF": Can((8, 16, 32), True, _TAGS | {"dpi"}, frames=True),
    "WEBP": Can(alpha=True, keeps=_TAGS, frames=True, side=16_383),
    "AVIF": Can(alpha=True, keeps=_TAGS, frames=True, side=65_536),
    "JPEG2000": Can((8, 16), True),
    "GIF": Can(alpha=True, keeps=frozenset({"comment"}), frames=True, side=65_535),
    "BMP": Can(keeps=frozenset({"dpi"}), side=32_767),
    "TGA": Can(alpha=True, side=65_535),
    "PPM": Can((8, 16, 32), True),
    "HEIC": Can((8, 16), True, _TAGS, side=16_384),
    "JXL": Can(alpha=True, keeps=frozenset({"exif", "xmp"})),
    "EXR": Can((8, 16, 32), True, light=True),
    "HDR": Can((8, 16, 32), light=True),
}


def plan_format(picture: Picture, wanted: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The format that a picture should be written in, and what has to be said of it.

    wanted: a format or suffix that a person asked for: taken, whatever it loses (`write` names that), unless
    the picture is too large for it. None: the picture's own, or where that cannot hold the pixels or their
    profile (GIF of photographs, 16-bit or alpha into JPEG, formats that are only read) the nearest of PNG and
    TIFF; then ("format GIF",). Raises UsageError for a format unknown.
    """
    meant = picture.ride.format if wanted is None else known(wanted)
    name = written_as(meant) if wanted is None else meant
    if not _holds(name, picture, strict=wanted is None):
        name = next((n for n in ("PNG", "TIFF") if _holds(n, picture, strict=True)), "TIFF")
    return name, () if name == meant else (f"format {meant}",)


def known(name: str) -> str:
    """The format that people mean by a name or suffix. Raises UsageError."""
    found = format_of_suffix(name)
    if found is None:
        raise UsageError(
            f"{name or 'a name without a suffix'}: no format that can be written",
            f"one of {', '.join(CAN).lower()}",
        )
    return found


def _holds(name: str, picture: Picture, *, strict: bool) -> bool:
    can = CAN[name]
    if max(picture.width, picture.height) > can.side:
        return False
    frames = can.frames or picture.ride.save.get("frames", 1) == 1
    alpha = picture.alpha is None or can.alpha
    return not strict or (frames and alpha and _depth_fits(name, picture) and _profile_fits(name, picture))


def _profile_fits(name: str, picture: Picture) -> bool:
    icc, can = picture.ride.icc, CAN[name]
    if icc is None or "icc" in can.keeps or can.light or not usable(icc, picture.pixels.shape[2]):
        return True
    return not picture.gray and is_srgb(icc)


def _depth_fits(name: str, picture: Picture) -> bool:
    floats = picture.pixels.dtype == np.float32
    return 8 * picture.pixels.dtype.itemsize in CAN[name].bits and not (
        name == "PPM" and floats and picture.alpha is not None
    )


def fitted(picture: Picture, name: str) -> tuple[Picture, list[str]]:
    """The picture in a type and space that the format holds, with only such metadata, and what was lost."""
    can, ride = CAN[name], picture.ride
    if max(picture.width, picture.height) > can.side:
        raise InputError(f"{picture.width} × {picture.height} is too large for {name}", "--format png")
    lost = list(ride.save.get("lost", ()))
    pixels, alpha, dtype = picture.pixels, picture.alpha, picture.pixels.dtype
    icc = ride.icc if ride.icc is None or usable(ride.icc, pixels.shape[2]) else None
    if ride.icc is not None and icc is None:
        lost.append("icc")
    elif icc is not None and "icc" not in can.keeps and not can.light:
        if picture.gray or not is_srgb(icc):
            lost.append("icc")
            pixels = to_srgb(picture)[..., : pixels.shape[2]]  # without its profile the file has to be sRGB
        icc = None
    if not _depth_fits(name, picture):
        lost.append("16-bit" if dtype == np.uint16 else "float")
        dtype = np.dtype(np.uint16 if 16 in can.bits else np.uint8)
    if alpha is not None and not can.alpha:
        lost.append("alpha")
        pixels, alpha = _on_white(pixels, alpha), None
    pixels = as_type(pixels, dtype)
    alpha = None if alpha is None else as_type(alpha, dtype)
    kept: dict[str, Any] = {"icc": icc}  # which formats of light need to find theirs
    for field in ("exif", "xmp", "dpi", "comment"):
        value = getattr(ride, field)
        fits = name != "JPEG" or field == "dpi" or len(value or b"") <= _JPEG_SEGMENT
        kept[field] = value if field in can.keeps and fits else None
        if value and not kept[field]:
            lost.append(field)
    if ride.text and "text" not in can.keeps:
        lost.append("text")
    if ("app13" in ride.save and name != "JPEG") or ("tags" in ride.save and name != "TIFF"):
        lost.append("iptc")
    if any(kind == b"cICP" for kind, _ in ride.save.get("chunks", ())) and name != "PNG":
        lost.append("cicp")
    kept["exif"] = exif_for(kept["exif"], picture.width, picture.height)
    return Picture(pixels, alpha, Ride(ride.format, ride.mode, text=ride.text, save=ride.save, **kept)), lost


def _on_white(pixels: Array, alpha: Array) -> Array:
    cover = as_float(alpha)[..., None]
    return as_type(as_float(pixels) * cover + (1 - cover), pixels.dtype)
