"""TensorFlow's checkpoints (NAME.index beside NAME.data-00000-of-00001), read without TensorFlow.

The index is a sorted table as LevelDB writes it, of small protocol buffers that say where in the data each
tensor lies. It comes from strangers: every number is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from pixcli.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

MAGIC = 0xDB4775248B80FB57
INDEX_LIMIT = 4_000_000  # bytes; one of a hundred tensors has ten thousand
FLOAT = 1  # DT_FLOAT; counters and the like are of other types


def read_bundle(path: Path) -> dict[str, Tensor]:
    """The float32 tensors by name, as TensorFlow has them. path: the .index file. Raises WeightsError."""
    import torch

    data = path.with_name(f"{path.stem}.data-00000-of-00001")
    try:
        if path.stat().st_size > INDEX_LIMIT:
            raise WeightsError(f"{path}: too large for the index of a checkpoint")
        table, size = path.read_bytes(), data.stat().st_size
        places = {name: place for name, value in _entries(table) if (place := _place(value))}
        if sum(4 * prod(shape) for shape, _, _ in places.values()) > size:
            raise WeightsError(f"{path}: tells of more numbers than {data.name} holds")
        tensors = {}
        with data.open("rb") as file:
            for name, (shape, at, length) in places.items():
                if length != 4 * prod(shape) or at + length > size:
                    raise WeightsError(f"{path}: {name!r} is not where {data.name} should have it")
                file.seek(at)
                tensors[name] = torch.frombuffer(bytearray(file.read(length)), dtype=torch.float32).view(
                    shape
                )
    except OSError as e:
        raise WeightsError(f"{e.filename or path}: cannot be read: {e.strerror}") from None
    except (LookupError, ValueError):
        raise WeightsError(f"{path}: is no index of a TensorFlow checkpoint, or damaged") from None
    if not tensors:
        raise WeightsError(f"{path}: holds no tensors of float32")
    return tensors


def _entries(table: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and values of the whole table. Raises LookupError, ValueError."""
    if len(table) < 48 or int.from_bytes(table[-8:], "little") != MAGIC:
        raise ValueError("magic")
    at = len(table) - 48
    for _ in range(2):  # the first handle is of a block that is not used
        start, at = _varint(table, at)
        length, at = _varint(table, at)
    left = len(table)
    for _, handle in _block(table, start, length):
        start, at = _varint(handle, 0)
        length, _ = _varint(handle, at)
        left -= length
        if left < 0:
            raise ValueError("blocks lie on each other")
        for key, value in _block(table, start, length):
            yield key.decode(), value


def _block(table: bytes, start: int, length: int) -> Iterator[tuple[bytes, bytes]]:
    if start + length >= len(table) or table[start + length]:
        raise ValueError("a block is beyond the end, or compressed")
    block = table[start : start + length]
    end = length - 4 - 4 * int.from_bytes(block[-4:], "little")  # restart points follow the entries
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        size, at = _varint(block, at)
        if shared > len(key) or at + fresh + size > end:
            raise ValueError("an entry is beyond its block")
        key = key[:shared] + block[at : at + fresh]
        yield key, block[at + fresh : at + fresh + size]
        at += fresh + size


def _place(entry: bytes) -> tuple[list[int], int, int] | None:
    """Shape, offset and size in bytes of a float32 tensor in the only data file; None for anything else."""
    fields = dict(_fields(entry))
    if fields.get(1) != FLOAT or fields.get(3, 0) != 0:
        return None
    shape = []
    for number, dimension in _fields(_bytes(fields.get(2, b""))):
        if number == 2:
            shape.append(_int(dict(_fields(_bytes(dimension))).get(1, 0)))
    return shape, _int(fields.get(4, 0)), _int(fields.get(5, 0))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protocol buffer."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError("wire type")
        if at + size > len(message):
            raise ValueError("a field is beyond its message")
        yield number, message[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("varint")


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number for a message")
    return value


def _int(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ValueError("a message for a number")
    return value
