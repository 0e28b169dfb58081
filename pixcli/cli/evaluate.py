"""`pixcli eval TASK DATASET`: a model measured by the papers' protocol."""

import json as jsonlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from pixcli.cli.options import Debug, Device, Json, Model, Precision, Runtime, Tile
from pixcli.cli.panels import Group, alone, group
from pixcli.cli.task_options import given_options, own_parameters, parameters_of, with_parameters
from pixcli.tasks import LISTED, TASKS, MapTask, Task

HELP = """Measure a model on a test set, through the path that users run.

\b
Examples:
  pixcli eval superres set5 --scale 3
  pixcli eval colorize photos/ --json
"""
Channel = Annotated[
    str | None,
    typer.Option("--channel", metavar="y|rgb|gray", help="Measure on this.", rich_help_panel="Measure"),
]
Noise = Annotated[
    float | None,
    typer.Option(
        "--noise",
        metavar="SIGMA",
        help="Noise that is added, in 8-bit steps (25).",
        rich_help_panel="Measure",
    ),
]
Clean = Annotated[
    bool,
    typer.Option(
        "--clean", help="Give the clean pictures: how far they are left alone.", rich_help_panel="Measure"
    ),
]
Peers = Annotated[
    bool,
    typer.Option("--peers", help="Measure the classical methods beside it.", rich_help_panel="Measure"),
]
Damage = Annotated[
    bool,
    typer.Option(
        "--damage", help="Draw scratches and dust, for --mask auto to find.", rich_help_panel="Measure"
    ),
]
Void = Annotated[
    str | None,
    typer.Option(
        "--void", metavar="IDS", help="Ids of the truth that do not count.", rich_help_panel="Measure"
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(
        "--crop", metavar="none|eigen", help="The part that is measured (eigen).", rich_help_panel="Measure"
    ),
]
Align = Annotated[
    str | None,
    typer.Option(
        "--align",
        metavar="none|median|lsq",
        help="Bring the answer to the truth's scale first.",
        rich_help_panel="Measure",
    ),
]
# what is asked of the measurement, by task; the evaluation itself is not imported for a help text
ASKED = {
    "superres": ("channel",),
    "denoise": ("noise", "channel", "clean", "peers"),
    "deblur": ("clean",),
    "derain": ("clean",),
    "inpaint": ("peers", "damage", "clean"),
    "enhance-dark": ("clean",),
    "segment": ("void",),
    "depth": ("crop", "align"),
}


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
    noise: Noise = None,
    clean: Clean = False,
    peers: Peers = False,
    damage: Damage = False,
    void: Void = None,
    crop: Crop = None,
    align: Align = None,
    model: Model = None,
    device: Device = "auto",
    precision: Precision = "fp32",
    runtime: Runtime = "auto",
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
        options |= {k: typed[k] for k in ASKED.get(task.name, ()) if typed[k] not in (None, False)}
        settings = Settings(**{k: typed[k] for k in ("device", "precision", "runtime", "tile")})
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

    left_out = {"channel", "noise", "clean", "peers", "damage", "void", "crop", "align"} - set(
        ASKED.get(task.name, ())
    )
    return with_parameters(command, own_parameters(task) + parameters_of(shared, but=left_out))


def _print(table: Any) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names = [k for k in table.mean if not k.startswith(OF_CLASSES)]
    shown = Table(
        "picture", *names, title=f"{table.model} on {table.dataset}: {table.protocol}", title_justify="left"
    )
    for row in table.rows:
        shown.add_row(Text(str(row["picture"])), *(f"{row[k]:.4g}" if k in row else "" for k in names))
    shown.add_section()
    shown.add_row("mean", *(f"{table.mean[k]:.4f}" for k in names))
    Console(width=max(Console().width, 24 + 14 * len(names))).print(shown)  # no figure is cut short
    for name, value in table.mean.items():
        if name not in names:
            print(f"{name.partition('_')[2]:>20}  {value:.4f}")
    print(table.command)


OF_CLASSES = ("iou_", "pq_")  # measures of one class each, which stand below the others
HELP_OF_ONE = """Measure {task} on a test set.

A test set is named as in the cards (`pixcli weights info MODEL`) and found below PIXCLI_DATA, or is a folder
{of}. The last line is the command that gives the
same figures again.

\b
Examples:
  pixcli eval {task} {folder}
  pixcli eval {task} {folder} --json
"""
MADE = "of pictures, of which the inputs are made as the protocol says"
SCENES = "of folders, in each two pictures and the motion between them (flow.png, flow.flo or flow.npz)"
PAIRS = "that holds the folders input, of pictures, and truth, of maps with the same names"


class Tasks(Group):
    """eval's subcommands, one for each task."""

    listed: ClassVar = {name: ("Tasks", f"Measure {name} on a test set.") for name in LISTED}

    def make(self, name: str) -> Any:
        maps = issubclass(TASKS[name], MapTask)
        of, folder = (PAIRS, "set/") if maps else (MADE, "photos/")
        if TASKS[name]().apart():
            of, folder = SCENES, "scenes/"
        return alone(
            name,
            _command(TASKS[name]),
            help=HELP_OF_ONE.format(task=name, of=of, folder=folder),
            exits=(0, 2, 4, 5),
            section="eval",
        )


def make() -> Any:
    """The group: one subcommand for each task, with that task's options."""
    return group("eval", Tasks, help=HELP)
