"""The command as a real process, with its streams apart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pixcli as package

ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PIXCLI_DATA"}
ENVIRONMENT |= {"COLUMNS": "100", "PYTHONPATH": str(Path(package.__file__).parents[1])}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pixcli(tmp_path: Path) -> Run:
    """`pixcli("colorize", "in", "-o", "out")` runs in tmp_path."""

    def run(*args: object, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pixcli", *map(str, args)],
            cwd=tmp_path,
            env=ENVIRONMENT | env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
