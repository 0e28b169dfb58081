"""Files that point in circles, or promise without end."""

import io
import struct
import zlib

import pytest
from PIL import Image

from pixcli.errors import InputError
from pixcli.media import frames, read
from pixcli.media.metadata import exif_for, upright_xmp
from pixcli.media.png import chunk

DIRECTORY = struct.Struct("<HHII")


def test_a_directory_that_points_to_itself_is_read_once() -> None:
    width = struct.pack("<HHII", 0x0100, 4, 1, 5)
    itself = struct.pack("<HHII", 0x8769, 4, 1, 8)
    block = b"II*\0" + struct.pack("<IH", 8, 2) + width + itself + struct.pack("<I", 0)
    changed = exif_for(block, 640, 480)
    assert changed is not None
    assert struct.unpack_from("<I", changed, 8 + 2 + 8) == (640,)


def test_a_directory_that_is_named_a_thousand_times_is_read_once() -> None:
    itself = DIRECTORY.pack(0x8769, 4, 1, 8)
    block = b"II*\0" + struct.pack("<IH", 8, 60_000) + 60_000 * itself + bytes(4)
    assert exif_for(block, 640, 480) == block


def test_thumbnails_without_end_take_no_time() -> None:
    packet = b"</xmp:Thumbnails>" + 200_000 * b"<xmp:Thumbnails>"
    assert upright_xmp(packet) == packet
    assert upright_xmp(b"a<xmp:Thumbnails>b</xmp:Thumbnails>c<xmp:Thumbnails>") == b"ac<xmp:Thumbnails>"


def tiff(*entries: tuple[int, int]) -> bytearray:
    """A page of 2 × 2 whose last four bytes are the offset of the next; values of -1 are its own offset."""
    first = 12
    tags = [
        (256, 2),
        (257, 2),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 2),
        (279, 4),
        *entries,
    ]
    rows = b"".join(DIRECTORY.pack(tag, 4, 1, first if v < 0 else v) for tag, v in sorted(tags))
    return bytearray(
        b"II*\0" + struct.pack("<I", first) + b"abcd" + struct.pack("<H", len(tags)) + rows + bytes(4)
    )


def test_a_tiff_whose_directories_point_to_themselves_is_read_once() -> None:
    page = tiff((330, -1), (34665, -1), (34853, -1))  # sub-images, EXIF, GPS
    page[-4:] = struct.pack("<I", 12)
    assert read(bytes(page)).pixels[..., 0].tobytes() == b"abcd"
    assert len(list(frames(bytes(page)))) == 1


def test_a_tiff_whose_last_page_is_followed_by_the_first_ends() -> None:
    page = tiff()
    again = page[12:-4] + struct.pack("<I", 12)
    page[-4:] = struct.pack("<I", len(page))
    assert len(list(frames(bytes(page + again)))) == 2


def test_an_animation_of_empty_frames_on_a_huge_screen_is_refused() -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 8000, 8000, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    with pytest.raises(InputError, match="60 frames or pages of 3,840,000,000 pixels"):
        next(frames(screen + 60 * frame + b";"))


def test_an_apng_that_promises_frames_without_end_is_refused() -> None:
    file = io.BytesIO()
    stills = [Image.new("RGB", (4, 4), (n, 0, 0)) for n in range(2)]
    stills[0].save(file, "PNG", save_all=True, append_images=stills[1:])
    data = bytearray(file.getvalue())
    at = data.find(b"acTL") + 4
    struct.pack_into(">I", data, at, 2**31 - 1)
    with pytest.raises(InputError):
        list(frames(bytes(data)))


def test_pages_that_share_one_strip_are_summed_up() -> None:
    side = 8000
    tags = {
        256: side,
        257: side,
        258: 8,
        259: 32773,
        262: 1,
        273: 8,
        277: 1,
        278: side,
        279: 4,
    }
    rows = b"".join(DIRECTORY.pack(tag, 4, 1, value) for tag, value in sorted(tags.items()))
    body, at = b"", 12
    for n in range(30):
        end = at + len(body) + 2 + len(rows) + 4
        body += struct.pack("<H", len(tags)) + rows + struct.pack("<I", end if n < 29 else 0)
    with pytest.raises(InputError, match="30 frames or pages of 1,920,000,000 pixels"):
        next(frames(b"II*\0" + struct.pack("<I", at) + b"abcd" + body))


def test_frames_without_end_are_counted_not_decoded() -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    with pytest.raises(InputError, match="more than 10,000 frames"):
        next(frames(screen + 11_000 * frame + b";"))


def test_a_progressive_picture_of_scans_without_end_is_refused() -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 99, 200)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    read(data)
    scan = data.rfind(b"\xff\xda")
    again = data[scan:-2]
    with pytest.raises(InputError, match="more than 100 scans"):
        read(data[:-2] + 200 * again + data[-2:])


def test_texts_that_unpack_without_end_are_left_out() -> None:
    file = io.BytesIO()
    Image.new("L", (2, 2)).save(file, "PNG")
    data = file.getvalue()
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(15 << 20)))
    picture = read(data[:33] + 8 * text + data[33:])
    assert sum(map(len, picture.ride.text.values())) <= 80 << 20
    assert picture.ride.save["lost"] == ("text",)
