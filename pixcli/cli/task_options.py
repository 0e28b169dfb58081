"""A task's declared options as parameters of a command."""

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from pixcli.tasks import Task

METAVARS = {int: "INTEGER", float: "NUMBER", str: "TEXT"}


def own_parameters(task: type[Task]) -> list[Parameter]:
    """One keyword parameter for each option that the task declares.

    Values come as text: `Option.check` is their judge.
    """
    panel = f"Options of {task.name}"
    made = []
    for name, option in task.options().items():
        flag = "--" + name.replace("_", "-")
        if option.type is bool:
            flags = f"{flag}/--no-{flag[2:]}" if option.default is not False else flag
            kind: Any = Annotated[bool | None, typer.Option(flags, help=option.help, rich_help_panel=panel)]
        else:
            metavar = "|".join(option.choices) or METAVARS.get(option.type, "TEXT")
            if option.min is not None and option.max is not None:
                metavar = f"{option.min:g}…{option.max:g}"
            if option.auto:
                metavar = f"auto|{metavar}"
            info = typer.Option(
                flag,
                metavar=metavar,
                help=option.help,
                rich_help_panel=panel,
                autocompletion=(lambda choices: lambda: list(choices))(option.choices)
                if option.choices
                else None,
            )
            kind = Annotated[str | None, info]
        default = None if option.default is None or option.type is bool else str(option.default)
        made.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    return made


def parameters_of(template: Callable[..., Any], but: Iterable[str] = ()) -> list[Parameter]:
    """The parameters that a function declares, but for some, as keywords."""
    left_out = set(but)
    return [
        p.replace(kind=Parameter.KEYWORD_ONLY)
        for p in signature(template, eval_str=True).parameters.values()
        if p.name not in left_out
    ]


def with_parameters(function: Callable[..., Any], parameters: list[Parameter]) -> Callable[..., Any]:
    """The function, which takes keywords, as Typer shall see it."""
    function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in parameters}
    return function


def given_options(task: type[Task], values: dict[str, Any]) -> dict[str, Any]:
    """Take the task's own options out of what was typed; those left open are left out."""
    return {k: v for k in task.options() if (v := values.get(k)) is not None}
