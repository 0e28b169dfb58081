"""The tasks. One that is listed here is in the command line, the Python door, eval and the common tests."""

from __future__ import annotations

from pixcli.tasks.base import Option, PictureTask, Result, Sample, Task
from pixcli.tasks.colorize import Colorize
from pixcli.tasks.superres import SuperRes

TASKS: dict[str, type[Task]] = {t.name: t for t in (Colorize, SuperRes)}

__all__ = ["TASKS", "Option", "PictureTask", "Result", "Sample", "Task"]
