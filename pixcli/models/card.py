"""Card: all that is known of one weight file, read from the TOML beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixcli.infer.footprint import Footprint


@dataclass(frozen=True)
class Card:
    """One weight file in words and figures. `weights/NAME.toml` holds the same keys; `sha256` is that of the safetensors file.

    network: a name in pixcli.nets.NETWORKS; arguments: its constructor's. space: colour space of the input ("srgb", "lab-l", "y").
    scales: the enlargements that the network offers, for superres. bf16: whether quality was measured to hold in bfloat16.
    settings: defaults of the task's options that were calibrated for this weight (for instance colorize's saturation).
    measures: rows of {"set", "measure", "value", "protocol", "command"}.
    """

    name: str
    task: str
    network: str
    path: Path
    title: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    space: str = "srgb"
    footprint: Footprint = field(default_factory=lambda: Footprint(reach=None))
    scales: tuple[int, ...] = ()
    bf16: bool = False
    default: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    parameters: int = 0
    licence: str = ""
    data: tuple[dict[str, Any], ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    measures: tuple[dict[str, Any], ...] = ()
    weaknesses: tuple[str, ...] = ()
    sha256: str = ""
