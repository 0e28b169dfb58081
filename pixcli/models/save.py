"""A network and its card, written as files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pixcli.atomic import write_bytes
from pixcli.errors import WeightsError
from pixcli.infer.footprint import Footprint
from pixcli.models.card import Card, to_toml

if TYPE_CHECKING:
    from torch import Tensor, nn


def footprint_of(net: nn.Module) -> Footprint:
    """What the network says of itself in its attributes reach, multiple, scale and side (all optional)."""
    return Footprint(
        reach=getattr(net, "reach", None),
        multiple=getattr(net, "multiple", 1),
        scale=getattr(net, "scale", 1),
        side=getattr(net, "side", None),
    )


def describe(card: Card, net: nn.Module) -> Card:
    """The card with what the network says of itself filled in."""
    footprint = footprint_of(net)
    return replace(
        card,
        space=getattr(net, "space", "srgb"),
        unit=getattr(net, "unit", card.unit),
        footprint=footprint,
        scales=tuple(getattr(net, "scales", (footprint.scale,) if footprint.scale > 1 else ())),
        parameters=sum(p.numel() for p in net.parameters()),
    )


def save(path: Path, net: nn.Module, card: Card, dtype: Literal["float16", "float32"] = "float16") -> Card:
    """Write the weights as safetensors (task, network, arguments in the metadata) and the .toml beside them.

    net: as it was built, not folded. dtype: that of matrices and kernels; vectors (biases, batch norm) stay
    float32. Each file appears under its name only when complete. Same weights, same bytes. Returns the card
    as written, with path, parameters and sha256. Raises WeightsError when a number is not finite or too
    large for float16, and OutputError when a file cannot be written.
    """
    import torch

    small = {"float16": torch.float16, "float32": torch.float32}[dtype]
    tensors = {
        k: v.detach().to("cpu", small if v.ndim > 1 else torch.float32)
        for k, v in net.state_dict().items()
        if v.is_floating_point()
    }
    for name, t in tensors.items():
        if not torch.isfinite(t).all():
            raise WeightsError(f"{path}: {name!r} holds numbers that are not finite in {t.dtype}")
    metadata = {
        "task": card.task,
        "network": card.network,
        "arguments": json.dumps(card.arguments),
        "version": "1",
    }
    data = _serialise(tensors, metadata)
    card = replace(
        card,
        path=path,
        parameters=sum(p.numel() for p in net.parameters()),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    write_bytes(path, data)
    write_bytes(path.with_suffix(".toml"), to_toml(card).encode())
    return card


def share(card: Card, task: str, **of_its_own: Any) -> Card:
    """Write a card beside `card`'s for another task that its weights serve; returns it.

    It is called after the weights and the task. of_its_own: what differs beside name and task.
    """
    shared = {"name": f"{card.name}-{task}", "task": task, "file": card.path.name, "settings": {}}
    card = replace(card, **(shared | of_its_own))
    write_bytes(card.toml, to_toml(card).encode())
    return card


def record(card: Card, rows: Iterable[dict[str, Any]]) -> Card:
    """Write measures into the card's TOML, in place of those by the same protocol. Raises OutputError."""
    rows = tuple(rows)
    new = {(row["set"], row["protocol"]) for row in rows}
    kept = tuple(row for row in card.measures if (row["set"], row["protocol"]) not in new)
    card = replace(card, measures=kept + rows)
    write_bytes(card.toml, to_toml(card).encode())
    return card


def _serialise(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    """A safetensors file. The library's writer orders the metadata at random: no two files are equal."""
    import torch

    header: dict[str, Any] = {"__metadata__": metadata}
    parts: list[bytes] = []
    at = 0
    for name, t in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):  # aligned
        parts.append(t.contiguous().numpy().tobytes())
        kind = "F16" if t.dtype == torch.float16 else "F32"
        header[name] = {"dtype": kind, "shape": list(t.shape), "data_offsets": [at, at + len(parts[-1])]}
        at += len(parts[-1])
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])
