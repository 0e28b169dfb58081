"""Small pictures for the tests of files."""

import io

import numpy as np
from PIL import Image

from pixcli.media import (
    Picture,
)

PEAK = {np.uint8: 255, np.uint16: 65535, np.float32: 1.0}


def scene(
    height: int = 13, width: int = 17, channels: int = 3, dtype: type = np.uint8, alpha: bool = False
) -> Picture:
    """Ramps and noise, so that a flip, a swap of channels or a cut to 8 bits shows."""
    draw = np.random.default_rng(7)
    values = draw.random((height, width, channels + alpha)) * np.linspace(0.2, 1, width)[:, None]
    values = values.astype(np.float32) if dtype is np.float32 else (values * PEAK[dtype]).astype(dtype)
    return Picture(values[..., :channels], values[..., channels] if alpha else None)


def same(a: Picture, b: Picture) -> None:
    np.testing.assert_array_equal(a.pixels, b.pixels)
    assert a.pixels.dtype == b.pixels.dtype
    assert (a.alpha is None) == (b.alpha is None)
    if a.alpha is not None:
        np.testing.assert_array_equal(a.alpha, b.alpha)


def stored(im: Image.Image, name: str, **options) -> bytes:
    file = io.BytesIO()
    im.save(file, name, **options)
    return file.getvalue()
