"""Pictures of linear light: EXR and Radiance hold no profile, so one of their own light goes with them."""

from __future__ import annotations

import struct
from functools import lru_cache

import imagecodecs
import numpy as np

from pixcli.media.colour import as_float, convert_float, srgb_profile, to_srgb
from pixcli.media.picture import Array, Picture

# x and y of red, green, blue, white: those of sRGB (Rec. 709)
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


@lru_cache(maxsize=8)
def profile(chromaticities: tuple[float, ...] = REC709) -> bytes:
    """The ICC profile of linear light with these primaries and white: x and y of red, green, blue, white."""
    xr, yr, xg, yg, xb, yb, xw, yw = chromaticities
    primaries = [xr, yr, 1.0, xg, yg, 1.0, xb, yb, 1.0]
    return _undated(imagecodecs.cms_profile("rgb", whitepoint=[xw, yw, 1.0], primaries=primaries, gamma=1.0))


@lru_cache(maxsize=1)
def gray_profile() -> bytes:
    return _undated(imagecodecs.cms_profile("gray", whitepoint=[*REC709[6:8], 1.0], gamma=1.0))


def _undated(icc: bytes) -> bytes:
    """With one date for ever: the same picture gives the same bytes, and the same profile is known again."""
    return bytes(icc[:24]) + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + bytes(icc[36:])


def light_of(picture: Picture) -> tuple[Array, tuple[float, ...]]:
    """(H, W, 1 or 3) float32 of linear light, and the primaries and white that it is of."""
    own = picture.ride.save.get("chromaticities")
    if own is not None and picture.ride.icc in (profile(own), gray_profile()):
        return picture.pixels.astype(np.float32, copy=False), own
    rgb = convert_float(as_float(to_srgb(picture)), srgb_profile(), profile())
    return np.ascontiguousarray(rgb[..., : picture.pixels.shape[2]]), REC709
