"""Defaults of options: PIXCLI_* variables, then pixcli.toml of the project, then of the user.

    device = "cpu"          # for every command that has --device
    [superres]              # for one
    scale = 2

A key is an option's name with _ for -. What is meant for one call alone (inputs, --force, --dry-run, …)
cannot be given here. The command line goes before all of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixcli.errors import PixcliError, UsageError
from pixcli.tasks import LISTED, TASKS

if TYPE_CHECKING:
    from pixcli.cli.panels import Command

NAME = "pixcli.toml"
SECTIONS = (*LISTED, "eval", "train")
# For one call only: a forgotten file must not replace pictures.
ONCE = {"inputs", "listed", "in_place", "force", "retry_failed", "dry_run", "help", "dataset", "recipe"}
NOT_OPTIONS = {"PIXCLI_DATA"}
PREFIX = "PIXCLI_"


@dataclass(frozen=True)
class Given:
    """A default. where: "/home/me/pixcli.toml: [superres] scale" or "PIXCLI_SCALE", as faults tell it."""

    key: str
    value: Any
    where: str


def user_file() -> Path:
    """pixcli.toml in the user's folder for settings, whether it is there or not."""
    if os.name == "nt":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData/Roaming") / "pixcli" / NAME
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".config") / "pixcli" / NAME


def files() -> list[Path]:
    """The files in force, strongest first: the nearest from here upwards, and the user's."""
    here = Path.cwd()
    project = next((f for p in (here, *here.parents) if (f := p / NAME).is_file()), None)
    return [f for f in dict.fromkeys((project, user_file())) if f is not None and f.is_file()]


def read(path: Path) -> dict[str, Any]:
    """The file. Raises UsageError when it is no TOML, or has a section that no command has."""
    import tomllib

    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise UsageError(f"{path}: {fault}", "settings are written in TOML") from None
    for key, value in found.items():
        if isinstance(value, dict) and key not in SECTIONS:
            raise UsageError(f"{path}: there is no section [{key}]", _perhaps(key, SECTIONS))
    return found


def options_of(command: Command) -> dict[str, Any]:
    """Options of a command that may have a default, by the key that stands for them in a file."""
    return {
        p.opts[0].lstrip("-").replace("-", "_"): p
        for p in command.params
        if p.param_type_name == "option" and p.name not in ONCE
    }


def variables_of(command: Command) -> dict[str, str]:
    """Names of variables, for one command and for all, and the keys that they stand for."""
    keys = options_of(command)
    own = {f"{PREFIX}{command.section}_{key}": key for key in keys}
    named = own | {f"{PREFIX}{key}": key for key in keys}
    return {n.upper().replace("-", "_"): key for n, key in named.items() if n.upper() not in NOT_OPTIONS}


def given(command: Command) -> Iterator[Given]:
    """All defaults for this command, strongest first. Raises UsageError for keys that nothing knows."""
    options = options_of(command)
    for name, key in variables_of(command).items():
        if os.environ.get(name):
            yield Given(key, os.environ[name], name)
    for path in files():
        found = read(path)
        section = found.get(command.section, {})
        if not isinstance(section, dict):
            raise UsageError(f"{path}: {command.section} is a section", f"write [{command.section}]")
        for key, value in section.items():
            if key not in options:
                raise UsageError(f"{path}: [{command.section}] has no {key}", _perhaps(key, options))
            yield Given(key, value, f"{path}: [{command.section}] {key}")
        for key, value in found.items():
            if isinstance(value, dict):
                continue
            if key in options:
                yield Given(key, value, f"{path}: {key}")
            elif key not in (known := every_option()):
                raise UsageError(f"{path}: there is no option {key}", _perhaps(key, known))


def every_option() -> set[str]:
    """The keys that any command knows."""
    return {key for command in _commands() for key in options_of(command)}


def variables() -> list[str]:
    """The variables in force, such as "PIXCLI_DEVICE=cpu".

    Raises UsageError for whatever is wrong with any of them, or in the files, for any command.
    """
    known = set(NOT_OPTIONS)
    for command in _commands():
        defaults(command)
        known |= variables_of(command).keys()
    names = sorted(name for name in os.environ if name.startswith(PREFIX))
    for name in names:
        if name not in known:
            raise UsageError(f"{name} is no variable of pixcli", _perhaps(name, known))
    return [f"{name}={os.environ[name]}" for name in names]


def _commands() -> Iterator[Command]:
    from pixcli.cli import evaluate, task_commands, train

    yield from map(task_commands.make, LISTED)
    yield from map(evaluate.Tasks(name="eval").make, LISTED)
    yield train.make()


def defaults(command: Command) -> dict[str, Any]:
    """The defaults in force for a command, by parameter. Raises UsageError, which says where it stands."""
    options = options_of(command)
    found: dict[str, Any] = {}
    for one in given(command):
        param = options[one.key]
        if param.name not in found:
            found[param.name] = _checked(one, param, command)
    return found


def _checked(one: Given, param: Any, command: Command) -> Any:
    own = TASKS[command.section].options() if command.section in LISTED else {}
    value = one.value
    if not one.where.startswith(PREFIX):  # of a file, which has types
        wanted = bool if param.is_flag else own[one.key].type if one.key in own else _type(param)
        fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise UsageError(f"{one.where}: {value!r} is no {WORDS[wanted]}")
        value = value if param.is_flag else str(value)
    try:
        param.process_value(None, value)
        if one.key in own:
            own[one.key].check(one.key, value)
    except PixcliError as fault:
        raise UsageError(f"{one.where}: {fault.what}") from None
    except Exception as fault:  # Typer's own, which says what is wrong with the value
        raise UsageError(f"{one.where}: {getattr(fault, 'message', fault)}") from None
    return value


WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text in quotes"}


def _type(param: Any) -> type:
    kind = param.type_descriptor.annotation
    return kind if kind in WORDS else str


def _perhaps(key: str, known: Iterable[str]) -> str:
    near = get_close_matches(key, known, 1)
    return f"perhaps {near[0]}" if near else "`pixcli COMMAND --help` lists the options"
