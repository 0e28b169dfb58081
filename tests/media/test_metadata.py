"""EXIF and XMP made true."""

import io

import numpy as np
import pytest
from PIL import Image

from pixcli.media.metadata import exif_for, has_resolution, upright_exif, upright_xmp


def block(order: str = "<", orientation: object = 6) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769).update({0xA002: 99, 0xA003: 77, 0x927C: b"maker note"})
    return exif.tobytes()


def parsed(raw: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + raw)
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_becomes_one_and_all_else_stays(order):
    raw = block(order)
    out, orientation = upright_exif(raw)
    assert orientation == 6
    assert parsed(out)[0x0112] == 1
    assert len(out) == len(raw) - 6
    assert sum(a != b for a, b in zip(out, raw[6:], strict=True)) == 1, "one byte differs"


@pytest.mark.parametrize("value", [0, 9, 300])
def test_an_impossible_orientation_counts_as_one(value):
    assert upright_exif(block(orientation=value))[1] == 1


def test_sizes_follow_the_pixels_even_beyond_16_bits():
    out = exif_for(upright_exif(block())[0], 70_000, 5)
    inner = parsed(out).get_ifd(0x8769)
    assert (inner[0xA002], inner[0xA003]) == (70_000, 5)
    assert inner[0x927C] == b"maker note"


def test_thumbnails_are_dropped():
    thumbnail = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(thumbnail, "JPEG")
    jpeg = thumbnail.getvalue()
    first = (
        b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0\x03\0\0\0" + (26).to_bytes(4, "little")
    )
    at = 26 + 2 + 24 + 4
    entry = b"\x04\0\x01\0\0\0"
    second = b"\x02\0\x01\x02" + entry + at.to_bytes(4, "little")
    second += b"\x02\x02" + entry + len(jpeg).to_bytes(4, "little") + bytes(4)
    for tail in (b"", b"kept"):
        out, orientation = upright_exif(first + second + jpeg + tail)
        assert orientation == 3
        assert jpeg[:8] not in out
        assert out.endswith(tail)
        assert out[22:26] == bytes(4), "no pointer to the thumbnail's directory"


@pytest.mark.parametrize(
    "raw", [None, b"", b"garbage", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff"]
)
def test_garbage_is_dropped(raw):
    assert upright_exif(raw) == (None, 1)
    assert not has_resolution(raw)


def test_any_damage_is_survived():
    whole = block()[6:]
    draw = np.random.default_rng(0)
    for _ in range(300):
        bad = bytearray(whole)
        for at in draw.integers(0, len(bad), 4):
            bad[at] = draw.integers(256)
        out, orientation = upright_exif(bytes(bad))
        assert 1 <= orientation <= 8
        exif_for(out, 10, 10)


def test_xmp_is_made_upright():
    thumbnail = b"<xmp:Thumbnails>x\ny</xmp:Thumbnails>"
    raw = b'<rdf tiff:Orientation="8"/><tiff:Orientation>6</tiff:Orientation>' + thumbnail
    assert upright_xmp(raw) == b'<rdf tiff:Orientation="1"/><tiff:Orientation>1</tiff:Orientation>'
    assert upright_xmp(None) is None
