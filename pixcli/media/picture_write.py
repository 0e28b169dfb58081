"""Pictures to files and bytes, in their own form where that can hold them; what could not be kept is named.

The names are short words for the line and the JSON: "icc", "alpha", "16-bit", "float", "exif", "xmp", …
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from pixcli.atomic import atomic
from pixcli.errors import InputError, PixcliError
from pixcli.media import apng, extras, png, pnm, tiff
from pixcli.media.formats import CAN, fitted, known, plan_format
from pixcli.media.picture import Array, Picture, Ride

# Pillow's numbers; for the last two the next finer that its encoder has
_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2, "4:1:1": 1, "4:4:0": 0}


def write(
    picture: Picture,
    path: str | Path,
    *,
    format: str | None = None,
    quality: int | None = None,
    compress: int = 1,
) -> tuple[str, ...]:
    """Write a picture, atomically; returns the names of what was lost on the whole way from its file.

    format: a format's name or suffix; None: as the path's suffix says. quality: 1..100 for lossy formats;
    None keeps the source's own level. compress: 0..9 for PNG and deflated TIFF.
    Raises OutputError (disk full, read-only, forbidden), InputError when this picture does not fit,
    UsageError for a format unknown.
    """
    path = Path(path)
    name = known(format or path.suffix)
    with atomic(path) as temp, temp.open("w+b") as file:
        lost = _write(picture, file, name, quality, compress)
    more = picture.ride.save.get("frames", 1) > 1
    return (*lost, "further frames") if more else lost


def encode(
    picture: Picture, format: str | None = None, *, quality: int | None = None, compress: int = 1
) -> bytes:
    """The bytes that `write` would write; format None: as `plan_format` says."""
    file = io.BytesIO()
    _write(picture, file, known(format) if format else plan_format(picture)[0], quality, compress)
    return file.getvalue()


def write_frames(
    frames: Iterable[Picture],
    path: str | Path,
    *,
    format: str | None = None,
    quality: int | None = None,
    compress: int = 1,
) -> tuple[str, ...]:
    """Write all frames or pages to one file, with durations and loop of their rides; otherwise as `write`.

    Frames are written as they come, when the first says how many there are (`ride.save["frames"]`). GIF and
    WebP merge equal neighbours, their durations added. Raises also InputError for a format of stills, and
    what `frames` raises.
    """
    path = Path(path)
    name = known(format or path.suffix)
    if not CAN[name].frames:
        raise InputError(f"{name} holds one picture, not several frames")
    with atomic(path) as temp, temp.open("w+b") as file, _faults(name):
        if name == "TIFF":
            return _write_tiff(frames, file, quality, compress)
        return _write_animation(frames, file, name, quality, compress)


@contextmanager
def _faults(name: str) -> Iterator[None]:
    try:
        yield
    except (PixcliError, OSError):
        raise
    except MemoryError:
        raise InputError(f"not enough memory to encode {name}") from None
    except Exception as e:  # the encoders raise anything
        raise InputError(f"cannot be encoded as {name}: {e}") from e


def _samples(picture: Picture) -> Array:
    """Colour and alpha in one (H, W, C)."""
    return picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))


def _write(
    picture: Picture, file: IO[bytes], name: str, quality: int | None, compress: int
) -> tuple[str, ...]:
    with _faults(name):
        if name == "TIFF":
            return _write_tiff([picture], file, quality, compress)
        picture, lost = fitted(picture, name)
        values, ride = _samples(picture), picture.ride
        if name == "PNG":
            for piece in png.encode(
                values[..., 0] if values.shape[2] == 1 else values, compress, _chunks(ride)
            ):
                file.write(piece)
        elif name == "PPM":
            for piece in pnm.encode(values):
                file.write(piece)
        elif name in ("HEIC", "JXL"):
            lost += extras.reader(name).write(picture, values, file, quality)
        elif name in ("EXR", "HDR"):
            lost += extras.reader(name).write(picture, file)
        elif name == "JPEG2000":
            file.write(
                imagecodecs.jpeg2k_encode(
                    np.squeeze(values, 2) if values.shape[2] == 1 else values, reversible=True
                )
            )
        else:
            im = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
            if name == "GIF":
                lost += _gif_losses(im)
            im.save(file, name, **_options(name, ride, quality))
    return tuple(dict.fromkeys(lost))


def _chunks(ride: Ride) -> list[tuple[bytes, bytes]]:
    text = dict(ride.text)
    if ride.comment:
        text["Comment"] = ride.comment.decode("utf-8", "replace")
    kept = ride.save.get("chunks", ()) if ride.format == "PNG" else ()
    return png.metadata_chunks(icc=ride.icc, exif=ride.exif, xmp=ride.xmp, dpi=ride.dpi, text=text, kept=kept)


def _options(name: str, ride: Ride, quality: int | None) -> dict[str, Any]:
    """Pillow's keywords for a format."""
    given: dict[str, Any] = {
        "icc_profile": ride.icc,
        "exif": ride.exif,
        "xmp": ride.xmp,
        "dpi": ride.dpi,
        "comment": ride.comment,
    }
    options = {key: value for key, value in given.items() if value is not None}
    hints = ride.save
    if ride.exif is not None:
        options["exif"] = b"Exif\0\0" + ride.exif
    if name == "JPEG":
        options |= {
            "subsampling": _SUBSAMPLING.get(hints.get("subsampling", ""), 0),
            "progressive": hints.get("progressive", False),
        }
        if "qtables" in hints and quality is None:
            # baseline JPEG holds tables up to 255; the few files with larger ones lose nothing that shows
            options["qtables"] = {n: [min(v, 255) for v in table] for n, table in hints["qtables"].items()}
        else:
            options["quality"] = quality or 95
        if "app13" in hints:
            options["extra"] = b"".join(b"\xff\xed" + (len(b) + 2).to_bytes(2) + b for b in hints["app13"])
    elif name == "WEBP":
        lossless = quality is None and hints.get("lossless", False)
        options |= {"lossless": lossless, "quality": quality or (75 if lossless else 90), "exact": True}
    elif name == "BMP":
        options.setdefault("dpi", (0, 0))  # else Pillow says 96
    elif name == "AVIF":
        options |= {"quality": quality or 90, "subsampling": "4:4:4"}
    return options


