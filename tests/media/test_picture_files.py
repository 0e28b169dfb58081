"""Whole files: what goes in comes out, for every format that is written."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pixcli.errors import InputError, OutputError, UsageError
from pixcli.media import (
    Picture,
    Ride,
    encode,
    frames,
    kind_of,
    plan_format,
    read,
    size_of,
    write,
    write_frames,
)
from pixcli.media.kind import SUFFIXES
from tests.media.scenes import same, scene, stored

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:PIL"
)  # as the module itself asks; pytest resets it


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        *((s, np.uint8) for s in (".png", ".tif", ".jp2", ".ppm", ".tga")),
        *((s, np.uint16) for s in (".png", ".tif", ".jp2", ".ppm")),
        (".tif", np.float32),
    ],
)
def test_lossless_formats_give_back_every_sample(tmp_path, suffix, dtype, channels, alpha):
    picture = scene(channels=channels, dtype=dtype, alpha=alpha)
    path = tmp_path / f"a{suffix}"
    assert write(picture, path) == ()
    same(picture, read(path))
    assert kind_of(path) == "picture"
    assert size_of(path) == (17, 13)


def test_float_pictures_fit_a_portable_float_map(tmp_path):
    picture = scene(dtype=np.float32)
    write(picture, tmp_path / "a.pfm")
    same(picture, read(tmp_path / "a.pfm"))


@pytest.mark.parametrize("compress", [0, 1, 6])
def test_every_level_of_png_is_lossless(compress):
    picture = scene(dtype=np.uint16, alpha=True)
    same(picture, read(encode(picture, "PNG", compress=compress)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (1, 9), (17, 13)])
def test_interlaced_png_is_read_at_full_depth(size, dtype):
    picture = scene(*size, dtype=dtype, alpha=True)
    same(picture, read(interlaced(np.dstack((picture.pixels, picture.alpha)))))


def interlaced(values: np.ndarray) -> bytes:
    import struct
    import zlib

    from pixcli.media.png import _PASSES, chunk

    raw = b""
    for x, y, dx, dy in _PASSES:
        part = values[y::dy, x::dx]
        if part.size:
            raw += b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in part)
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 8 * values.itemsize, 6, 0, 0, 1)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_one_bit_and_palettes_become_the_smallest_mode():
    bits = Image.fromarray(scene(channels=1).pixels[..., 0] > 99)
    assert read(stored(bits, "PNG")).pixels.shape == (13, 17, 1)
    assert set(np.unique(read(stored(bits, "PNG")).pixels)) == {0, 255}
    colour = Image.fromarray(scene().pixels).quantize(9)
    assert read(stored(colour, "PNG")).pixels.shape == (13, 17, 3)
    assert read(stored(colour, "GIF")).alpha is None
    assert read(stored(colour, "PNG", transparency=2)).alpha is not None
    assert read(stored(Image.fromarray(scene(channels=1).pixels[..., 0]), "GIF")).gray


def test_a_colour_key_becomes_alpha():
    values = scene().pixels
    values[4, 5] = 1, 2, 3
    picture = read(stored(Image.fromarray(values), "PNG", transparency=(1, 2, 3)))
    assert picture.alpha is not None
    assert picture.alpha[4, 5] == 0
    assert (picture.alpha == 0).sum() == 1


def test_transparent_pixels_keep_their_colour(tmp_path):
    picture = scene(alpha=True)
    picture.alpha[:] = 0
    for suffix in (".png", ".tif", ".webp"):
        hint = (
            picture
            if suffix != ".webp"
            else Picture(picture.pixels, picture.alpha, Ride(save={"lossless": True}))
        )
        write(hint, tmp_path / f"a{suffix}")
        same(picture, read(tmp_path / f"a{suffix}"))


def test_premultiplied_alpha_becomes_straight(tmp_path):
    alpha = np.full((4, 4, 1), 128, np.uint8)
    stored = np.concatenate([np.full((4, 4, 3), 64, np.uint8), alpha], 2)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = read(tmp_path / "a.tif")
    assert (picture.pixels == 128).all()
    assert (picture.alpha == 128).all()


@pytest.mark.parametrize(
    ("source", "dtype", "alpha", "format"),
    [
        ("JPEG", np.uint8, False, "JPEG"),
        ("JPEG", np.uint16, False, "PNG"),
        ("JPEG", np.uint8, True, "PNG"),
        ("WEBP", np.uint8, True, "WEBP"),
        ("WEBP", np.float32, False, "TIFF"),
        ("GIF", np.uint8, False, "PNG"),
        ("ICO", np.uint8, True, "PNG"),
        ("TIFF", np.float32, True, "TIFF"),
    ],
)
def test_a_format_that_cannot_hold_the_picture_is_changed_and_named(source, dtype, alpha, format):
    picture = scene(dtype=dtype, alpha=alpha)
    picture = Picture(picture.pixels, picture.alpha, Ride(format=source))
    assert plan_format(picture) == (format, () if source == format else (f"format {source}",))
    assert read(encode(picture)).ride.format == format


def test_a_format_that_was_asked_for_is_kept_and_its_losses_named(tmp_path):
    picture = scene(32, 32, dtype=np.uint16, alpha=True)
    assert plan_format(picture, "jpg") == ("JPEG", ())
    assert write(picture, tmp_path / "a.jpg") == ("16-bit", "alpha")
    assert read(tmp_path / "a.jpg").pixels.dtype == np.uint8
    long = Picture(np.zeros((1, 20_000, 3), np.uint8))
    assert plan_format(long, ".webp") == ("PNG", ("format WEBP",))
    with pytest.raises(InputError, match="too large for WEBP"):
        write(long, tmp_path / "a.webp")
    with pytest.raises(UsageError, match="no format that can be written"):
        write(picture, tmp_path / "a.doc")


@pytest.mark.parametrize(
    ("suffix", "timed"), [(".png", True), (".webp", True), (".gif", True), (".tif", False)]
)
def test_frames_come_out_with_their_times(tmp_path, suffix, timed):
    made = []
    for n, duration in enumerate((50, 100, 150)):
        values = np.full((12, 16, 3), 40 * n, np.uint8)
        values[n : n + 4, :5, 0] = 200
        made.append(Picture(values, None, Ride(save={"duration": duration, "loop": 3, "lossless": True})))
    path = tmp_path / f"a{suffix}"
    assert write_frames(iter(made), path) == ()
    back = list(frames(path))
    assert len(back) == read(path).ride.save["frames"] == 3
    for before, after in zip(made, back, strict=True):
        np.testing.assert_array_equal(before.pixels, after.pixels)
        assert after.alpha is None
    if timed:
        assert [f.ride.save["duration"] for f in back] == [50, 100, 150]
        assert back[0].ride.save["loop"] == 3


def test_pages_of_a_tiff_may_differ(tmp_path):
    made = [scene(9, 9), scene(5, 7, channels=1, dtype=np.uint16), scene(4, 4, dtype=np.float32, alpha=True)]
    write_frames(made, tmp_path / "a.tif")
    for before, after in zip(made, frames(tmp_path / "a.tif"), strict=True):
        same(before, after)


def test_writing_one_of_many_frames_says_so(tmp_path):
    write_frames([scene(), scene()], tmp_path / "a.tif")
    assert write(read(tmp_path / "a.tif"), tmp_path / "b.tif") == ("further frames",)
    with pytest.raises(InputError, match="one picture"):
        write_frames([scene()], tmp_path / "a.jpg")


def test_the_pixel_limit_holds_before_decoding():
    for name in ("PNG", "JPEG", "TIFF", "WEBP", "PPM"):
        with pytest.raises(InputError, match="over the limit of 200 pixels"):
            read(encode(scene(), name), max_pixels=200)


@pytest.mark.parametrize("name", sorted(SUFFIXES))
@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.9])
def test_cut_files_are_refused_in_one_line(name, part):
    whole = encode(Picture(np.random.default_rng(1).integers(0, 255, (40, 40, 3), np.uint8)), name)
    with pytest.raises(InputError) as e:
        read(whole[: int(len(whole) * part)])
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("name", ["PNG", "TIFF", "PPM", "JPEG", "WEBP", "GIF"])
def test_damage_is_refused_or_decoded_but_nothing_else(name):
    whole = bytearray(encode(scene(), name))
    draw = np.random.default_rng(3)
    for _ in range(60):
        bad = whole.copy()
        for at in draw.integers(0, min(len(bad), 400), 3):
            bad[at] = draw.integers(256)
        with suppress(InputError):  # any other exception fails the test
            assert read(bytes(bad), max_pixels=1_000_000).pixels.ndim == 3


def test_what_is_no_picture_is_named(tmp_path):
    for content, words in ((b"", "empty"), (b"%PDF-1.7", "PDF"), (b"<html>", "HTML"), (b"PK\3\4", "archive")):
        with pytest.raises(InputError, match=words):
            read(content)
    with pytest.raises(InputError, match="not a regular file"):
        read(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "missing.png")


def test_samples_that_are_not_numbers_are_replaced_and_named(tmp_path):
    values = np.full((4, 4), 0.5, np.float32)
    values[1, 1], values[2, 2] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "a.tif", values)
    picture = read(tmp_path / "a.tif")
    assert np.isfinite(picture.pixels).all()
    assert picture.ride.save["lost"] == ("not-a-number samples",)


def test_arrays_are_writable_and_own_their_memory(tmp_path):
    for name in SUFFIXES:
        assert read(encode(scene(20, 20), name)).pixels.flags.writeable, name


def test_the_content_decides_and_not_the_name(tmp_path):
    path = Path(tmp_path / "a.png")
    path.write_bytes(encode(scene(), "JPEG"))
    assert read(path).ride.format == "JPEG"
    assert kind_of(path) == "picture"


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("name", sorted(SUFFIXES))
def test_a_full_disk_is_an_output_error_in_every_format(tmp_path, name):
    import resource
    import signal

    picture = scene(200, 200)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, old[1]))
    try:
        with pytest.raises(OutputError, match="File too large"):
            write(picture, tmp_path / "a", format=name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list(tmp_path.iterdir())
