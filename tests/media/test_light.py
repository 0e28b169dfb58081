"""HEIC, JPEG XL, EXR, Radiance, deep AVIF and camera raw: read at full depth, written where that keeps it."""

import sys
from importlib.util import find_spec

import imagecodecs
import numpy as np
import pytest

from pixcli.errors import InputError
from pixcli.media import Picture, Ride, encode, linear, plan_format, read, write
from pixcli.media.colour import from_srgb, to_srgb
from tests.media.raws import WHITE, write_dng
from tests.media.scenes import same, scene

heic = pytest.mark.skipif(not find_spec("pillow_heif"), reason="no pillow-heif")
exr = pytest.mark.skipif(not find_spec("OpenEXR"), reason="no OpenEXR")
raw = pytest.mark.skipif(not find_spec("rawpy"), reason="no rawpy")


P3 = [0.68, 0.32, 1, 0.265, 0.69, 1, 0.15, 0.06, 1]


def smooth(height: int = 32, width: int = 48, dtype: type = np.uint8) -> Picture:
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    values = np.stack((x, y, (x + y) / 2), -1)
    if dtype is np.float32:
        return Picture(values.astype(dtype))
    return Picture((values * np.iinfo(dtype).max).round().astype(dtype))


@heic
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("alpha", [False, True])
def test_heic_keeps_its_depth_and_what_rides_along(tmp_path, bits, alpha):
    picture = smooth(dtype=np.uint8 if bits == 8 else np.uint16)
    cover = np.full(picture.pixels.shape[:2], picture.peak, picture.pixels.dtype) if alpha else None
    icc = bytes(imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.329, 1], primaries=P3, gamma=1.8))
    ride = Ride("HEIC", icc=icc, xmp=b"<x:xmpmeta/>", save={"bits": bits})
    assert write(Picture(picture.pixels, cover, ride), tmp_path / "a.heic") == ()
    back = read(tmp_path / "a.heic")
    assert back.pixels.dtype == picture.pixels.dtype
    assert back.ride.save["bits"] == bits
    assert (back.ride.icc, back.ride.xmp) == (icc, b"<x:xmpmeta/>")
    assert (back.alpha is not None) == alpha
    np.testing.assert_allclose(back.pixels / picture.peak, picture.pixels / picture.peak, atol=0.03)
    if bits > 8:
        assert len(np.unique(back.pixels)) > 256
    assert plan_format(back) == ("HEIC", ())


def test_avif_is_read_at_its_own_depth_and_written_where_that_stays(tmp_path):
    for bits in (10, 12):
        deep = (smooth(dtype=np.float32).pixels * ((1 << bits) - 1)).astype(np.uint16)
        data = bytes(imagecodecs.avif_encode(deep, level=100, bitspersample=bits, pixelformat="444"))
        picture = read(data)
        assert picture.pixels.dtype == np.uint16
        np.testing.assert_allclose(picture.pixels / 65535, deep / ((1 << bits) - 1), atol=2 / 1024)
        assert plan_format(picture) == ("PNG", ("format AVIF",))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_jpeg_xl_of_8_bits_is_written_without_loss(tmp_path, channels, alpha):
    picture = scene(channels=channels, alpha=alpha)
    picture = Picture(picture.pixels, picture.alpha, Ride("JXL", xmp=b"<x:xmpmeta/>"))
    assert plan_format(picture) == ("JXL", ())
    assert write(picture, tmp_path / "a.jxl") == ()
    back = read(tmp_path / "a.jxl")
    same(picture, back)
    assert back.ride.xmp == picture.ride.xmp
    assert back.ride.icc is None


@pytest.mark.parametrize("bits", [10, 16])
def test_deep_jpeg_xl_is_read_whole_and_becomes_png(bits):
    deep = (smooth(dtype=np.float32).pixels * ((1 << bits) - 1)).astype(np.uint16)
    picture = read(bytes(imagecodecs.jpegxl_encode(deep, lossless=True, bitspersample=bits)))
    np.testing.assert_allclose(picture.pixels / 65535, deep / ((1 << bits) - 1), atol=1e-5)
    assert picture.ride.icc is not None, "the library writes these as linear light"
    assert plan_format(picture) == ("PNG", ("format JXL",))