def _gif_losses(im: Any) -> list[str]:
    lost = [] if im.mode == "L" or im.convert("RGB").getcolors(256) is not None else ["colours"]
    if im.mode in ("LA", "RGBA") and any(
        n for a, n in enumerate(im.getchannel("A").histogram()) if 0 < a < 255
    ):
        lost.append("soft alpha")
    return lost


def _write_tiff(
    pages: Iterable[Picture], file: IO[bytes], quality: int | None, compress: int
) -> tuple[str, ...]:
    lost: list[str] = []
    exif: bytes | None = None
    first, rest = next(iterator := iter(pages)), iterator
    heavy = first.pixels.nbytes * first.ride.save.get("frames", 1) * 2 > 3 << 30
    with tifffile.TiffWriter(file, bigtiff=heavy, byteorder="<") as writer:
        for number, page in enumerate(chain([first], rest)):
            page, said = fitted(page, "TIFF")
            lost += said
            exif = page.ride.exif if number == 0 else exif
            tiff.write_page(
                writer,
                _samples(page),
                alpha=page.alpha is not None,
                icc=page.ride.icc,
                exif=page.ride.exif if number == 0 else None,
                xmp=page.ride.xmp,
                dpi=page.ride.dpi,
                hints=page.ride.save,
                quality=quality,
                compress=compress,
            )
    if exif is not None and heavy:
        lost.append("exif")  # a BigTIFF keeps the words alone
    elif exif is not None:
        tiff.add_exif(file, exif)
    return tuple(dict.fromkeys(lost))


def _write_animation(
    frames: Iterable[Picture], file: IO[bytes], name: str, quality: int | None, compress: int
) -> tuple[str, ...]:
    frames = iter(frames)
    first = next(frames)
    count = first.ride.save.get("frames", 0)
    if not count:
        rest = list(frames)
        frames, count = iter(rest), 1 + len(rest)
    lost: list[str] = []
    durations: list[float] = []
    ride = fitted(first, name)[0].ride

    def ready() -> Iterator[Array]:
        for frame in chain([first], frames):
            fitting, said = fitted(frame, name)
            lost.extend(said)
            durations.append(frame.ride.save.get("duration", 0))
            yield _alike(fitting, first, lost)

    still = bool(ride.save.get("default_image"))
    if name == "PNG":
        timed = ((values, durations[-1]) for values in ready())
        how: dict[str, Any] = {"loop": ride.save.get("loop", 1), "still": still, "compress": compress}
        apng.write(timed, file, chunks=_chunks(ride), **how)
        return tuple(dict.fromkeys(lost))
    options = _options(name, ride, quality)
    images = Reel(ready(), count)
    if name == "GIF":
        options["disposal"] = 2 if images.mode == "RGBA" else 1
    if "loop" in ride.save or name != "GIF":
        options["loop"] = ride.save.get("loop", 1)
    images.save(file, name, save_all=True, duration=durations, **options)
    if name == "GIF":
        lost += images.gif_losses
    return tuple(dict.fromkeys(lost))


class Reel(Image.Image):
    """Frames as Pillow's writers ask for them, one after the other; none is kept."""

    def __init__(self, frames: Iterator[Array], count: int) -> None:
        super().__init__()
        self.frames, self.n_frames, self.is_animated = frames, count, True
        self.at = -1
        self.gif_losses: list[str] = []
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame <= self.at:
            return
        if frame >= self.n_frames:
            raise EOFError
        still = Image.fromarray(next(self.frames))
        self.im, self._mode, self._size = still.im, still.mode, still.size
        self.at = frame
        self.gif_losses = list(dict.fromkeys([*self.gif_losses, *_gif_losses(still)]))

    def tell(self) -> int:
        return max(0, self.at)


def _alike(frame: Picture, first: Picture, lost: list[str]) -> Array:
    """A frame as RGB, or as RGBA where the first has alpha; 16 bits where the first has."""
    pixels = frame.pixels if frame.pixels.shape[2] == 3 else np.repeat(frame.pixels, 3, axis=2)
    if first.alpha is None:
        lost += ["alpha"] * (frame.alpha is not None)
        return np.ascontiguousarray(pixels)
    alpha = np.full(pixels.shape[:2], frame.peak, pixels.dtype) if frame.alpha is None else frame.alpha
    return np.dstack((pixels, alpha))
