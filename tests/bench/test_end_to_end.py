"""The command over a folder, against its network alone and a plain script that a user would write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from timing import TINY, default, photographs, ready, tell

import pixcli
from pixcli.media import read

pytestmark = pytest.mark.bench
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(Path(pixcli.__file__).parents[1])
}  # a checkout need not be installed
TARGET = 0.85  # network alone / command
PICTURES = {"superres": (40, 480, 320), "colorize": (40, 1600, 1200)}  # how many, width, height


def command(task: str, source: Path, out: Path, device: str) -> tuple[float, float]:
    """(seconds of the run as it tells them itself, seconds with start-up) of `pixcli TASK`."""
    shutil.rmtree(out, ignore_errors=True)
    words = [
        sys.executable,
        "-m",
        "pixcli",
        task,
        str(source),
        "-o",
        str(out),
        "--device",
        device,
        "--json",
        "--quiet",
    ]
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    wall = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    return float(last.get("summary", last)["seconds"]), wall


def plain(task: str, source: Path, out: Path, device: str) -> tuple[float, float]:
    """The same two for the plain script."""
    shutil.rmtree(out, ignore_errors=True)
    script = Path(__file__).with_name("plain.py")
    began = time.perf_counter()
    words = [sys.executable, str(script), task, str(source), str(out), device]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    wall = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1]), wall


@pytest.mark.parametrize("task", PICTURES)
def test_command_against_network_and_plain_script(task: str, device: str, tmp_path: Path) -> None:
    card = default(task)
    if card is None:
        pytest.skip(f"no weights are shipped for {task}")
    count, width, height = (3, 48, 40) if TINY else PICTURES[task]
    paths = photographs(tmp_path / "in", count, width, height, gray=task == "colorize")
    net = ready(card, device)
    alone = net.infer([read(p) for p in paths])
    alone()

    network, ours, theirs = [], [], []
    for _ in range(1 if TINY else 3):
        began = time.perf_counter()
        alone()
        network.append(time.perf_counter() - began)
        ours.append(command(task, tmp_path / "in", tmp_path / "ours", device))
        theirs.append(plain(task, tmp_path / "in", tmp_path / "plain", device))
    assert (
        len(list((tmp_path / "ours").glob("*.jpg"))) == len(list((tmp_path / "plain").glob("*.jpg"))) == count
    )
    run, run_wall = min(ours)
    script, script_wall = min(theirs)
    tell(
        "command against network alone and plain script",
        task=task,
        device=device,
        precision=net.precision,
        pictures=f"{count} of {width} x {height}",
        network_s=min(network),
        command_s=run,
        plain_s=script,
        network_to_command=min(network) / run,
        target=TARGET,
        plain_to_command=script / run,
        with_start_up_network_to_command=min(network) / run_wall,
        with_start_up_plain_to_command=script_wall / run_wall,
    )
