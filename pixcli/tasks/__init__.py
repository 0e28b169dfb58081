"""The tasks. One that is listed here is in the command line, the Python door, eval and the common tests.

Importing this costs next to nothing: a task's file is imported when the task is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixcli.tasks.base import MapTask, Option, PictureTask, Result, Sample, Task

# Name of the command: its class, in the file of the command's name, and the first line of its docstring.
LISTED = {
    "colorize": ("Colorize", "Colour black-and-white photographs and films."),
    "superres": ("SuperRes", "Enlarge photographs and films by any factor."),
    "denoise": ("Denoise", "Remove noise from photographs and films."),
    "deblur": ("Deblur", "Sharpen what camera shake, motion or a lens out of focus have blurred."),
    "derain": ("Derain", "Remove falling rain, or drops on a window, from photographs and films."),
    "enhance-dark": (
        "EnhanceDark",
        "Brighten pictures and films that were taken in too little light.",
    ),
    "inpaint": (
        "Inpaint",
        "Fill what a mask marks from what is round it: scratches, letters, stains, people.",
    ),
    "segment": ("Segment", "Label every pixel of photographs and films: what it shows."),
    "depth": ("Depth", "Tell how far everything in photographs and films is."),
    "normals": ("Normals", "Tell which way the surfaces in photographs and films face."),
    "panoptic": (
        "Panoptic",
        "Label every pixel of photographs and films, and tell one thing from the next.",
    ),
    "flow": ("Flow", "Tell where everything has moved to from one picture or frame to the next."),
}
__all__ = ["TASKS", "MapTask", "Option", "PictureTask", "Result", "Sample", "Task"]


class _Tasks(Mapping[str, "type[Task]"]):
    def __getitem__(self, name: str) -> type[Task]:
        class_name, _ = LISTED[name]
        task: type[Task] = getattr(import_module(f"pixcli.tasks.{name.replace('-', '_')}"), class_name)
        return task

    def __contains__(self, name: object) -> bool:
        return name in LISTED

    def __iter__(self) -> Iterator[str]:
        return iter(LISTED)

    def __len__(self) -> int:
        return len(LISTED)


TASKS: Mapping[str, type[Task]] = _Tasks()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module("pixcli.tasks.base"), name)
