"""Where the weights of torchvision's networks lie, by its names. Nothing is fetched."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from pixcli.errors import WeightsError
from pixcli.models.card import Card

SOURCE = "https://download.pytorch.org/models/"
FILES = {  # torchvision's defaults; each name ends with the beginning of the file's sha256
    "fcn_resnet50": "fcn_resnet50_coco-1167a1af.pth",
    "fcn_resnet101": "fcn_resnet101_coco-7ecb50ca.pth",
    "deeplabv3_resnet50": "deeplabv3_resnet50_coco-cd0a2569.pth",
    "deeplabv3_resnet101": "deeplabv3_resnet101_coco-586e9e4e.pth",
    "deeplabv3_mobilenet_v3_large": "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
    "lraspp_mobilenet_v3_large": "lraspp_mobilenet_v3_large-d234d4ea.pth",
    "maskrcnn_resnet50_fpn": "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
    "maskrcnn_resnet50_fpn_v2": "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
    "raft_small": "raft_small_C_T_V2-01064c6d.pth",
    "raft_large": "raft_large_C_T_SKHT_V2-ff5fadd5.pth",
}
PREFIX = "torchvision:"


def hub_folder() -> Path:
    """torch.hub's folder of checkpoints."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or cache / "torch") / "hub" / "checkpoints"


def torchvision_card(spec: str) -> Card:
    """The card for torchvision:NAME, whose file is in torch's cache, or torchvision:NAME=FILE.

    Raises WeightsError, which says where a missing file comes from; also when torch's file is another one.
    """
    from pixcli.models.convert import read_published

    name, _, given = spec.removeprefix(PREFIX).partition("=")
    if name not in FILES:
        raise WeightsError(
            f"torchvision has no network {name!r} that pixcli knows", f"known: {', '.join(FILES)}"
        )
    path = Path(given) if given else hub_folder() / FILES[name]
    if not path.is_file():
        hint = f"--model {PREFIX}{name}=FILE takes it from elsewhere"
        if given:
            raise WeightsError(f"{path}: there is no such file")
        raise WeightsError(f"{PREFIX}{name}: {path} is missing; it comes from {SOURCE}{path.name}", hint)
    card, _ = read_published(path)
    if card.arguments.get("name") != name:
        raise WeightsError(f"{path}: holds {card.arguments.get('name', card.network)}, not {name}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not given and not digest.startswith(path.stem.rpartition("-")[2]):
        raise WeightsError(f"{path}: is not the file that torchvision published", "its sha256 differs")
    return replace(card, name=f"{PREFIX}{name}", sha256=digest)
