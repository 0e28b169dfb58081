"""Camera raw files through rawpy (extra `raw`): developed to 16-bit sRGB, exposed as they were taken."""

from __future__ import annotations

from typing import IO, Any

import numpy as np

from pixcli.errors import InputError
from pixcli.media import pillow, tiff
from pixcli.media.extras import Decoded, library
from pixcli.media.picture import Sensor

_SRGB = (2.4, 12.92)  # power and slope near black
_TURNS = {0: 0, 3: 2, 5: 1, 6: 3}  # quarter turns against the clock, by LibRaw's flip


def size(file: IO[bytes]) -> tuple[int, int]:
    raise InputError("the size of a raw file is known when it is developed")


def read(file: IO[bytes], max_pixels: int) -> Decoded:
    """Developed with the camera's white balance and turned upright; no brightening of its own.

    The sensor's own numbers ride along for the networks that want them.
    """
    rawpy = library("rawpy", "raw", "camera RAW")
    file.seek(0)
    try:
        with rawpy.imread(file) as raw:
            pillow.check_size(raw.sizes.width, raw.sizes.height, max_pixels)
            sensor = _sensor(raw)
            values = raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=_SRGB,
            )
    except rawpy.LibRawError as e:
        words = e.args[0] if e.args else ""
        words = words.decode("ascii", "replace") if isinstance(words, bytes) else str(words)
        raise InputError(f"RAW cannot be developed: {words or type(e).__name__}") from None
    block = tiff.exif(file)
    ride = {"format": "RAW", "mode": "RGB", "save": {"lost": () if block else ("exif",)}}
    return Decoded(np.ascontiguousarray(values), None, ride, block, sensor=sensor)


def _sensor(raw: Any) -> Sensor | None:
    """None where each pixel has counted all colours."""
    pattern, counts = raw.raw_pattern, raw.raw_image_visible
    if pattern is None or counts is None or counts.ndim != 2 or pattern.shape[0] != pattern.shape[1]:
        return None
    names = raw.color_desc.decode("ascii", "replace")
    return Sensor(
        counts.copy(),
        "".join(names[i] for i in pattern.ravel()),
        np.array(raw.black_level_per_channel, np.float32)[pattern],
        float(raw.white_level),
        _TURNS.get(raw.sizes.flip, 0),
    )
