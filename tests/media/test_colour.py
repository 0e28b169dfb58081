"""To sRGB and back."""

import imagecodecs
import numpy as np
import pytest

from pixcli.media import Picture, Ride
from pixcli.media.colour import (
    as_float,
    as_type,
    convert_float,
    from_srgb,
    ink_to_srgb,
    srgb_profile,
    to_srgb,
    usable,
)

D65 = [0.3127, 0.3290, 1.0]
P3 = [0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0]


def wide() -> bytes:
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=P3, gamma=2.2))


def gray() -> bytes:
    return bytes(imagecodecs.cms_profile("gray", whitepoint=D65, gamma=1.8))


def every_colour(dtype: type) -> np.ndarray:
    peak = np.iinfo(dtype).max if dtype is not np.float32 else 1
    steps = np.linspace(0, peak, 9)
    return np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3).astype(dtype)


@pytest.mark.parametrize("icc", [None, bytes(imagecodecs.cms_profile("srgb"))])
def test_nothing_is_copied_when_nothing_is_to_be_done(icc):
    picture = Picture(every_colour(np.uint8), None, Ride(icc=icc))
    assert to_srgb(picture) is picture.pixels
    assert from_srgb(picture.pixels, picture) is picture.pixels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_wide_profile_goes_there_and_back(dtype):
    picture = Picture(every_colour(dtype), None, Ride(icc=wide()))
    rgb = to_srgb(picture)
    assert rgb.dtype == np.float32
    assert rgb.min() < -0.02, "the colours that sRGB cannot show lie outside, unclipped"
    back = from_srgb(rgb, picture)
    assert back.dtype == dtype
    np.testing.assert_allclose(
        back.astype(float), picture.pixels, atol=0 if dtype == np.uint8 else picture.peak * 5e-4
    )


def test_tables_give_what_the_library_gives():
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    picture = Picture(pixels, None, Ride(icc=wide()))
    truth = convert_float(as_float(pixels), wide(), srgb_profile())
    np.testing.assert_allclose(to_srgb(picture), truth, atol=3e-4, rtol=3e-4)
    np.testing.assert_array_equal(from_srgb(to_srgb(picture), picture), pixels)


def test_white_stays_white():
    picture = Picture(np.full((1, 1, 3), 255, np.uint8), None, Ride(icc=wide()))
    np.testing.assert_allclose(to_srgb(picture), 1, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_gray_profiles_are_followed(dtype):
    peak = 1 if dtype is np.float32 else np.iinfo(dtype).max
    ramp = np.linspace(0, peak, 64).astype(dtype).reshape(8, 8, 1)
    picture = Picture(ramp, None, Ride(icc=gray()))
    rgb = to_srgb(picture)
    assert rgb.shape == (8, 8, 3)
    assert abs(float(rgb[4, 0, 1]) - (0.5**1.8 * 1.055**2.4) ** (1 / 2.4)) < 0.1
    back = from_srgb(rgb[..., :1], picture)
    np.testing.assert_allclose(back.astype(float), ramp, atol=peak * 1e-3 if dtype != np.uint8 else 0)


def test_gray_without_a_profile_is_repeated():
    picture = Picture(np.arange(6, dtype=np.uint8).reshape(2, 3, 1))
    np.testing.assert_array_equal(to_srgb(picture), picture.pixels.repeat(3, 2))


def test_a_broken_profile_is_not_usable():
    assert usable(wide(), 3)
    assert not usable(wide(), 1)
    assert not usable(gray(), 3)
    assert not usable(b"\0" * 300, 3)
    assert not usable(wide()[:200], 3)


@pytest.mark.parametrize("source", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("target", [np.uint8, np.uint16, np.float32])
def test_depths_change_by_rounding_and_white_stays_white(source, target):
    tops = {np.uint8: 255, np.uint16: 65535, np.float32: 1}
    values = (np.linspace(0, 1, 1001) * tops[source]).astype(source)
    out = as_type(values, target)
    assert out.dtype == target
    assert out[0] == 0
    assert out[-1] == tops[target]
    exact = values.astype(np.float64) / tops[source] * tops[target]
    assert np.abs(out - exact).max() <= (0.5 + 1e-2 if target is not np.float32 else 1e-6)


def test_floats_outside_are_clipped_and_nan_is_black():
    np.testing.assert_array_equal(as_type(np.float32([-1, 2, np.nan]), np.uint8), [0, 255, 0])


def test_ink_without_a_profile_is_mixed_plainly():
    ink = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255]]], np.uint8)
    np.testing.assert_array_equal(ink_to_srgb(ink, None)[0], [[255, 255, 255], [0, 255, 255], [0, 0, 0]])
