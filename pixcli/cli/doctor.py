"""`pixcli doctor`: is everything here that a run needs?"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from pixcli import __version__
from pixcli.cli.options import Debug, Device
from pixcli.cli.panels import alone
from pixcli.errors import DeviceError, OutputError, PixcliError, WeightsError

HELP = """Check that everything is here that a run needs.

Looks at Python, torch, device, precision, codecs, weights, folders and settings; a line for each.

\b
Examples:
  pixcli doctor
  pixcli doctor --device cpu -o out/
"""


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}, pixcli {__version__}"


def _torch() -> str:
    import torch

    return f"{torch.__version__}, {torch.get_num_threads()} threads on {os.cpu_count()} processors"


def _runtime() -> str:
    from pixcli.infer.runtime import cache_folder, installed

    if not installed():
        return "torch; pip install 'pixcli[openvino]' adds a second one for CPUs"
    import openvino

    core = openvino.Core()
    if "CPU" not in core.available_devices:
        raise DeviceError("OpenVINO here knows no CPU", "--runtime torch leaves it alone")
    return f"torch and OpenVINO {installed()}, networks in {cache_folder()}"


def _codecs() -> str:
    import av
    from PIL import features

    pictures = [n for n in ("jpg", "webp", "avif", "libtiff", "zlib") if features.check(n)]
    films = [
        n
        for n in ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1", "prores_ks", "aac")
        if n in av.codecs_available
    ]
    if "libx264" not in films:
        raise PixcliError(
            "PyAV here has no libx264", "films cannot be written as H.264; install PyAV from PyPI"
        )
    return f"{', '.join(pictures)}; {', '.join(films)}"


def _weights() -> str:
    from pixcli.models import catalogue, load

    cards = list(catalogue())
    if not cards:
        raise WeightsError("no weights are installed", "install pixcli again")
    for card in cards:
        load(card)
    return f"{len(cards)} read whole and verified"


def _writable(folder: Path) -> str:
    existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"pixcli")
    except OSError as fault:
        raise OutputError(f"{existing}: {fault.strerror}", "choose another folder") from None
    if not hasattr(os, "statvfs"):
        return str(existing)
    system = os.statvfs(existing)
    return f"{existing}, {system.f_bavail * system.f_frsize / 1e9:.1f} GB free"


def _settings() -> str:
    from pixcli.cli import config

    in_force = [*map(str, config.files()), *config.variables()]
    return ", ".join(in_force) or f"none; a file would be ./{config.NAME} or {config.user_file()}"


def _checks(device: str, out: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    def found() -> str:
        from pixcli.infer.device import choose

        chosen = choose(device)
        return f"{chosen.name}: {chosen.why}"

    def precision() -> str:
        from pixcli.infer.device import choose
        from pixcli.infer.precision import choose as choose_precision

        chosen = choose_precision("auto", choose(device).torch, True)
        return f"{chosen.name}: {chosen.why}"

    yield "python", _python
    yield "torch", _torch
    yield "device", found
    yield "precision", precision
    yield "runtime", _runtime
    yield "codecs", _codecs
    yield "weights", _weights
    yield "settings", _settings
    yield "temporary", lambda: _writable(Path(tempfile.gettempdir()))
    yield "output", lambda: _writable(out)


def doctor(
    device: Device = "auto",
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where outputs shall go.")] = Path(),
    debug: Debug = False,
) -> None:
    code = 0
    for name, check in _checks(device, out):
        try:
            verdict, text = "ok", check()
        except PixcliError as fault:
            verdict, text, code = "FAULT", str(fault), code or fault.exit_code
        except Exception as fault:  # a broken installation fails in any way; the other checks still help
            if debug:
                raise
            verdict, text, code = "FAULT", f"{type(fault).__name__}: {fault}", code or 1
        print(f"{verdict:5} {name:10} {text}", flush=True)
    raise typer.Exit(code)


def make() -> Any:
    """The command."""
    return alone("doctor", doctor, help=HELP, exits=(0, 1, 2, 4, 5, 6))
