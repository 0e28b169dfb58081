"""`pixcli`: the entry point. What goes wrong below ends here, in one line and an exit code."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any, ClassVar, NoReturn

import typer

from pixcli import __version__
from pixcli.cli.panels import Group
from pixcli.cli.say import complain
from pixcli.errors import PixcliError
from pixcli.tasks import LISTED

# Typer's usage errors; the Click that they belong to is Typer's private matter.
UsageFault: Any = typer.BadParameter.__mro__[1]

HELP = """Run image networks over folders of pictures and over films.

\b
Examples:
  pixcli colorize old_photos/ -o out/
  pixcli superres photos/ -o big/ --scale 4

`pixcli COMMAND --help` tells more.
"""
# The file that makes a command, its panel, and the first line of its help.
ROOMS = {
    "models": ("models", "Models", "List the models: task, size, measured quality, licence."),
    "weights": ("weights", "Models", "Look at weight files, verify them, convert published ones."),
    "eval": ("evaluate", "Models", "Measure a model on a test set, through the path that users run."),
    "train": ("train", "Models", "Train a recipe to its end, or go on where it was stopped."),
    "status": ("status", "Help", "Say how far the work in an output folder is."),
    "doctor": ("doctor", "Help", "Check that everything is here that a run needs."),
}


class Interrupted(SystemExit):
    """Ctrl-C or SIGTERM where no run could end cleanly: planning, loading, all other commands."""


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise Interrupted in this block, unless the parent had us ignore them (nohup)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise Interrupted(128 + number)

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = [(n, signal.signal(n, end)) for n in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


class Commands(Group):
    """The top group: a reader of our output that went away is no fault."""

    listed: ClassVar = {name: ("Tasks", title) for name, (_, title) in LISTED.items()} | {
        name: (panel, title) for name, (_, panel, title) in ROOMS.items()
    }

    def make(self, name: str) -> Any:
        if name in LISTED:
            from pixcli.cli.task_commands import make

            return make(name)
        return import_module(f"pixcli.cli.{ROOMS[name][0]}").make()

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
    return app


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and its words, "" for the program itself: for the pages of docs/ and for tests."""
    yield from _below("", typer.main.get_command(build()))


def _below(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield words, command
    for name in getattr(command, "listed", ()):
        yield from _below(f"{words} {name}".strip(), command.make(name))


def main() -> NoReturn:
    """Run the command line in sys.argv and exit with its code."""
    # Names that are no UTF-8 reach us as lone surrogates; printing one must not be the end.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _interruptible():
            code = build()(prog_name="pixcli", standalone_mode=False)
    except Interrupted as end:
        complain("interrupted")
        code = end.code
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
