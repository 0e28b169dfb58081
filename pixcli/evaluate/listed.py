"""The protocols by the name of their task."""

from __future__ import annotations

from pixcli.errors import UsageError
from pixcli.evaluate.deblur import Deblur
from pixcli.evaluate.denoise import Denoise
from pixcli.evaluate.derain import Derain
from pixcli.evaluate.enhance_dark import EnhanceDark
from pixcli.evaluate.geometry import Depth, Flow, Normals, Segment
from pixcli.evaluate.inpaint import Inpaint
from pixcli.evaluate.panoptic import Panoptic
from pixcli.evaluate.protocols import Colorize, Protocol, SuperRes

PROTOCOLS: dict[str, type[Protocol]] = {
    "superres": SuperRes,
    "colorize": Colorize,
    "denoise": Denoise,
    "deblur": Deblur,
    "derain": Derain,
    "inpaint": Inpaint,
    "enhance-dark": EnhanceDark,
    "segment": Segment,
    "panoptic": Panoptic,
    "depth": Depth,
    "normals": Normals,
    "flow": Flow,
}


def protocol_of(task: str) -> type[Protocol]:
    """How a task is measured. Raises UsageError for one that is not."""
    if task not in PROTOCOLS:
        raise UsageError(f"{task} cannot be measured", f"these can: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[task]
