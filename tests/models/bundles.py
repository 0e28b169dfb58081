"""TensorFlow checkpoints, written as TensorFlow writes them: for the tests of those that read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

MAGIC = 0xDB4775248B80FB57


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Keys share what they begin with; one restart point."""
    out, before = b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), None)
        shared = min(len(key), len(before)) if shared is None else shared
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return out + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")


def write(index: Path, tensors: dict[str, np.ndarray], cut: int = 2) -> None:
    """index: the file NAME.index; NAME.data-00000-of-00001 comes beside it. cut: into so many blocks."""
    data, entries = b"", [(b"", field(1, 1) + field(3, field(1, 1)))]
    for name in sorted(tensors):
        t = tensors[name]
        shape = b"".join(field(2, field(1, n)) for n in t.shape)
        kind = {"f": 1, "i": 3}[t.dtype.kind]
        place = field(4, len(data)) + field(5, t.nbytes)
        crc = varint(6 << 3 | 5) + bytes(4)
        entries.append((name.encode(), field(1, kind) + field(2, shape) + place + crc))
        data += t.tobytes()
    table, handles = b"", []
    for i in range(cut):
        part = entries[i * len(entries) // cut : (i + 1) * len(entries) // cut]
        body = block(part)
        handles.append((part[-1][0], varint(len(table)) + varint(len(body))))
        table += body + bytes(5)
    places = b""
    for body in (block([]), block(handles)):
        places += varint(len(table)) + varint(len(body))
        table += body + bytes(5)
    index.write_bytes(table + places.ljust(40, b"\0") + MAGIC.to_bytes(8, "little"))
    index.with_name(f"{index.stem}.data-00000-of-00001").write_bytes(data)
