"""EXIF that points in circles."""

import struct

from pixcli.media.metadata import exif_for


def test_a_directory_that_points_to_itself_is_read_once() -> None:
    width = struct.pack("<HHII", 0x0100, 4, 1, 5)
    itself = struct.pack("<HHII", 0x8769, 4, 1, 8)
    block = b"II*\0" + struct.pack("<IH", 8, 2) + width + itself + struct.pack("<I", 0)
    changed = exif_for(block, 640, 480)
    assert changed is not None
    assert struct.unpack_from("<I", changed, 8 + 2 + 8) == (640,)
