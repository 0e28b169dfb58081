"""Training: `pixcli train RECIPE` makes a weight and its card from pictures."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from pixcli.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixcli.models import Card
    from pixcli.train.loop import Recipe, Trained


def names() -> tuple[str, ...]:
    """Names of the shipped recipes: the files in recipes/."""
    package = importlib.import_module("pixcli.train.recipes")

    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__)))


def find(name: str) -> Recipe:
    """Raises UsageError for an unknown name."""
    if name not in names():
        raise UsageError(f"there is no recipe {name!r}", f"there are: {', '.join(names())}")
    found: Recipe = importlib.import_module(f"pixcli.train.recipes.{name}").RECIPE
    return found


def run(
    name: str,
    out: Path,
    *,
    data: Path,
    runs: Path,
    device: str = "auto",
    precision: str = "auto",
    minutes: float | None = None,
    steps: int | None = None,
    rate: float | None = None,
    seed: int = 0,
    start: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Card:
    """Train a recipe to its end, or on from where it was stopped; write weights and card.

    out: the .safetensors file. data: the folder that PIXCLI_DATA names. runs: where checkpoints, logs and
    decoded pictures lie (`runs/NAME/last.pt`). minutes or steps shorten the schedule, rate is its highest
    rate of learning. start: a checkpoint of another run to begin from.
    Raises InputError when a training set is missing.
    """
    from dataclasses import replace

    from pixcli.infer import device as devices
    from pixcli.infer import precision as precisions
    from pixcli.train.loop import train

    made = find(name)
    if steps:
        made.schedule = replace(made.schedule, steps=steps)
    if rate:
        made.schedule = replace(made.schedule, rate=rate)
    chosen = devices.choose(device)
    kind = precisions.choose(precision, chosen.torch, bf16_ok=True)
    say(f"training {name} on {chosen.name} in {kind.name} ({kind.why})")
    try:
        trained = train(
            made,
            data,
            runs / name,
            device=chosen.torch,
            precision=kind.name,
            minutes=minutes,
            seed=seed,
            start=start,
            say=say,
        )
    except FileNotFoundError as e:
        raise InputError(str(e), "set PIXCLI_DATA to the folder that holds data/") from None
    return write(made, trained, out, device=chosen.name, precision=kind.name)


def write(made: Recipe, trained: Trained, out: Path, *, device: str, precision: str) -> Card:
    """The trained network as weights and card: what it learnt from and how, and its figures on held pictures.

    Test sets and weaknesses are left to whoever measures it and looks at it.
    """
    from pixcli.models import Card, describe, save, share

    settings = made.calibrate(trained.net)
    card = Card(
        out.stem,
        made.task,
        made.network,
        out,
        title=made.title,
        arguments=made.arguments,
        bf16=True,
        settings=settings,
        classes=made.classes,
        scenes=made.holds_for,
        licence="Apache-2.0; see the data for what they were learnt from",
        data=tuple(
            {"set": s.title, "share": s.share, "licence": s.licence}
            for s in made.sources + made.beside
            if s.title
        ),
        training={
            "recipe": made.name,
            "steps": trained.steps,
            "minutes": round(trained.minutes, 1),
            "device": device,
            "precision": precision,
            "validation": {k: round(v, 4) for k, v in trained.figures.items()},
        },
    )
    card = save(out, trained.net, describe(card, trained.net))
    for task in made.serves:
        share(card, task)
    return card
