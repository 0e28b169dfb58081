"""Small pictures of what went into a task and what came out, for people to look at."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixcli import media

if TYPE_CHECKING:
    from PIL import Image

SIDE = 560  # pixels of the longer side
MOST_PIXELS = 80_000_000  # what is decoded whole for a thumbnail; of larger ones only JPEG can be had reduced
MOST_FRAMES = 300  # that are decoded in search of one
QUALITY = 78


@dataclass(frozen=True)
class Pair:
    """Before and after as data URIs, alike in shape; before is "" where the input is gone.

    detail: the same of a part, at the result's own size; "" where the whole is shown at that size already.
    size: of the result, (width, height) in pixels.
    """

    before: str
    after: str
    detail_before: str
    detail_after: str
    size: tuple[int, int]

    @property
    def bytes(self) -> int:
        return sum(map(len, (self.before, self.after, self.detail_before, self.detail_after)))


def pair(before: str, after: str) -> Pair:
    """The two files beside each other. Raises whatever the readers raise for a file that cannot be shown."""
    new = _still(after)
    old = _still(before) if before != after else None
    if old is not None and abs(old.width * new.height - old.height * new.width) > new.width + new.height:
        old = None  # of another shape: no comparison
    box = _busiest(new) if max(new.size) > 1.5 * SIDE else None
    detail_after = _encoded(new.crop(box)) if box else ""
    detail_before = ""
    if box and old is not None:
        x, y = old.width / new.width, old.height / new.height
        part = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
        detail_before = _encoded(old.resize((box[2] - box[0], box[3] - box[1]), box=part))
    return Pair(
        _encoded(_small(old)) if old is not None else "",
        _encoded(_small(new)),
        detail_before,
        detail_after,
        new.size,
    )


def _still(path: str) -> Image.Image:
    """A picture, or a frame out of a film, in 8 bits of sRGB with its alpha."""
    if media.kind_of(path) == "film":
        return _frame(path)
    try:
        width, height = media.size_of(Path(path))
    except Exception:
        width = height = 0
    if width * height > MOST_PIXELS:
        return _reduced(path)
    return _shown(media.read(path, max_pixels=MOST_PIXELS))


def _shown(picture: Any) -> Image.Image:
    import numpy as np
    from PIL import Image

    from pixcli.media.colour import to_srgb

    pixels = picture.pixels
    if picture.ride.icc is not None and pixels.size > 3 * 4_000_000:  # colour conversion takes floats
        step = max(1, int((pixels.size / 12_000_000) ** 0.5))
        picture = picture.with_pixels(
            pixels[::step, ::step], None if picture.alpha is None else picture.alpha[::step, ::step]
        )
    image = Image.fromarray(_bytes(to_srgb(picture)))
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(_bytes(picture.alpha))))
    return image


def _bytes(array: Any) -> Any:
    import numpy as np

    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    return (np.nan_to_num(array).clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _reduced(path: str) -> Image.Image:
    from PIL import Image

    with Image.open(path, formats=["JPEG"]) as image:
        image.draft("RGB", (4 * SIDE, 4 * SIDE))
        return image.convert("RGB")


def _frame(path: str) -> Image.Image:
    """Of a third of the way in: the same moment in two films."""
    import av

    with av.open(path) as film:
        stream = film.streams.video[0]
        stream.codec_context.thread_count = 1  # the processors belong to the run
        moment = (film.duration or 0) / av.time_base / 3 + (film.start_time or 0) / av.time_base
        if moment > 0:
            film.seek(int(moment * av.time_base))
        for number, frame in enumerate(film.decode(stream)):
            if number >= MOST_FRAMES or frame.time is None or frame.time >= moment - 1e-3:
                break
        image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
        return image.rotate(getattr(frame, "rotation", 0), expand=True)


def _small(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    return small


def _busiest(image: Image.Image) -> tuple[int, int, int, int]:
    """The part, at most SIDE wide and three quarters of that high, where neighbours differ most."""
    import numpy as np

    width, height = min(SIDE, image.width), min(SIDE * 3 // 4, image.height)
    gray = np.asarray(_small(image).convert("L"), np.float32)
    busy = np.abs(np.diff(gray, axis=0))[:, :-1] + np.abs(np.diff(gray, axis=1))[:-1]
    scale = image.width / gray.shape[1]
    total = np.pad(busy.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    h = max(1, min(int(height / scale), busy.shape[0]))
    w = max(1, min(int(width / scale), busy.shape[1]))
    sums = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
    y, x = np.unravel_index(int(sums.argmax()), sums.shape)
    left = min(int(x * scale), image.width - width)
    top = min(int(y * scale), image.height - height)
    return left, top, left + width, top + height


def _encoded(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=QUALITY, method=2)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
