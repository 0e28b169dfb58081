"""Between a file's own colour space and sRGB, in which the networks work."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import imagecodecs
import numpy as np
from PIL import ImageCms

from pixcli.media.metadata import icc_space
from pixcli.media.picture import Array, Picture, peak_of
from pixcli.media.shaper import Shaper, shaper_of

_D65, _REC709 = [0.3127, 0.3290, 1.0], [0.64, 0.33, 1.0, 0.30, 0.60, 1.0, 0.15, 0.06, 1.0]
_COLORSPACES = {"RGB": "rgb", "GRAY": "gray", "CMYK": "cmyk", "Lab": "lab"}


def to_srgb(picture: Picture) -> Array:
    """The picture's colours as sRGB, (H, W, 3).

    Without a profile, or with one that is sRGB, a colour picture's own array is returned, not a copy; a grey
    one is repeated three times. Else float32 with 0..1 for what sRGB can show; more saturated colours lie
    outside, so that `from_srgb` brings them back. White is at the peak of the returned array's type, not of
    the picture's.
    """
    pixels = picture.pixels
    icc = _foreign(picture.ride.icc, pixels.shape[2])
    if icc is not None:
        if picture.gray:
            pixels = _gray_to_srgb(pixels, icc)
        elif (shaper := _shaper(icc, pixels.dtype)) is not None:
            pixels = shaper.to_srgb(pixels)
        else:
            pixels = convert_float(as_float(pixels), icc, srgb_profile())
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def from_srgb(rgb: Array, picture: Picture) -> Array:
    """sRGB values brought into the picture's own space and type, the reverse of `to_srgb`.

    rgb: (H, W, 3) or (H, W, 1), uint8, uint16, or float with 0..1. Same channels back; the very array when
    nothing is to be done. A colour result of a picture with a grey profile stays sRGB (the writer leaves that
    profile out).
    """
    icc = _foreign(picture.ride.icc, rgb.shape[2])
    if icc is not None:
        if rgb.shape[2] == 1:
            rgb = _srgb_to_gray(rgb, icc)
        elif (shaper := _shaper(icc, picture.pixels.dtype)) is not None:
            rgb = shaper.from_srgb(as_float(rgb), picture.pixels.dtype)
        else:
            rgb = convert_float(as_float(rgb), srgb_profile(), icc)
    return as_type(rgb, picture.pixels.dtype)


def as_float(values: Array) -> Array:
    """uint8 and uint16 as float32 with 1.0 for white; floats as float32."""
    if values.dtype == np.uint8 or values.dtype == np.uint16:
        return np.multiply(values, np.float32(1 / np.iinfo(values.dtype).max), dtype=np.float32)
    return values.astype(np.float32, copy=False)


def as_type(values: Array, dtype: np.dtype[np.generic] | type) -> Array:
    """Values rescaled between uint8, uint16 and float32 (0..1), rounded and clipped; the very array if so."""
    dtype = np.dtype(dtype)
    if values.dtype == dtype:
        return values
    if dtype == np.float32:
        return as_float(values)
    if values.dtype == np.uint8:
        return values.astype(np.uint16) * np.uint16(257)
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    peak = peak_of(dtype)
    scaled = values * np.float32(peak)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, peak, out=scaled)
    return np.nan_to_num(scaled, copy=False).astype(dtype)


def ink_to_srgb(ink: Array, icc: bytes | None) -> Array:
    """CMYK (H, W, 4) of integers, 0 without ink, as sRGB of that type, by its profile or else plainly."""
    if icc is not None and icc_space(icc) == "CMYK":
        return _convert(ink, icc)
    peak = np.iinfo(ink.dtype).max
    paper = (peak - ink).astype(np.uint32)  # what each ink lets through
    plain: Array = (paper[..., :3] * paper[..., 3:] // peak).astype(ink.dtype)
    return plain


def lab_to_srgb(lab: Array) -> Array:
    """CIELab (H, W, 3) of uint8 with a and b offset by 128 (white point D50), as sRGB of uint8."""
    return _convert(lab, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    return bytes(imagecodecs.cms_profile("srgb"))


@lru_cache(maxsize=8)
def _shaper(icc: bytes, dtype: np.dtype[Any]) -> Shaper | None:
    """The fast way through this profile; near black its tables are too coarse for more than 8 bits."""
    if dtype != np.uint8:
        return None
    light = bytes(imagecodecs.cms_profile("rgb", whitepoint=_D65, primaries=_REC709, gamma=1.0))
    return shaper_of(icc, int(np.iinfo(dtype).max) + 1, convert_float, light, srgb_profile())


@lru_cache(maxsize=64)
def usable(icc: bytes, channels: int) -> bool:
    """Whether this profile can be read and is one for grey (1) or colour (3) pictures."""
    space = icc_space(icc)
    if space != ("GRAY" if channels == 1 else "RGB"):
        return False
    probe = np.zeros((1, 1, channels), np.float32)
    try:
        convert_float(probe, icc, srgb_profile())
    except Exception:  # the library raises plain errors of its own for broken profiles
        return False
    return True


@lru_cache(maxsize=64)
def is_srgb(icc: bytes) -> bool:
    """Whether a profile for colour gives sRGB's own values: a grid of colours, to half an 8-bit level."""
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, -1, 3)
    return bool(np.abs(convert_float(grid, icc, srgb_profile()) - grid).max() < 0.5 / 255)


def _foreign(icc: bytes | None, channels: int) -> bytes | None:
    """The profile when pixels of so many channels have to be converted."""
    if icc is None or not usable(icc, channels):
        return None
    return None if channels == 3 and is_srgb(icc) else icc


def convert_float(values: Array, source: bytes, target: bytes) -> Array:
    """Float values (H, W, C) through two profiles, relative colorimetric, unbounded; C follows the target."""
    gray = values.shape[2] == 1
    return _run(values[..., 0] if gray else values, source, target, "f4")


def _convert(values: Array, source: bytes) -> Array:
    try:
        return _run(values, source, srgb_profile(), values.dtype.str[1:])
    except imagecodecs.CmsError as e:
        raise ValueError(f"its colour profile cannot be used: {e}") from None


def _run(values: Array, source: bytes, target: bytes, dtype: str) -> Array:
    out: Array = imagecodecs.cms_transform(
        np.ascontiguousarray(values),
        source,
        target,
        colorspace=_colorspace(source),
        outcolorspace=_colorspace(target),
        outdtype=dtype,
    )
    return out


def _colorspace(icc: bytes) -> str:
    return _COLORSPACES[icc_space(icc) or "RGB"]


@lru_cache(maxsize=8)
def _gray_curve(icc: bytes, size: int) -> Array:
    """sRGB grey (0..1) of `size` even steps of a grey profile."""
    ramp = np.linspace(0, 1, size, dtype=np.float32).reshape(1, -1, 1)
    return np.ascontiguousarray(convert_float(ramp, icc, srgb_profile())[0, :, 1])


def _gray_to_srgb(pixels: Array, icc: bytes) -> Array:
    if pixels.dtype == np.float32:
        curve = _gray_curve(icc, 4097)
        return np.interp(pixels, np.linspace(0, 1, len(curve)), curve).astype(np.float32)
    curve = _gray_curve(icc, int(np.iinfo(pixels.dtype).max) + 1)
    return curve[pixels]


def _srgb_to_gray(gray: Array, icc: bytes) -> Array:
    curve = _gray_curve(icc, 65536)
    return np.interp(as_float(gray), curve, np.linspace(0, 1, len(curve))).astype(np.float32)
