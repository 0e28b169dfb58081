"""Which program computes the network on a CPU: torch, or OpenVINO (extra `openvino`). Importing this does not
import torch, and OpenVINO only comes in when a network is to be run by it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pixcli.errors import DeviceError, UsageError

CHOICES = ("auto", "torch", "openvino")


@dataclass(frozen=True)
class Runtime:
    """asked: auto or openvino. chose: is told what runs a network, and why; or "" and news."""

    asked: str
    chose: Callable[[str, str], None]


def installed() -> str:
    """OpenVINO's version, or "" when it is not installed; it is not imported."""
    try:
        return metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return ""


def device_for(runtime: str, device: str) -> str:
    """The device to ask for: where OpenVINO is asked for and the device is not, the CPU.

    Raises UsageError for an unknown runtime and for OpenVINO on anything else, DeviceError when it is not
    installed.
    """
    if runtime not in CHOICES:
        raise UsageError(f"no runtime is called {runtime!r}", f"one of {', '.join(CHOICES)}")
    if runtime != "openvino":
        return device
    if device not in ("auto", "cpu"):
        raise UsageError(f"--runtime openvino is for the CPU, not for {device}", "leave one of them away")
    if not installed():
        raise DeviceError("OpenVINO is not installed", "pip install 'pixcli[openvino]'")
    return "cpu"


def cache_folder() -> Path:
    """Where networks are kept in OpenVINO's form, there or not. It may be deleted at any time."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        named = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(named) if named.startswith("/") else Path.home() / ".cache"
    return base / "pixcli" / f"openvino-{installed()}"
