"""`pixcli`: the entry point. What goes wrong below ends here, in one line and an exit code."""

import os
import sys
from typing import Annotated, Any, NoReturn

import typer

from pixcli import __version__
from pixcli.cli import doctor, evaluate, models, status, task_commands, train, weights
from pixcli.cli.panels import Group
from pixcli.cli.say import complain
from pixcli.errors import PixcliError

# Typer's usage errors; the Click that they belong to is Typer's private matter.
UsageFault: Any = typer.BadParameter.__mro__[1]

HELP = """Run image networks over folders of pictures and over films.

\b
Examples:
  pixcli colorize old_photos/ -o out/
  pixcli superres photos/ -o big/ --scale 4

`pixcli COMMAND --help` tells more.
"""


class Commands(Group):
    """The top group: a reader of our output that went away is no fault."""

    makers = task_commands.MAKERS

    def invoke(self, ctx: Any) -> Any:
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python complains when it flushes at the end
            raise typer.Exit(141) from None
        return answer


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"pixcli {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def build() -> typer.Typer:
    """The whole command line. Nothing heavy is imported for it."""
    app = typer.Typer(
        name="pixcli",
        cls=Commands,
        help=HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_top)
    task_commands.add_to(app)
    for room in (models, weights, evaluate, train, status, doctor):
        room.add_to(app)
    return app


def main() -> NoReturn:
    """Run the command line in sys.argv and exit with its code."""
    # Names that are no UTF-8 reach us as lone surrogates; printing one must not be the end.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = build()(prog_name="pixcli", standalone_mode=False)
    except UsageFault as fault:
        if type(fault).__name__ == "NoArgsIsHelpError":
            fault.show()
        else:
            context = fault.ctx.command_path if fault.ctx else "pixcli"
            complain(fault.format_message(), f"see {context} --help")
        code = 2
    except PixcliError as fault:
        if "--debug" in sys.argv:
            raise
        complain(fault.what, fault.hint)
        code = fault.exit_code
    except Exception as fault:
        if "--debug" in sys.argv:
            raise
        text = str(fault) or type(fault).__name__
        complain(text, "run it again with --debug to see where")
        code = 1
    sys.exit(code)
