"""What rides along with the pixels: metadata, profiles and the encoder's own choices."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from pixcli.media import (
    Picture,
    Ride,
    encode,
    read,
    write,
)
from tests.media.scenes import same, scene, stored

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:PIL"
)  # as the module itself asks; pytest resets it


def test_jpeg_keeps_tables_subsampling_and_form():
    source = stored(
        Image.fromarray(scene(64, 64).pixels), "JPEG", quality=63, subsampling="4:2:2", progressive=True
    )
    out = Image.open(io.BytesIO(encode(read(source))))
    assert out.quantization == Image.open(io.BytesIO(source)).quantization
    assert out.info.get("progressive")
    assert read(encode(read(source))).ride.save["subsampling"] == "4:2:2"
    finer = read(encode(read(source), quality=95)).ride.save["qtables"]
    assert max(finer[0]) < max(read(source).ride.save["qtables"][0])


@pytest.mark.parametrize("compression", ["none", "lzw", "packbits", "deflate", "zstd"])
def test_tiff_compression_stays(tmp_path, compression):
    tifffile.imwrite(tmp_path / "a.tif", scene(32, 32).pixels, photometric="rgb", compression=compression)
    before = read(tmp_path / "a.tif")
    write(before, tmp_path / "b.tif")
    after = read(tmp_path / "b.tif")
    same(before, after)
    assert after.ride.save == before.ride.save


@pytest.mark.parametrize("lossless", [False, True])
def test_webp_stays_lossless_or_lossy(lossless):
    source = stored(Image.fromarray(scene(32, 32).pixels), "WEBP", lossless=lossless)
    assert read(source).ride.save["lossless"] is lossless
    assert read(encode(read(source))).ride.save["lossless"] is lossless


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path, suffix, orientation):
    from PIL import ImageOps

    values = np.zeros((16, 32, 3), np.uint8)
    values[:8, :16, 0] = values[:8, 16:, 1] = values[8:, :16, 2] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    if suffix == ".tif":
        tifffile.imwrite(
            tmp_path / "a.tif", values, photometric="rgb", extratags=[(274, 3, 1, orientation, True)]
        )
    else:
        exact = {
            ".jpg": {"quality": 100, "subsampling": 0},
            ".webp": {"lossless": True},
            ".avif": {"quality": 100},
        }
        Image.fromarray(values).save(tmp_path / f"a{suffix}", exif=exif, **exact.get(suffix, {}))
    plain = Image.fromarray(values)
    plain.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(plain))
    first = read(tmp_path / f"a{suffix}")
    assert first.pixels.shape == upright.shape
    inner = np.s_[4::8, 4::8]  # away from the edges, which lossy formats blur
    np.testing.assert_allclose(first.pixels[inner].astype(int), upright[inner], atol=20)
    write(first, tmp_path / f"b{suffix}")
    np.testing.assert_allclose(
        read(tmp_path / f"b{suffix}").pixels[inner].astype(int), upright[inner], atol=20
    )


def test_what_rides_along_comes_out(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0xA002] = 99
    icc = display_p3()
    ride = Ride(icc=icc, exif=exif.tobytes()[6:], xmp=b"<x:xmpmeta/>", dpi=(240.0, 240.0), comment=b"hello")
    picture = Picture(scene(16, 16).pixels, None, ride)
    keeps = {".jpg": "icc exif xmp dpi comment", ".png": "icc exif xmp dpi", ".tif": "icc exif xmp dpi"}
    keeps |= {".webp": "icc exif xmp", ".avif": "icc exif xmp"}
    for suffix, fields in keeps.items():
        lost = write(picture, tmp_path / f"a{suffix}")
        back = read(tmp_path / f"a{suffix}").ride
        for field in fields.split():
            assert getattr(back, field), (suffix, field)
        assert back.icc == icc
        assert back.xmp == ride.xmp
        assert set(lost) == {"dpi", "comment"} - set(fields.split()) - (
            {"comment"} if suffix == ".png" else set()
        )
        parsed = Image.Exif()
        parsed.load(b"Exif\0\0" + back.exif)
        assert parsed[0x010F] == "Maker"
        assert parsed.get_ifd(0x8769)[0xA002] == 16, "the size in EXIF follows the pixels"


def test_png_text_and_colour_chunks_come_out():
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Title", "näive", zip=True)
    info.add_itxt("Author", "Ωmega")
    info.add(b"cICP", bytes((9, 16, 0, 1)))
    source = read(stored(Image.fromarray(scene().pixels), "PNG", pnginfo=info))
    assert source.ride.text == {"Title": "näive", "Author": "Ωmega"}
    back = read(encode(source)).ride
    assert back.text == source.ride.text
    assert back.save["chunks"] == ((b"cICP", bytes((9, 16, 0, 1))),)


def display_p3() -> bytes:
    import imagecodecs

    primaries = [0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0]
    return bytes(
        imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.3290, 1.0], primaries=primaries, gamma=2.2)
    )


def test_cmyk_becomes_srgb_and_says_so(tmp_path):
    ink = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    picture = read(stored(ink, "JPEG"))
    assert picture.pixels.shape == (8, 8, 3)
    assert picture.pixels[0, 0, 0] < 20
    assert picture.pixels[0, 0, 1] > 235
    assert write(picture, tmp_path / "a.jpg") == ("cmyk",)


def test_a_profile_of_another_colour_space_is_left_out():
    gray = Image.fromarray(scene(channels=1).pixels[..., 0])
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read(stored(gray, "PNG", icc_profile=srgb))
    assert picture.ride.icc is None
    assert "icc (damaged)" in picture.ride.save["lost"]
