"""EXR through OpenEXR (extra `exr`): linear light, half or float, its alpha premultiplied."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
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
_WINDOW = re.compile(rb"dataWindow\0box2i\0\x10\0\0\0(.{16})", re.DOTALL)

# On damaged files the library writes to both streams of its process, so it gets one of its own.
_CHILD = """
import json, sys
import numpy, OpenEXR
parts = len(OpenEXR.File("picture.exr", header_only=True).parts)
found = OpenEXR.File("picture.exr", separate_channels=True)
if len(found.parts) != parts:  # it drops the damaged ones
    sys.exit(1)
header, channels = found.header(), found.channels()
own = header.get("chromaticities")
told = {
    "parts": parts,
    "names": list(channels),
    "cropped": not numpy.array_equal(header["dataWindow"], header["displayWindow"]),
    "chromaticities": None if own is None else [float(v) for v in numpy.ravel(own)],
}
numpy.savez("channels.npz", **{f"c{n}": c.pixels for n, c in enumerate(channels.values())})
open("told", "w").write(json.dumps(told))
"""


def _library() -> Any:
    return library("OpenEXR", "exr", "EXR")


def size(file: IO[bytes]) -> tuple[int, int]:
    """Of the data window of the first part."""
    file.seek(0)
    found = _WINDOW.search(file.read(1 << 16))
    if found is None:
        raise InputError("EXR with a damaged header")
    left, top, right, bottom = struct.unpack("<4i", found[1])
    return right - left + 1, bottom - top + 1


def _read(file: IO[bytes]) -> tuple[dict[str, Any], dict[str, Array]]:
    """What the header tells, and the channels of the first part."""
    with tempfile.TemporaryDirectory(prefix="pixcli-") as folder:
        file.seek(0)
        with (Path(folder) / "picture.exr").open("wb") as copy:
            shutil.copyfileobj(file, copy)
        done = subprocess.run([sys.executable, "-c", _CHILD], cwd=folder, capture_output=True, check=False)
        if done.returncode:
            raise InputError("damaged EXR")
        told = json.loads((Path(folder) / "told").read_text())
        with np.load(Path(folder) / "channels.npz") as kept:
            return told, {name: kept[f"c{n}"] for n, name in enumerate(told["names"])}


def read(file: IO[bytes], max_pixels: int) -> Decoded:
    """The data window of the first part. Alpha comes out straight; light without alpha stays as it is."""
    _library()
    width, height = size(file)
    pillow.check_size(width, height, max_pixels)
    told, channels = _read(file)
    names = next((n for n in ("RGB", "Y") if set(n) <= channels.keys()), None)
    if names is None or {"RY", "BY"} & channels.keys():
        raise InputError("EXR without channels R, G, B or Y", "save it as RGB")
    used = [channels[n] for n in names]
    alpha = channels.get("A")
    if len({p.shape for p in used}) > 1 or not {p.dtype for p in used} <= _SAMPLES:
        raise InputError("EXR with channels of integers or of several sizes", "save it as half or float")
    values = np.stack(used, -1).astype(np.float32)
    lost = ["extra channels"] * (len(channels) > len(used) + (alpha is not None))
    lost += ["further parts"] * (told["parts"] > 1) + ["display window"] * told["cropped"]
    if alpha is not None:
        alpha = alpha.astype(np.float32)
        cover = alpha[..., None]
        values = np.divide(values, cover, out=values.copy(), where=cover > 0)
    save = {
        "chromaticities": tuple(told["chromaticities"] or linear.REC709),
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
    header = {"chromaticities": chromaticities} if chromaticities != linear.REC709 else {}
    write_channels({n: v.astype(kind, copy=False) for n, v in channels.items()}, header, file)
    return []


def write_channels(channels: dict[str, Array], header: dict[str, Any], file: IO[bytes]) -> None:
    """Encode channels (H, W), float16 or float32, by their names. Raises OSError."""
    ready: dict[str, Array] = {n: np.ascontiguousarray(v) for n, v in channels.items()}
    openexr = _library()
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage, **header}
    with _target(file) as name:
        try:
            openexr.File(header, ready).write(name)
        except RuntimeError as e:
            raise OSError(str(e)) from e


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
