"""Weight files are data from strangers: every promise of their header is tested before a number is used.

The safetensors library accepts keys that stand twice, integers where floats were meant, and NaN; and it
calls a web page or a Git LFS pointer "header too large". So the header is parsed here first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pixcli.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

FLOATS = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}  # bytes each
HEADER_LIMIT = 10_000_000  # bytes; a header of ten thousand tensors has one million


@dataclass(frozen=True)
class Header:
    """shapes: of each tensor, by name. metadata: texts that ride along. size: of the file, in bytes."""

    shapes: dict[str, tuple[int, ...]]
    metadata: dict[str, str]
    size: int


def read_header(path: Path) -> Header:
    """The header of a safetensors file, found to describe exactly the bytes after it. Raises WeightsError."""
    with _open(path) as file:
        return _header(path, file)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], bytes]:
    """All tensors (CPU, in their stored float type), and the file's bytes. Raises WeightsError.

    The file is read into memory, not mapped: a mapped file that is cut while in use kills the process.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    with _open(path) as file:
        header = _header(path, file)
        file.seek(0)
        data = file.read(header.size)
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, RuntimeError) as e:
        raise WeightsError(f"{path}: {e}") from None
    return tensors, data


def fit(tensors: Mapping[str, Tensor], network: nn.Module, where: str | Path = "weights") -> None:
    """Put the tensors into the network: exactly its keys and shapes, floats, all finite. Raises WeightsError.

    Counters of batch norm (integers) are no part of a weight file.
    """
    import torch

    same_shapes({k: tuple(v.shape) for k, v in tensors.items()}, network, where)
    for name, t in tensors.items():
        if not t.is_floating_point():
            raise WeightsError(f"{where}: {name!r} holds {t.dtype}, not floating-point numbers")
        if not torch.isfinite(t).all():
            raise WeightsError(f"{where}: {name!r} holds NaN or infinite numbers")
    network.load_state_dict(dict(tensors), strict=False)


def same_shapes(found: Mapping[str, tuple[int, ...]], network: nn.Module, where: str | Path) -> None:
    """Raises WeightsError unless these are the network's own keys and shapes."""
    wanted = {k: tuple(v.shape) for k, v in network.state_dict().items() if v.is_floating_point()}
    if missing := [k for k in wanted if k not in found]:
        raise WeightsError(
            f"{where}: {_some(missing)} missing", "the file is of another network or incomplete"
        )
    if extra := [k for k in found if k not in wanted]:
        raise WeightsError(f"{where}: {_some(extra)} not in the network", "the file is of another network")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise WeightsError(f"{where}: {name!r} has the shape {_shape(found[name])}, not {_shape(shape)}")


def require(metadata: Mapping[str, str], where: str | Path, *keys: str, **wanted: str) -> None:
    """Raises WeightsError unless the metadata has each of `keys`, and exactly this of each `wanted`."""
    for key in (*keys, *wanted):
        if key not in metadata:
            raise WeightsError(f"{where}: the metadata does not say which {key} it is for")
        if metadata[key] != wanted.get(key, metadata[key]):
            raise WeightsError(f"{where}: is for {key} {metadata[key]!r}, not {wanted[key]!r}")


def _open(path: Path) -> BinaryIO:
    try:
        if path.exists() and not path.is_file():
            raise WeightsError(f"{path}: is no file")
        return path.open("rb")
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no such file") from None
    except (OSError, ValueError) as e:
        raise WeightsError(f"{path}: cannot be read: {e}") from None


class _Broken(ValueError):
    pass


def _header(path: Path, file: BinaryIO) -> Header:
    try:
        size = file.seek(0, 2)
        file.seek(0)
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if size < 10 or not 2 <= length <= min(size - 8, HEADER_LIMIT):
            raise _Broken(_what_it_is(start + file.read(56), size, length))
        text = file.read(length)
        shapes, metadata, data = _parse(text)
        if 8 + length + data > size:
            raise _Broken(f"cut short: {size} bytes of {8 + length + data}")
        if 8 + length + data < size:
            raise _Broken(f"{size - 8 - length - data} bytes too many after the last tensor")
    except _Broken as e:
        raise WeightsError(f"{path}: {e}") from None
    except OSError as e:
        raise WeightsError(f"{path}: cannot be read: {e.strerror}") from None
    return Header(shapes, metadata, size)


def _what_it_is(start: bytes, size: int, length: int) -> str:
    if size == 0:
        return "is empty"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer instead of the weights ('git lfs pull' fetches them)"
    if start.lstrip().startswith(b"<"):
        return "a web page instead of the weights (the download went wrong)"
    if start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "a pickle, not safetensors; it was not opened"
    if size > 8 and size - 8 < length <= HEADER_LIMIT:
        return f"cut short within its header: {size} bytes"
    return f"no safetensors file: its header would have {length} bytes"


def _parse(text: bytes) -> tuple[dict[str, tuple[int, ...]], dict[str, str], int]:
    """Shapes, metadata, and the number of bytes that the tensors fill without gap or overlap."""
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except _Broken:
        raise
    except UnicodeDecodeError:
        raise _Broken("the header is not UTF-8") from None
    except (ValueError, RecursionError):
        raise _Broken("the header is not JSON") from None
    if not isinstance(header, dict):
        raise _Broken("the header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _Broken("the metadata are not texts")
    spans = sorted((*_span(name, entry), name) for name, entry in header.items())
    at = 0
    for begin, end, name in spans:
        if begin != at:
            raise _Broken(f"{name!r} does not begin where the tensor before it ends")
        at = end
    return {name: tuple(entry["shape"]) for name, entry in header.items()}, metadata, at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Broken(f"{key!r} stands twice in the header")
        found[key] = value
    return found


def _span(name: str, entry: Any) -> tuple[int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _Broken(f"{name!r} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in FLOATS:
        raise _Broken(f"{name!r} is of type {dtype!r}, not one of {', '.join(FLOATS)}")
    if not (_counts(shape) and _counts(offsets) and len(offsets) == 2):
        raise _Broken(f"{name!r} has an impossible shape or place")
    begin, end = offsets
    if end - begin != math.prod(shape) * FLOATS[dtype]:
        raise _Broken(f"{name!r} has {end - begin} bytes, which is not its shape times its type")
    return begin, end


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values) and len(values) <= 8


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more + (" is" if len(names) == 1 else " are")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "of a single number"
