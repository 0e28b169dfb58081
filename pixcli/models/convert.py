"""Published checkpoints of the networks we have. What the files look like is data: layouts.py."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pixcli.errors import WeightsError
from pixcli.models.blank import blank
from pixcli.models.bundle import read_bundle
from pixcli.models.card import Card
from pixcli.models.check import fit, read_safetensors, same_shapes
from pixcli.models.hdf5 import is_hdf5, read_hdf5
from pixcli.models.label_names import LABELS
from pixcli.models.layouts import LAYOUTS, Layout
from pixcli.models.pickles import read_pickle
from pixcli.models.save import describe, save

if TYPE_CHECKING:
    from torch import Tensor, nn


def read_published(path: Path, scale: int | None = None) -> tuple[Card, dict[str, Tensor]]:
    """A published checkpoint's card and its tensors, found to fit. Raises WeightsError.

    Where the tensors do not tell the scale, it is the one given, else the x2, x3 or x4 of the file's name.
    """
    readers = {".safetensors": lambda p: read_safetensors(p)[0], ".index": read_bundle}
    published = (read_hdf5 if is_hdf5(path) else readers.get(path.suffix, read_pickle))(path)
    marked = [found for found in LAYOUTS if found.mark in published]
    if not marked:
        titles = dict.fromkeys(found.title for found in LAYOUTS)
        raise WeightsError(f"{path}: of no known network", f"known: {', '.join(titles)}")
    faults: list[WeightsError] = []
    for layout in marked:
        if not re.search(layout.stem, path.stem, re.IGNORECASE):
            continue
        tensors = dict(_ours(k, v, layout) for k, v in published.items() if not re.match(layout.drop, k))
        try:
            card, net = _variant(Card(path.stem, layout.task, layout.network, path), layout, tensors, scale)
        except WeightsError as fault:
            faults.append(fault)
        else:
            classes = LABELS[layout.labels.format(**card.arguments)]
            card = replace(describe(card, net), title=layout.title, licence=layout.licence, classes=classes)
            return card, tensors
    raise faults[0]


def _ours(key: str, value: Tensor, layout: Layout) -> tuple[str, Tensor]:
    """Our name of a tensor, and the tensor as torch has it."""
    for pattern, name in layout.rename:
        if found := re.fullmatch(pattern, key):
            key = found.expand(name)
            break
    if layout.tensorflow and value.ndim == 4:
        value = value.permute(3, 2, 0, 1)
    shuffled = layout.depth_to_space and key.startswith(f"{layout.depth_to_space}.")
    if shuffled and value.ndim and value.shape[0] % 3 == 0:  # if not, it will not fit
        value = value.reshape(value.shape[0] // 3, 3, *value.shape[1:]).transpose(0, 1).flatten(0, 1)
    return key, value.float().contiguous()


def convert(source: Path, target: Path, scale: int | None = None) -> Card:
    """Write a published checkpoint as `target` (.safetensors, float32: its exact numbers) and its card.

    Raises WeightsError, and OutputError when the target cannot be written.
    """
    card, tensors = read_published(source, scale)
    net = blank(card, {k: v.shape for k, v in tensors.items()})
    fit(tensors, net, source)
    return save(
        target,
        net,
        replace(card, name=target.stem, training={"converted_from": source.name}),
        dtype="float32",
    )


def _variant(
    card: Card, layout: Layout, tensors: dict[str, Tensor], scale: int | None
) -> tuple[Card, nn.Module]:
    """The card with those arguments of the layout that fit, and its network."""
    shapes = {k: tuple(v.shape) for k, v in tensors.items()}
    fitting: list[tuple[Card, nn.Module]] = []
    why = ""
    for arguments in layout.variants:
        trial = replace(card, arguments=arguments)
        try:
            net = blank(trial, shapes)
            same_shapes(shapes, net, card.path)
        except WeightsError as e:
            why = why or e.what
        else:
            fitting.append((trial, net))
    if not fitting:
        raise WeightsError(f"{card.path}: looks like {layout.title}, but is not: {why}")
    if len(fitting) > 1 and scale is None:
        named = re.search(r"x([234])(?!\d)", card.path.stem, re.IGNORECASE)
        scale = int(named[1]) if named else 0
    fitting = [f for f in fitting if scale in (None, f[0].arguments.get("scale"))]
    if not fitting:
        raise WeightsError(
            f"{card.path}: {layout.title}: which scale is it?", "the name may say x2, x3 or x4"
        )
    return fitting[0]
