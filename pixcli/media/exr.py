"""EXR through OpenEXR (extra `exr`): linear light, half or float, its alpha premultiplied."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from pixcli.errors import InputError
from pixcli.media import linear, pillow
from pixcli.media.extras import Decoded, library
from pixcli.media.picture import Array, Picture

_SAMPLES = {np.dtype(np.float16), np.dtype(np.float32)}


def _library() -> Any:
    return library("OpenEXR", "exr", "EXR")


@contextmanager
def _named(file: IO[bytes]) -> Iterator[str]:
    """A name that the library can open: it takes no open file, nor a name that is no UTF-8."""
    with tempfile.TemporaryDirectory(prefix="pixcli-") as folder:
        path = Path(folder) / "picture.exr"
        file.seek(0)
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        yield str(path)


def size(file: IO[bytes]) -> tuple[int, int]:
    with _named(file) as name:
        return _size(_library().File(name, header_only=True).header())


def _size(header: dict[str, Any]) -> tuple[int, int]:
    (left, top), (right, bottom) = header["dataWindow"]
    return int(right) - int(left) + 1, int(bottom) - int(top) + 1


def read(file: IO[bytes], max_pixels: int) -> Decoded:
    """The data window of the first part. Alpha comes out straight; light without alpha stays as it is."""
    openexr = _library()
    with _named(file) as name:
        pillow.check_size(*_size(openexr.File(name, header_only=True).header()), max_pixels)
        found = openexr.File(name, separate_channels=True)
        header, channels = found.header(), {k: c.pixels for k, c in found.channels().items()}
        parts = len(found.parts)
    names = next((n for n in ("RGB", "Y") if set(n) <= channels.keys()), None)
    if names is None or {"RY", "BY"} & channels.keys():
        raise InputError("EXR without channels R, G, B or Y", "save it as RGB")
    used = [channels[n] for n in names]
    alpha = channels.get("A")
    if len({p.shape for p in used}) > 1 or not {p.dtype for p in used} <= _SAMPLES:
        raise InputError("EXR with channels of integers or of several sizes", "save it as half or float")
    values = np.stack(used, -1).astype(np.float32)
    lost = ["extra channels"] * (len(channels) > len(used) + (alpha is not None))
    lost += ["further parts"] * (parts > 1)
    lost += ["display window"] * (not np.array_equal(header["dataWindow"], header["displayWindow"]))
    if alpha is not None:
        alpha = alpha.astype(np.float32)
        cover = alpha[..., None]
        values = np.divide(values, cover, out=values.copy(), where=cover > 0)
    own = header.get("chromaticities")
    save = {
        "chromaticities": linear.REC709 if own is None else tuple(float(v) for v in np.ravel(own)),
        "half": used[0].dtype == np.float16,
        "lost": tuple(lost),
    }
    icc = linear.gray_profile() if names == "Y" else linear.profile(save["chromaticities"])
    return Decoded(values, alpha, {"format": "EXR", "mode": "F", "icc": icc, "save": save})


def write(picture: Picture, file: IO[bytes]) -> list[str]:
    """Encode the picture's light; what was lost: nothing. Raises OSError."""
    light, chromaticities = linear.light_of(picture)
    save = picture.ride.save
    names = "Y" if light.shape[2] == 1 else "RGB"
    channels = {n: light[..., at] for at, n in enumerate(names)}
    if picture.alpha is not None:
        cover = picture.alpha.astype(np.float32) / np.float32(picture.peak)
        channels = {n: np.where(cover > 0, v * cover, v) for n, v in channels.items()}
        channels["A"] = cover
    kind = np.float16 if save.get("half") else np.float32
    ready: dict[str, Array] = {n: np.ascontiguousarray(v, dtype=kind) for n, v in channels.items()}
    openexr = _library()
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    if chromaticities != linear.REC709:
        header["chromaticities"] = chromaticities
    with _target(file) as name:
        try:
            openexr.File(header, ready).write(name)
        except RuntimeError as e:
            raise OSError(str(e)) from e
    return []


@contextmanager
def _target(file: IO[bytes]) -> Iterator[str]:
    """A name to write to: the open file's own where it has one that the library can take."""
    own = getattr(file, "name", None)
    if own is not None and os.fsencode(own).isascii():
        yield os.fspath(own)
        return
    with tempfile.TemporaryDirectory(prefix="pixcli-") as folder:
        path = Path(folder) / "picture.exr"
        yield str(path)
        with path.open("rb") as made:
            shutil.copyfileobj(made, file)
