"""`pixcli train RECIPE`: a weight and its card from pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from pixcli.cli.options import RUN, Debug, Device, Precision
from pixcli.cli.panels import alone
from pixcli.cli.say import tell
from pixcli.errors import UsageError

HELP = """Train a recipe to its end, or go on where it was stopped.

Writes weights and their card, with the figures measured on the final file.

\b
Examples:
  pixcli train superres --data DATA/ -o superres.safetensors
  pixcli train colorize --data DATA/ -o colorize.safetensors --minutes 60
"""
SCHEDULE = "Schedule"


def _recipes(incomplete: str) -> Iterator[str]:
    from pixcli.train import names

    yield from names()


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Its name.", autocompletion=_recipes)],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT.safetensors", help="The weights; their card comes beside."),
    ],
    data: Annotated[
        Path,
        typer.Option("--data", metavar="DIR", envvar="PIXCLI_DATA", help="Where the training sets lie."),
    ],
    runs: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="Checkpoints, logs and decoded pictures.")
    ] = Path("runs"),
    start: Annotated[
        Path | None,
        typer.Option("--start", metavar="FILE", help="Begin from this checkpoint of another run."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="N", min=0.01, help="End by then.", rich_help_panel=SCHEDULE),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", metavar="N", min=1, help="As many steps.", rich_help_panel=SCHEDULE),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", metavar="R", min=0.0, help="Of learning, at its height.", rich_help_panel=SCHEDULE
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of all chance.", rich_help_panel=SCHEDULE)
    ] = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Problems only.", rich_help_panel=RUN)] = False,
    debug: Debug = False,
) -> None:
    from pixcli.train import names, run

    if recipe not in names():
        raise UsageError(f"there is no recipe {recipe!r}", f"there are: {', '.join(names())}")
    if out.suffix != ".safetensors":
        raise UsageError(f"-o {out}: must end in .safetensors", f"for instance -o {recipe}.safetensors")
    card = run(
        recipe,
        out,
        data=data,
        runs=runs,
        device=device,
        precision=precision,
        minutes=minutes,
        steps=steps,
        rate=rate,
        seed=seed,
        start=start,
        say=(lambda text: None) if quiet else (lambda text: tell(f"pixcli: {text}")),
    )
    if not quiet:
        tell(f"pixcli: wrote {card.path}, {card.parameters / 1e6:.2f} M parameters")


def make() -> Any:
    """The command."""
    return alone("train", train, help=HELP, exits=(0, 2, 4, 5, 6, 130, 143), section="train")
