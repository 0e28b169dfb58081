"""Map: exact values of a picture's pixels (labels, depth, normals, motion), and the files that hold them."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from pixcli.atomic import atomic
from pixcli.media import exr, png, pnm
from pixcli.media.flow_files import encode_flow
from pixcli.media.picture import Array

FORMATS = ("png", "npy", "npz", "pfm", "exr", "ply", "flo")


@dataclass(frozen=True)
class Map:
    """Values and the file that they become.

    values: (H, W) or (H, W, 3): uint8 or uint16 for png, float32 for pfm and exr (one channel is Y), any type
    for npy; (N, 3) points in float32 for ply; any shape for npz, where it is called `name`. What is called
    "flow", (H, W, 2) float32, is written as `flow_files` says. palette: (n, 3) uint8, the colours of 8-bit
    values (H, W), which makes an indexed PNG. colours: (N, 3) uint8 of points.
    text: what is said of them, in a PNG's text, an EXR's attributes and a PLY's comments.
    """

    values: Array
    format: str = "png"
    name: str = "values"
    palette: Array | None = None
    colours: Array | None = None
    text: dict[str, str] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        return f".{self.format}"


def write_map(made: Map, path: str | Path, *, compress: int = 1) -> tuple[str, ...]:
    """Write a map, atomically; what was lost: nothing. compress: 0..9 for PNG.

    Raises OutputError (disk full, read-only, forbidden), and InputError where the format needs an extra.
    """
    with atomic(path) as temp, temp.open("w+b") as file:
        _write(made, file, compress)
    return ()


def encode_map(made: Map) -> bytes:
    """The bytes that `write_map` would write."""
    file = io.BytesIO()
    _write(made, file, 1)
    return file.getvalue()


def _write(made: Map, file: IO[bytes], compress: int) -> None:
    values = made.values
    if made.name == "flow":
        file.write(encode_flow(values, None, made.format))
    elif made.format == "png":
        chunks = png.metadata_chunks(icc=None, exif=None, xmp=None, dpi=None, text=made.text, kept=())
        for piece in png.encode(values, compress, chunks, made.palette):
            file.write(piece)
    elif made.format == "npy":
        np.save(file, values, allow_pickle=False)
    elif made.format == "npz":
        arrays: dict[str, Any] = {made.name: values}
        np.savez_compressed(file, **arrays)
    elif made.format == "pfm":
        for part in pnm.encode(values.reshape(*values.shape[:2], -1)):
            file.write(part)
    elif made.format == "exr":
        names = "Y" if values.ndim == 2 else "RGB"
        planes = np.moveaxis(values.reshape(*values.shape[:2], -1), 2, 0)
        exr.write_channels(dict(zip(names, planes, strict=True)), made.text, file)
    elif made.format == "ply":
        for part in _ply(values, made.colours, made.text):
            file.write(part)
    else:
        raise ValueError(f"{made.format}: none of {', '.join(FORMATS)}")


def _ply(points: Array, colours: Array | None, text: dict[str, str]) -> tuple[bytes, bytes]:
    """Header and vertices, little-endian."""
    fields = [(name, "<f4", "float") for name in "xyz"]
    if colours is not None:
        fields += [(name, "u1", "uchar") for name in ("red", "green", "blue")]
    vertices = np.empty(len(points), [(name, kind) for name, kind, _ in fields])
    for n, name in enumerate("xyz"):
        vertices[name] = points[:, n]
    if colours is not None:
        for n, name in enumerate(("red", "green", "blue")):
            vertices[name] = colours[:, n]
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {k}: {v}" for k, v in text.items())]
    lines += [f"element vertex {len(points)}", *(f"property {word} {name}" for name, _, word in fields)]
    return "\n".join([*lines, "end_header\n"]).encode(), vertices.tobytes()
