"""pixcli: image networks over folders of pictures and over films.

    import pixcli
    enlarge = pixcli.load("superres", scale=4)
    big = enlarge("photo.jpg")

Importing this costs nothing; `load` brings in torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixcli.door import Door

__version__ = "0.1.0"

__all__ = ["__version__", "load"]


def load(
    task: str,
    *,
    model: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    **options: Any,
) -> Door:
    """A task with its network loaded, to be called with pictures.

    task: one of pixcli.tasks.TASKS ("colorize", "superres", …). model: a shipped name or a path; None takes
    the task's default. device: "auto", "cpu", "cuda", "cuda:N" or "mps". precision: "auto", "fp32", "bf16" or
    "fp16". runtime: "auto", "torch" or "openvino", on a CPU. options: the task's own, by the names of its
    command line with _ for -: load("superres", scale=4).

    Raises UsageError (unknown task or option, a value that does not fit), WeightsError, DeviceError, which
    all are pixcli.errors.PixcliError.
    """
    from pixcli.door import Door

    return Door(task, model=model, device=device, precision=precision, runtime=runtime, options=options)
