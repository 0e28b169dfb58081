"""A task and a model brought together on a device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pixcli.engine.events import Event, Listener
from pixcli.engine.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from pixcli.infer.footprint import Footprint
    from pixcli.infer.runner import Runner
    from pixcli.models import Model
    from pixcli.tasks import Task


def attach(task: Task, model: Model, settings: Settings, listeners: Iterable[Listener] = ()) -> str:
    """Give `task` its network as `settings` ask for it; returns device and precision in words.

    Why they were taken goes to the listeners as notes, and so does what the runner has to say later (smaller
    tiles, OpenVINO in torch's place). Raises DeviceError when device or runtime cannot be used.
    """
    from pixcli.infer import device as devices
    from pixcli.infer import precision as precisions
    from pixcli.infer import runtime as runtimes
    from pixcli.infer.runner import Runner

    listening = tuple(listeners)

    def say(text: str) -> None:
        for listener in listening:
            listener(Event("note", text=text))

    def chose(runtime: str, why: str) -> None:
        text = f"{runtime}: {why}" if runtime else why
        for listener in listening:
            listener(Event("note", text=text, runtime=runtime))

    device = devices.choose(runtimes.device_for(settings.runtime, settings.device))
    precision = precisions.choose(settings.precision, device.torch, model.card.bf16)

    other = None
    if settings.runtime != "torch" and device.torch.type == "cpu" and runtimes.installed():
        other = runtimes.Runtime(settings.runtime, chose)

    def make(net: nn.Module, footprint: Footprint) -> Runner:
        return Runner(
            net, footprint, device.torch, precision.name, tile=settings.tile, say=say, runtime=other
        )

    task.attach(model, make)
    say(f"{device.name}: {device.why}; {precision.name}: {precision.why}")
    return f"{device.name}, {precision.name}"
