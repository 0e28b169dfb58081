"""`pixcli eval TASK DATASET`: a model measured by the papers' protocol."""

import json as jsonlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from pixcli.cli.options import Debug, Device, Json, Model, Precision, Tile
from pixcli.cli.panels import Group, alone, lazily
from pixcli.cli.task_options import given_options, own_parameters, parameters_of, with_parameters
from pixcli.tasks import TASKS, Task

HELP = """Measure a model on a test set, through the same path that users run.

\b
Examples:
  pixcli eval superres set5 --scale 3
  pixcli eval colorize photos/ --json
"""
Channel = Annotated[
    str | None,
    typer.Option(
        "--channel", metavar="y|rgb|gray", help="Measure on this (default: y).", rich_help_panel="Measure"
    ),
]


def shared(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="A test set by name, or a folder of pictures.")
    ],
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="DIR",
            help="Keep what was given and what came out here.",
            rich_help_panel="Measure",
        ),
    ] = None,
    channel: Channel = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "auto",
    tile: Tile = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Write the figures into the model's card.", rich_help_panel="Measure"),
    ] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Never called: its signature is the list."""


def _command(task: type[Task]) -> Callable[..., None]:
    def command(**typed: Any) -> None:
        from pixcli.engine import Settings
        from pixcli.evaluate import evaluate

        options = given_options(task, typed)
        task(**options)  # what does not fit is told before anything heavy starts
        if typed.get("channel") is not None:
            options["channel"] = typed["channel"]
        settings = Settings(device=typed["device"], precision=typed["precision"], tile=typed["tile"])
        table = evaluate(
            task.name,
            typed["dataset"],
            model=typed["model"],
            keep=typed["keep"],
            settings=settings,
            **options,
        )
        if typed["record"]:
            from pixcli.models import find, record

            record(find(table.model, task.name), table.measures())
        if typed["json"]:
            print(jsonlib.dumps(table.to_json()))
        else:
            _print(table)

    left_out = () if task.name == "superres" else ("channel",)
    return with_parameters(command, own_parameters(task) + parameters_of(shared, but=left_out))


def _print(table: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = list(table.mean)
    shown = Table(
        "picture", *names, title=f"{table.model} on {table.dataset}: {table.protocol}", title_justify="left"
    )
    for row in table.rows:
        shown.add_row(Text(str(row["picture"])), *(f"{row[k]:.4g}" if k in row else "" for k in names))
    shown.add_section()
    shown.add_row("mean", *(f"{table.mean[k]:.4f}" for k in names))
    console = Console()
    console.print(shown)
    print(table.command)


HELP_OF_ONE = """Measure {task} on a test set.

\b
Examples:
  pixcli eval {task} photos/
  pixcli eval {task} photos/ --json
"""


class Tasks(Group):
    """eval's subcommands, one for each task."""

    makers: ClassVar = {
        name: partial(
            lambda task: alone(task.name, _command(task), help=HELP_OF_ONE.format(task=task.name)), task
        )
        for name, task in TASKS.items()
    }


def add_to(app: typer.Typer) -> None:
    """Register the command: one subcommand for each task, with that task's options."""
    group = typer.Typer(cls=Tasks, help=HELP, no_args_is_help=True, rich_markup_mode=None)
    for name in TASKS:
        lazily(group, name, help=HELP_OF_ONE.format(task=name), panel="Tasks")
    app.add_typer(group, name="eval", rich_help_panel="Models")
