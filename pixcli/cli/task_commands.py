"""One command for each task, built from what the task declares."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import typer

from pixcli.cli import options
from pixcli.cli.panels import alone, lazily
from pixcli.cli.task_options import own_parameters, parameters_of, with_parameters
from pixcli.tasks import TASKS, Task

def _command(task):
    def command(**typed: Any) -> None:
        print(typed)
    own = own_parameters(task)
    return with_parameters(command, own + parameters_of(options.shared, but=[p.name for p in own]))

MAKERS={name: partial(lambda task: alone(task.name, _command(task), help=task.__doc__), task) for name, task in TASKS.items()}

def add_to(app: typer.Typer) -> None:
    for task in TASKS.values():
        lazily(app, task.name, help=task.__doc__ or "", panel="Tasks")
