"""Weight files of a model of two convolutions, whole and broken in every way that a header can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

METADATA = {"task": "neutral", "arch": "tiny-conv", "version": "1"}


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.head = nn.Conv2d(8, 4, 1)


def header() -> dict[str, Any]:
    """The header of a whole file, to be spoilt."""
    found: dict[str, Any] = {"__metadata__": dict(METADATA)}
    at = 0
    for name, t in Tiny().state_dict().items():
        size = 4 * t.numel()
        found[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + size]}
        at += size
    return found


def numbers() -> bytes:
    torch.manual_seed(0)
    return b"".join(t.numpy().tobytes() for t in Tiny().state_dict().values())


def file(path: Path, head: Any = None, data: bytes | None = None, length: int | None = None) -> Path:
    """Write a safetensors file: head is JSON data, text or bytes."""
    head = header() if head is None else head
    if not isinstance(head, str | bytes):
        head = json.dumps(head)
    text = head.encode() if isinstance(head, str) else head
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + (numbers() if data is None else data))
    return path
