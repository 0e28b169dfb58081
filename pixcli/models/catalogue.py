"""Which weights there are: our own by name, anybody's by path."""

from __future__ import annotations

import json
from pathlib import Path

from pixcli.errors import WeightsError
from pixcli.models.card import Card, read_card
from pixcli.models.check import read_header, require
from pixcli.models.pickles import SUFFIXES
from pixcli.models.save import describe
from pixcli.models.torchvision_hub import PREFIX, torchvision_card

DIS = Card(
    "dis",
    "flow",
    "dis",
    Path("dis"),
    title="Dense inverse search, OpenCV's medium preset: no network, to compare with",
    licence="Apache-2.0 (OpenCV)",
    sha256="opencv-dis-medium",  # there is no file; what results depend on
)


def folder() -> Path:
    """Where our own weights lie: in the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "weights"
    return inside if inside.is_dir() else package.parent / "weights"


def catalogue() -> list[Card]:
    """The cards of our own weights, by task and name."""
    cards = [read_card(path) for path in folder().glob("*.toml")]
    return sorted(cards, key=lambda c: (c.task, c.name))


def find(spec: str, task: str | None = None) -> Card:
    """The card for a name of the catalogue, a path (.safetensors, .pth, .pt, .ckpt) or torchvision:NAME.

    Of a task's own models what follows the task's name is enough: "real" of superres is superres-real.
    Weights that serve several tasks are found by the name or path of any of their cards. A .safetensors
    without a .toml beside it is described by its own metadata. Raises WeightsError, also when it is not for
    `task`.
    """
    path = Path(spec)
    if spec == DIS.name:
        card = DIS
    elif spec.startswith(PREFIX):
        card = torchvision_card(spec)
    elif path.suffix in (".safetensors", *SUFFIXES) or len(path.parts) > 1:
        card = _card_of(path)
    else:
        cards = catalogue()
        named = [c for c in cards if c.name in (spec, f"{task}-{spec}")]
        if not named:
            there = ", ".join(c.name for c in cards if task in (None, c.task)) or "none"
            raise WeightsError(f"there is no model {spec!r}", f"there are: {there}; or give a path")
        card = named[0]
    if task is not None and card.task != task:
        other = card.path.with_name(f"{card.path.stem}-{task}.toml")  # as `share` writes it
        if other.exists() and (shared := read_card(other)).path == card.path and shared.task == task:
            return shared
        raise WeightsError(f"{spec}: is for the task {card.task!r}, not {task!r}")
    return card


def _card_of(path: Path) -> Card:
    if path.suffix in SUFFIXES:
        from pixcli.models.convert import read_published

        return read_published(path)[0]
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path}: neither a .safetensors nor a {', '.join(SUFFIXES)} file")
    header = read_header(path)
    if path.with_suffix(".toml").exists():
        return read_card(path.with_suffix(".toml"))
    said = header.metadata
    require(said, path, "task", "network")
    try:
        arguments = json.loads(said.get("arguments", "{}"))
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise WeightsError(f"{path}: the metadata's arguments are no JSON object")
    from pixcli.models.blank import blank

    card = Card(path.stem, said["task"], said["network"], path, title=path.name, arguments=arguments)
    return describe(card, blank(card, header.shapes))
