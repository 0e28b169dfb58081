"""Small pictures and films that the tests make for themselves."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

Start = Callable[..., "subprocess.Popen[str]"]
STEPS_MS = (40, 100, 40, 60)  # a variable rate


def draw(path: Path, width: int = 24, height: int = 16, seed: int = 0) -> Path:
    """A small picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def scenes(count: int, width: int = 32, height: int = 24) -> list[np.ndarray]:
    """Frames that differ, each of flat colours that survive a codec."""
    return [
        np.full((height, width, 3), (10 * n % 256, 80, 255 - 10 * n % 256), np.uint8) for n in range(count)
    ]


def film(
    path: Path,
    count: int = 24,
    *,
    codec: str = "libx264",
    base: Fraction = Fraction(1, 1000),
    tags: dict[str, str] | None = None,
) -> Path:
    """A film of `count` frames at a variable rate."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"crf": "10", "preset": "ultrafast", "g": "4"} if codec == "libx264" else {"crf": "10"}
    at = Fraction(0)
    with av.open(str(path), "w") as out:
        out.metadata.update(tags or {})
        stream = out.add_stream(codec, rate=20, options=options)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        stream.codec_context.time_base = base
        for n, pixels in enumerate(scenes(count)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(at / base), base
            at += Fraction(STEPS_MS[n % len(STEPS_MS)], 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def times(path: Path) -> list[float]:
    import av

    with av.open(str(path)) as source:
        return [round(f.time, 3) for f in source.decode(video=0)]
