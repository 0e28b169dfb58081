"""For all tests: the command as a real process, with its streams apart, and a tiny model for each task."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pixcli as package
from pixcli.infer.footprint import Footprint
from pixcli.tasks import TASKS

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell does that to what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("PIXCLI_")}
ENVIRONMENT |= {"COLUMNS": "100", "PYTHONPATH": str(Path(package.__file__).parents[1])}
ENVIRONMENT |= {"XDG_CONFIG_HOME": os.devnull}  # no settings of whoever runs the tests
ENVIRONMENT |= {"PIXCLI_RUNTIME": "torch"}  # converting networks takes seconds
Run = Callable[..., subprocess.CompletedProcess[Any]]

SMALL = {"channels": [8, 8, 8], "blocks": [1, 1, 1]}
# A network for each task, small enough to be made for a test; a new task gets its line here.
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "superres": ("subpixel", {"channels": 8, "blocks": 1, "scales": [2, 3, 4]}),
    "colorize": ("lite-colour", {"channels": 8, "bins": 0}),
    "denoise": ("restore-unet", SMALL | {"maps": 1}),
    "deblur": ("restore-unet", SMALL | {"maps": 3}),
    "derain": ("restore-unet", SMALL),
    "inpaint": ("restore-unet", SMALL | {"maps": 1}),
    "enhance-dark": ("illumination-unet", {"channels": [8, 8, 8, 8]}),
    "segment": ("restore-unet", SMALL),
    "panoptic": ("lite-panoptic", {"classes": 3, "channels": 8, "width": 8}),
    "depth": ("restore-unet", SMALL),
    "normals": ("restore-unet", SMALL),
    "flow": ("lite-flow", {"pyramid": [8] * 3, "common": 8, "decoder": [16, 8], "context": [8, 8]}),
}
CLASSES = tuple({"name": name, "thing": name == "red"} for name in ("red", "green", "blue"))
# Options without which a task does nothing, for the tests over all tasks.
NEEDED: dict[str, dict[str, str]] = {"inpaint": {"mask": "alpha"}}
# Those that take one picture at a time.
SINGLE = [name for name in TASKS if not TASKS[name]().apart()]


def needed(task: str) -> list[str]:
    """The same as words of a command line."""
    return [word for key, value in NEEDED.get(task, {}).items() for word in (f"--{key}", value)]


@pytest.fixture(autouse=True)
def _torch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if OpenVINO were not installed, lest every test convert its networks."""
    monkeypatch.setattr("pixcli.infer.runtime.installed", str)


@pytest.fixture
def pixcli(tmp_path: Path) -> Run:
    """`pixcli("colorize", "in", "-o", "out")` runs in tmp_path; bytes in, bytes out with `stdin=b"..."`.

    within: seconds after which it counts as hung.
    """

    def run(
        *args: object, stdin: str | bytes | None = None, within: float = 120, **env: str
    ) -> subprocess.CompletedProcess[Any]:
        return subprocess.run(
            [sys.executable, "-m", "pixcli", *map(str, args)],
            cwd=tmp_path,
            env=ENVIRONMENT | env,
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),  # type: ignore[call-overload]
            capture_output=True,
            text=not isinstance(stdin, bytes),
            timeout=within,
        )

    run.environment = ENVIRONMENT  # type: ignore[attr-defined]
    return run


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same as `pixcli` within this process, which has paid for torch already."""
    from pixcli.cli.app import main

    def run(*args: object, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        argv = ["pixcli", *map(str, args)]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", argv)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        for name in [n for n in os.environ if n.startswith("PIXCLI_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return subprocess.CompletedProcess(argv, int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By task: weights of an untrained network, always the same, to be given to --model."""
    import torch

    from pixcli.models import Card, describe, save
    from pixcli.nets import build

    folder = tmp_path_factory.mktemp("weights")
    made = {}
    for task in TASKS:
        network, arguments = TINY[task]
        torch.manual_seed(0)
        path = folder / f"tiny-{task}.safetensors"
        net = build(network, arguments)
        card = Card(path.stem, task, network, path, arguments=arguments)
        card = describe(card, net)
        if task in ("segment", "panoptic"):
            card = replace(card, classes=CLASSES)
        if task == "depth":
            card = replace(card, unit="metres")
        if task == "panoptic":  # its untrained centres are all of one height
            card = replace(card, footprint=Footprint(reach=None, multiple=32, side=32), settings={"score": 0})
        save(path, net, card)
        made[task] = path
    return made


@pytest.fixture
def tiny_finder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An untrained network in the place of the one that `inpaint --mask auto` asks."""
    import torch

    from pixcli.models import Card, describe, save
    from pixcli.nets import build

    torch.manual_seed(1)
    path = tmp_path / "finder.safetensors"
    net = build("damage-unet", SMALL)
    torch.nn.init.normal_(net.get_parameter("tail.weight"), std=0.04)
    save(path, net, describe(Card("finder", "inpaint", "damage-unet", path, arguments=SMALL), net))
    monkeypatch.setattr("pixcli.tasks.inpaint.FINDER", str(path))
    return path
