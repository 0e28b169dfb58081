"""Published checkpoints of the networks we have. What the files look like is data: LAYOUTS."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixcli.errors import WeightsError
from pixcli.models.blank import blank
from pixcli.models.card import Card
from pixcli.models.check import fit, same_shapes
from pixcli.models.pickles import read_pickle
from pixcli.models.save import describe, save

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """One way that published files are laid out.

    mark: a key that tells it from others. variants: arguments of the network, one of which must fit exactly.
    drop: a pattern of keys that are of no use; all others are our own names.
    """

    title: str
    task: str
    network: str
    mark: str
    variants: tuple[dict[str, Any], ...] = ({},)
    drop: str = r"(?!)"
    licence: str = ""


LAYOUTS = (
    Layout(
        "PAN (Zhao et al. 2020)",
        *("superres", "pan", "SCPA_trunk.0.conv1_a.weight"),
        variants=tuple({"scale": s} for s in (2, 3, 4)),
        licence="none stated",
    ),
    Layout(
        "EDSR (Lim et al. 2017)",
        *("superres", "edsr", "body.0.body.0.weight"),
        variants=tuple(
            {"scale": s, "blocks": b, "features": f, "residual": r}
            for b, f, r in ((16, 64, 1.0), (32, 256, 0.1))
            for s in (2, 3, 4)
        ),
        drop=r"(sub|add)_mean\.",  # fixed values, which EDSR itself knows
        licence="MIT",
    ),
    Layout(
        "SRCNN (Dong et al. 2014)",
        *("superres", "srcnn", "conv3.bias"),
        variants=tuple({"scale": s, "kernels": [9, k, 5]} for k in (1, 3, 5) for s in (2, 3, 4)),
    ),
    Layout(
        "Colorful Image Colorization (Zhang et al. 2016)",
        *("colorize", "zhang2016", "model8.6.weight"),
        drop=r"model_out\.|.*\.num_batches_tracked$",  # model_out holds the bins' centres
        licence="BSD-2-Clause",
    ),
)


def read_published(path: Path, scale: int | None = None) -> tuple[Card, dict[str, Tensor]]:
    """A published checkpoint's card and its tensors, found to fit. Raises WeightsError.

    Where the tensors do not tell the scale, it is the one given, else the x2, x3 or x4 of the file's name.
    """
    published = read_pickle(path)
    layout = next((found for found in LAYOUTS if found.mark in published), None)
    if layout is None:
        raise WeightsError(
            f"{path}: of no known network", f"known: {', '.join(found.title for found in LAYOUTS)}"
        )
    tensors = {k: v.float() for k, v in published.items() if not re.match(layout.drop, k)}
    card, net = _variant(Card(path.stem, layout.task, layout.network, path), layout, tensors, scale)
    return replace(describe(card, net), title=layout.title, licence=layout.licence), tensors


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
