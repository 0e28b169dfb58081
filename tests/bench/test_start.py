"""`pixcli --help` against importing typer and rich alone."""

from __future__ import annotations

import subprocess
import sys

import pytest
from timing import by_turns, tell

pytestmark = pytest.mark.bench
TARGET = 1.5


def test_help_against_importing_typer_and_rich() -> None:
    def run(*words: str) -> None:
        subprocess.run([sys.executable, *words], check=True, capture_output=True)

    best = by_turns(
        {"help": lambda: run("-m", "pixcli", "--help"), "imports": lambda: run("-c", "import typer, rich")},
        15,
    )
    tell(
        "pixcli --help against importing typer and rich",
        help_s=best["help"],
        imports_s=best["imports"],
        ratio=best["help"] / best["imports"],
        target=TARGET,
    )
