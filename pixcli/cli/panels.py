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


def parameters(command: Any, ctx: Any) -> list[tuple[str, tuple[str, str]]]:
    """(heading, (name, help)) of each argument and option, as help shows them."""
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
    """A command whose options are printed by their `rich_help_panel`, with its exit codes below.

    section: of a settings file, and of the names of variables, that its defaults stand in; "": none do.
    """

    exits: tuple[int, ...] = ()
    section = ""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if self.section and not ctx.resilient_parsing and not {"-h", "--help"} & set(args):
            from pixcli.cli.config import defaults

            ctx.default_map = defaults(self)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _sections(parameters(self, ctx), formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from pixcli.cli import manual

        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), manual.EXIT_CODES[code]) for code in self.exits])
        if self.section:
            with formatter.section("Environment"):
                formatter.write_dl(list(manual.VARIABLES.items()), col_max=26)
            with formatter.section("Files"):
                formatter.write_dl(list(manual.FILES.items()), col_max=30)


class Group(TyperGroup):
    """A group whose commands and options are printed by their `rich_help_panel`.

    listed: panel and first line of help of each command that `make` builds when it is called. In the group
    stands no more than that, for building all commands would cost more than the rest of `pixcli --help`.
    """

    listed: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (panel, title) in self.listed.items():
            self.commands[name] = Command(name, help=title, rich_help_panel=panel)

    def make(self, name: str) -> Any:
        raise NotImplementedError

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self.make(cmd_name) if cmd_name in self.listed else super().get_command(ctx, cmd_name)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        width = formatter.width - 6 - max(map(len, self.commands))
        rows = [
            (getattr(c, "rich_help_panel", None) or "Commands", (name, c.get_short_help_str(width)))
            for name, c in self.commands.items()
        ]
        _sections(rows + parameters(self, ctx), formatter)


def alone(
    name: str, function: Callable[..., Any], *, help: str, exits: tuple[int, ...], section: str = ""
) -> Any:
    """The function as a command of its own."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, cls=Command, help=help)(function)
    command: Any = typer.main.get_command(app)
    command.exits, command.section = exits, section
    return command


def group(name: str, cls: type[Group], *, help: str) -> Any:
    """A group of the commands that `cls` lists."""
    app = typer.Typer(name=name, cls=cls, help=help, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(lambda: None)
    return typer.main.get_group(app)
