"""Radiance HDR (RGBE): linear light with a shared exponent."""

from __future__ import annotations

import re
from typing import IO

import imagecodecs
import numpy as np

from pixcli.errors import InputError
from pixcli.media import linear, pillow
from pixcli.media.extras import Decoded
from pixcli.media.picture import Picture

_SIZE = re.compile(rb"\n\n([-+][XY]) (\d{1,9}) ([-+][XY]) (\d{1,9})\n")


def size(file: IO[bytes]) -> tuple[int, int]:
    file.seek(0)
    head = file.read(1 << 16)
    found = _SIZE.search(head)
    if found is None:
        raise InputError("HDR with a damaged header")
    if (found[1], found[3]) != (b"-Y", b"+X") or b"FORMAT=32-bit_rle_xyze" in head[: found.start()]:
        raise InputError("HDR of a rare layout", "save it as RGBE, top row first")
    return int(found[4]), int(found[2])


def read(file: IO[bytes], max_pixels: int) -> Decoded:
    width, height = size(file)
    pillow.check_size(width, height, max_pixels)
    file.seek(0)
    data = file.read()
    if len(data) < height * 8:  # each row has a head and at least one run of each of its four parts
        raise InputError("truncated HDR")
    values = imagecodecs.rgbe_decode(data).astype(np.float32, copy=False)
    if values.shape != (height, width, 3):
        raise InputError("HDR with a damaged header")
    save = {"chromaticities": linear.REC709}
    return Decoded(values, None, {"format": "HDR", "mode": "F", "icc": linear.profile(), "save": save})


def write(picture: Picture, file: IO[bytes]) -> list[str]:
    """Encode the picture's light; what was lost: the finer steps of any other float format."""
    light, _ = linear.light_of(picture)
    if light.shape[2] == 1:
        light = np.repeat(light, 3, axis=2)
    file.write(imagecodecs.rgbe_encode(np.ascontiguousarray(np.maximum(light, 0)), header=True))
    return ["float"] * (picture.ride.format != "HDR" and picture.pixels.dtype == np.float32)
