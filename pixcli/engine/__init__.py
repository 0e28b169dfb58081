"""The belt: decode ‖ batch ‖ network ‖ encode, over the jobs of a plan; faults, interrupts, events."""

from __future__ import annotations

from pixcli.engine.attach import attach
from pixcli.engine.events import Event, Item, Listener, Summary
from pixcli.engine.pictures import pixels_of
from pixcli.engine.run import run
from pixcli.engine.settings import Settings

__all__ = ["Event", "Item", "Listener", "Settings", "Summary", "attach", "pixels_of", "run"]
