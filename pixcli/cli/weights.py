"""`pixcli weights`: what lies in weight files, whether it is whole, and converting published ones."""

import json as jsonlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from pixcli.cli.models import as_json
from pixcli.cli.options import Debug, Json, models_of
from pixcli.cli.panels import Group, alone, group
from pixcli.cli.say import complain
from pixcli.errors import UsageError, WeightsError

HELP = """Look at weight files, verify them, convert published ones.

\b
Examples:
  pixcli weights list
  pixcli weights verify
"""
LIST = """List the weights that are installed: task, size, hash, file.

\b
Examples:
  pixcli weights list
  pixcli weights list --json
"""
INFO = """Say all that is known of a weight file: its card, and what its header says.

\b
Examples:
  pixcli weights info superres
  pixcli weights info model.safetensors --json
"""
VERIFY = """Read weight files whole: header, names, shapes, numbers, hash.

Without FILES all that are installed. Exit code 4 when one is broken; all broken ones are told.

\b
Examples:
  pixcli weights verify
  pixcli weights verify model.safetensors
"""
BLEND = """Mix two weights of one network, where one was trained on from the other.

\b
Examples:
  pixcli weights blend superres superres-real --share 0.5 -o mine.safetensors
  pixcli weights blend superres-clean superres-real -o half.safetensors
"""
CONVERT = """Convert a published checkpoint of a network that pixcli has, without running anything in it.

\b
Examples:
  pixcli weights convert PANx4_DF2K.pth -o pan-x4.safetensors
  pixcli weights convert srcnn.pth -o srcnn.safetensors --scale 3
  pixcli weights convert model.ckpt.index -o dark.safetensors
"""

Name = Annotated[
    str,
    typer.Argument(
        metavar="FILE|NAME", help="A weight file, or a name of `weights list`.", autocompletion=models_of
    ),
]


def list_(json: Json = False, debug: Debug = False) -> None:
    from pixcli.models import catalogue

    for card in catalogue():
        row = as_json(card)
        if json:
            print(jsonlib.dumps({k: row[k] for k in ("name", "task", "bytes", "sha256", "path")}))
        else:
            size = "missing" if row["bytes"] is None else f"{row['bytes'] / 1e6:.1f} MB"
            print(f"{card.name:24} {card.task:12} {size:>8}  {card.sha256[:16]}  {card.path}")


def info(what: Name, json: Json = False, debug: Debug = False) -> None:
    from pixcli.models import find
    from pixcli.models.card import to_toml

    row = as_json(card := find(what))
    if json:
        print(jsonlib.dumps(row, default=str))
        return
    path = jsonlib.dumps(row["path"], ensure_ascii=False)
    print(f"file = {path}\nbytes = {row['bytes']}\n{to_toml(card)}", end="")


def verify(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILES", autocompletion=models_of)] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    from pixcli.models import catalogue, find, load

    cards = catalogue() if not files else []
    if not files and not cards:
        raise WeightsError("no weights are installed", "install pixcli again")
    broken = 0
    for what in files or [c.name for c in cards]:
        fault: WeightsError | None = None
        try:
            load(find(what))
        except WeightsError as raised:
            fault = raised
            broken += 1
        if json:
            print(jsonlib.dumps({"file": what, "ok": fault is None, "error": str(fault or "")}), flush=True)
        elif fault is None:
            print(f"ok    {what}", flush=True)
        if fault is not None:
            complain(fault.what, fault.hint)
    if broken:
        raise typer.Exit(WeightsError.exit_code)


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A .pth, .pt, .ckpt, .h5, .safetensors or .index file.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT.safetensors", help="What to write; a card comes beside it."),
    ],
    scale: Annotated[
        int | None, typer.Option("--scale", metavar="N", help="Where the file does not tell.")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    new_weights(out)

    from pixcli.models.convert import convert as converted

    card = converted(source, out, scale)
    if json:
        print(jsonlib.dumps(as_json(card), default=str))
    else:
        print(f"{card.path}: {card.network} for {card.task}, {card.parameters / 1e6:.2f} M parameters")


def blend(
    first: Annotated[str, typer.Argument(metavar="NAME|FILE", autocompletion=models_of)],
    second: Annotated[str, typer.Argument(metavar="NAME|FILE", autocompletion=models_of)],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT.safetensors", help="What to write; a card comes beside it."),
    ],
    share: Annotated[float, typer.Option("--share", min=0, max=1, help="Of the second.")] = 0.5,
    debug: Debug = False,
) -> None:
    new_weights(out)

    from pixcli.models import find
    from pixcli.models.blend import blend as blended

    card = blended(find(first), find(second), share, out)
    print(f"{card.path}: {card.network} for {card.task}, {card.training['blend']}")


def new_weights(out: Path) -> None:
    """Raises UsageError unless weights can be written under this name."""
    if out.suffix != ".safetensors":
        raise UsageError(
            f"-o {out}: must end in .safetensors", f"for instance -o {out.with_suffix('.safetensors')}"
        )
    if out.exists():
        raise UsageError(f"{out} exists already", "give another name, or remove it")


COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "list": (list_, LIST),
    "info": (info, INFO),
    "verify": (verify, VERIFY),
}
COMMANDS |= {"convert": (convert, CONVERT), "blend": (blend, BLEND)}


class Weights(Group):
    """The commands on weight files."""

    listed: ClassVar = {name: ("Commands", help.partition("\n")[0]) for name, (_, help) in COMMANDS.items()}

    def make(self, name: str) -> Any:
        function, help = COMMANDS[name]
        return alone(name, function, help=help, exits=(0, 2, 4))


def make() -> Any:
    """The group."""
    return group("weights", Weights, help=HELP)
