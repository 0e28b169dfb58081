"""Help in plain panels: what belongs together stands under one heading.

Typer's own boxes need rich and a markdown parser, which doubles the time that `pixcli --help` takes; these
need neither, and can be copied, piped and searched.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


def _sections(rows: list[tuple[str, tuple[str, str]]], formatter: Any) -> None:
    panels: dict[str, list[tuple[str, str]]] = {}
    for title, row in rows:
        panels.setdefault(title, []).append(row)
    for title, lines in panels.items():
        with formatter.section(title):
            formatter.write_dl(lines, col_max=26)


def _parameters(command: Any, ctx: Any) -> list[tuple[str, tuple[str, str]]]:
    rows = []
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record:
            argument = param.param_type_name == "argument"
            # Typer adds the Python type of an argument: <list[str]>
            name = record[0].split(" <")[0] if argument else record[0]
            title = getattr(param, "rich_help_panel", None) or ("Arguments" if argument else "Other")
            rows.append((title, (name, record[1])))
    return rows


class Command(TyperCommand):
    """A command whose options are printed by their `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _sections(_parameters(self, ctx), formatter)


class Group(TyperGroup):
    """A group whose commands and options are printed by their `rich_help_panel`.

    makers: commands that are built when they are called; in the group stands a stand-in with name, help and
    panel, for building twelve tasks' options would cost more than all the rest of `pixcli --help`.
    """

    makers: ClassVar[Mapping[str, Callable[[], Any]]] = {}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self.makers[cmd_name]() if cmd_name in self.makers else super().get_command(ctx, cmd_name)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        width = formatter.width - 6 - max(map(len, self.commands))
        rows = [
            (getattr(c, "rich_help_panel", None) or "Commands", (name, c.get_short_help_str(width)))
            for name, c in self.commands.items()
            if not c.hidden
        ]
        _sections(rows + _parameters(self, ctx), formatter)


def lazily(app: typer.Typer, name: str, *, help: str, panel: str) -> None:
    """Register a stand-in for a command that the group's `makers` build."""

    @app.command(name, cls=Command, help=help, rich_help_panel=panel)
    def stand_in() -> None: ...


def alone(name: str, function: Callable[..., Any], *, help: str) -> Any:
    """The function as a command of its own, to be given out by `makers`."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=Command, help=help)(function)
    return typer.main.get_command(app)
