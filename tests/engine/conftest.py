from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from folders import draw

import pixcli


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of twenty pictures, of two sizes, one level deep."""
    for n in range(20):
        draw(tmp_path / "in" / ("deep" if n % 2 else "") / f"{n:02}.png", 24 + n % 3, seed=n)
    return tmp_path / "in"


@pytest.fixture
def start() -> Any:
    """start(*arguments): the stand-in's command as a process of its own, killed if it outlives the test."""
    started: list[subprocess.Popen[str]] = []
    root = str(Path(pixcli.__file__).parents[1])
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}

    def begin(*arguments: object) -> subprocess.Popen[str]:
        line = [sys.executable, str(Path(__file__).with_name("standin.py")), *map(str, arguments)]
        started.append(subprocess.Popen(line, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
