"""Card: all that is known of one weight file, read from the TOML beside it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from pixcli.errors import WeightsError
from pixcli.infer.footprint import Footprint


@dataclass(frozen=True)
class Card:
    """One weight file in words and figures. `weights/NAME.toml` holds the same keys.

    network: a name in pixcli.nets.NETWORKS; arguments: its constructor's. space: colour space of the input
    ("srgb", "lab-l", "y"). scales: the enlargements that the network offers, for superres. bf16: whether
    quality was measured to hold in bfloat16. settings: defaults of the task's options that were calibrated
    for this weight (for instance colorize's saturation). classes: of labels, one row {"name", "color" [r, g,
    b]} for each channel of the answer's first head, with "id" where that is not its number. unit: of depth,
    "metres", "log metres" or "10 / metres"; else the answer is inverse and relative. scenes: where the unit
    can be relied on ("rooms"); "" is everywhere. file: the weights' name beside the card, where another
    card's task has the same. measures: rows of {"set", "measure", "value", "protocol", "command"}. sha256:
    that of the safetensors file.
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
    settings: dict[str, Any] = field(default_factory=dict)
    classes: tuple[dict[str, Any], ...] = ()
    unit: str = ""
    scenes: str = ""
    file: str = ""
    parameters: int = 0
    licence: str = ""
    data: tuple[dict[str, Any], ...] = ()
    training: dict[str, Any] = field(default_factory=dict)
    measures: tuple[dict[str, Any], ...] = ()
    weaknesses: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def toml(self) -> Path:
        """Where the card itself lies."""
        return self.path.with_name(f"{self.name}.toml") if self.file else self.path.with_suffix(".toml")


def read_card(path: Path) -> Card:
    """The card in a TOML file; the weights are beside it. Raises WeightsError."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise WeightsError(f"{path}: {e.strerror}") from None
    except ValueError as e:  # TOMLDecodeError, UnicodeDecodeError
        raise WeightsError(f"{path}: the card is no TOML: {e}") from None
    values.setdefault("name", path.stem)
    values["path"] = path.with_suffix(".safetensors")
    if values.get("file"):
        values["path"] = path.with_name(Path(str(values["file"])).name)
        values["name"] = path.stem
    for f in fields(Card):
        if f.name not in values:
            if f.default is MISSING and f.default_factory is MISSING:
                raise WeightsError(f"{path}: the card lacks {f.name!r}")
        elif type(values[f.name]) is not (TYPES.get(str(f.type)) or type(values[f.name])):
            raise WeightsError(f"{path}: the card's {f.name!r} is {values[f.name]!r}, not {f.type}")
        elif str(f.type).startswith("tuple"):
            values[f.name] = tuple(values[f.name])
    try:
        values["footprint"] = Footprint(**{"reach": None, **values.get("footprint", {})})
        return Card(**values)
    except TypeError as e:
        raise WeightsError(f"{path}: the card has a key that is unknown: {e}") from None


# what TOML gives for a field's annotation
TYPES: dict[str, type] = {
    "str": str,
    "bool": bool,
    "int": int,
    "dict[str, Any]": dict,
    "Footprint": dict,
    "tuple[int, ...]": list,
    "tuple[str, ...]": list,
    "tuple[dict[str, Any], ...]": list,
}


def to_toml(card: Card) -> str:
    """The card as TOML: the keys that differ from their defaults, in the dataclass's order, tables last."""
    plain, tables = [], []
    for f in fields(card):
        value = getattr(card, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if f.name == "path" or (value == default and f.name != "footprint"):
            continue
        if f.name == "footprint":
            value = {k: v for k, v in vars(value).items() if v is not None}
        if isinstance(value, dict):
            tables += [f"\n[{f.name}]", *_lines(value)]
        elif isinstance(value, tuple) and value and isinstance(value[0], dict):
            for row in value:
                tables += [f"\n[[{f.name}]]", *_lines(row)]
        else:
            plain.append(f"{f.name} = {_value(value)}")
    return "\n".join(plain + tables) + "\n"


def _lines(table: dict[str, Any]) -> list[str]:
    return [f"{_key(k)} = {_value(v)}" for k, v in table.items() if v is not None]


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("-", "_").isidentifier() else json.dumps(key)


def _value(value: Any) -> str:
    match value:
        case bool() | str():  # JSON's strings are TOML's, but for DEL
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case float():
            return repr(float(value))  # NumPy's floats say their type
        case int():
            return repr(value)
        case dict():
            return "{" + ", ".join(_lines(value)) + "}"
        case list() | tuple():
            if any(isinstance(v, str) and len(v) > 60 for v in value):
                return "[\n" + "".join(f"    {_value(v)},\n" for v in value) + "]"
            return "[" + ", ".join(map(_value, value)) + "]"
    raise TypeError(f"{type(value).__name__} cannot stand in a card")
