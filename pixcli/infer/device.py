"""device.choose: which device a run uses, and why. Importing this does not import torch."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixcli.errors import DeviceError

if TYPE_CHECKING:
    from torch import device as TorchDevice


@dataclass(frozen=True)
class Device:
    """torch: the device. name: what it is, for people. why: why it was taken."""

    torch: TorchDevice
    name: str
    why: str


def choose(spec: str = "auto") -> Device:
    """The device for auto | cpu | cuda | cuda:N | mps. DeviceError says what there is."""
    import torch

    there = present()
    kind, _, number = spec.partition(":")
    known = ("auto", "cpu", "cuda", "mps")
    if kind not in known or (number and not (kind == "cuda" and number.isdecimal())) or spec.endswith(":"):
        raise DeviceError(
            f"no device is called {spec!r}", f"auto, cpu, cuda, cuda:N, mps; here: {', '.join(there)}"
        )
    if kind == "auto":
        faults = []
        for name in there:
            try:
                _try(name)
            except RuntimeError as fault:
                faults.append(f"{name} does not work: {_line(fault)}")
                continue
            why = "; ".join(faults) or ("no card here" if name == "cpu" else "the fastest device here")
            return Device(torch.device(name), there[name], why)
    name = f"cuda:{int(number or 0)}" if kind == "cuda" else kind
    if name not in there:
        why = " (this torch is built without CUDA)" if kind == "cuda" and torch.version.cuda is None else ""
        raise DeviceError(f"there is no {spec}{why}", f"here: {', '.join(there)}")
    try:
        _try(name)
    except RuntimeError as fault:
        raise DeviceError(f"{name} does not work: {_line(fault)}", f"here: {', '.join(there)}") from None
    return Device(torch.device(name), there[name], "asked for")


def present() -> dict[str, str]:
    """Every device here as torch calls it, with its name, the fastest first; "cpu" is always the last."""
    import torch

    found = {}
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(i)
            found[f"cuda:{i}"] = f"{card.name}, {card.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    threads = torch.get_num_threads()
    found["cpu"] = f"{processor()}, {threads} thread{'s' * (threads > 1)}"
    return found


def _try(name: str) -> None:
    """A first small sum there. Raises RuntimeError when driver, build or another program prevents it."""
    import torch

    torch.ones(8, device=name).sum().item()


def _line(fault: Exception) -> str:
    return str(fault).strip().splitlines()[0] if str(fault).strip() else type(fault).__name__


def processor() -> str:
    """The name of this machine's processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "CPU"