LIGHT = [pytest.param("EXR", marks=exr), "HDR"]


@pytest.mark.parametrize("name", LIGHT)
def test_linear_light_comes_back_as_it_was(name):
    light = smooth(dtype=np.float32).pixels * 8
    first = read(encode(Picture(light, None, Ride(name, icc=None)), name))
    again = read(encode(first, name))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert first.pixels.max() > 4
    assert plan_format(first) == (name, ())


@pytest.mark.parametrize("name", LIGHT)
def test_light_goes_through_srgb_and_back(name):
    picture = read(encode(Picture(smooth(dtype=np.float32).pixels * 3), name))
    rgb = to_srgb(picture)
    assert rgb.max() > 1.2, "brighter than white stays so"
    np.testing.assert_allclose(from_srgb(rgb, picture), picture.pixels, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", LIGHT)
def test_a_display_picture_becomes_light_and_looks_the_same(name):
    picture = smooth()
    back = read(encode(picture, name))
    grey = picture.pixels[16, 24] / 255
    linear = np.where(grey <= 0.04045, grey / 12.92, ((grey + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(back.pixels[16, 24], linear, rtol=0.02, atol=2e-3)
    # the smallest of three may vanish beside the largest, with which it shares its exponent
    np.testing.assert_allclose(to_srgb(back), picture.pixels / 255, atol=0.08)


def test_a_profile_of_light_does_not_tell_the_time():
    before = linear.profile(), linear.gray_profile()
    linear.profile.cache_clear()
    linear.gray_profile.cache_clear()
    assert before == (linear.profile(linear.REC709), linear.gray_profile())
    assert before[0][24:26] == (2000).to_bytes(2)


@exr
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("half", [False, True])
def test_exr_keeps_type_and_alpha_and_light_without_alpha(half, channels):
    picture = scene(channels=channels, dtype=np.float32, alpha=True)
    picture.alpha[0, :4] = 0, 0.25, 0.5, 1
    first = read(encode(Picture(picture.pixels, picture.alpha, Ride(save={"half": half})), "EXR"))
    again = read(encode(first, "EXR"))
    assert first.ride.save["half"] is half
    np.testing.assert_allclose(again.pixels, first.pixels, rtol=2e-3 if half else 1e-6)
    np.testing.assert_array_equal(again.alpha, first.alpha)
    assert first.pixels[0, 0].max() > 0


@raw
@pytest.mark.parametrize("suffix", [".dng", ".tif"])
def test_camera_raw_is_developed_to_16_bits(tmp_path, suffix):
    sensor = np.full((64, 96), 2000, np.uint16)
    sensor[:, 48:] = 8000
    path = write_dng(tmp_path / f"a{suffix}", sensor)
    picture = read(path)
    assert picture.pixels.dtype == np.uint16
    assert picture.pixels.shape == (64, 96, 3)
    assert picture.sensor is not None
    assert (picture.sensor.counts == sensor).all()
    assert (picture.sensor.pattern, picture.sensor.white) == ("RGGB", WHITE)
    left, right = picture.pixels[32, 20].mean(), picture.pixels[32, 76].mean()
    assert left < right
    assert plan_format(picture) == ("PNG", ("format RAW",))


@pytest.mark.parametrize(
    ("module", "extra", "head"),
    [
        ("pillow_heif", "heic", b"\0\0\0\x18ftypheic\0\0\0\0heic"),
        ("OpenEXR", "exr", b"v/1\x01\2\0\0\0"),
        ("rawpy", "raw", b"FUJIFILMCCD-RAW 0201"),
    ],
)
def test_a_missing_extra_is_named_with_the_line_to_type(monkeypatch, module, extra, head):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError) as e:
        read(head + bytes(600))
    assert f'pip install "pixcli[{extra}]"' in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("name", [*LIGHT, pytest.param("HEIC", marks=heic), "JXL"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_cut_files_are_refused_in_one_line(name, part):
    data = encode(scene(40, 40), name)
    with pytest.raises(InputError) as e:
        read(data[: int(len(data) * part)])
    assert "\n" not in str(e.value)
