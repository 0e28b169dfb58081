"""The n-th call that writes fails, for n = 1 and on: old outputs stay whole and a rerun completes."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from folders import draw
from nth_call import until_one_gets_through

import pixcli

HERE = Path(__file__).parent


@pytest.fixture
def two(tmp_path: Path) -> Path:
    for n in range(2):
        draw(tmp_path / "in" / f"{n}.png", seed=n)
    return tmp_path / "in"


class Nth:
    """Counts calls down, and one of them fails."""

    def __init__(self) -> None:
        self.left = 0
        self.lock = threading.Lock()

    def arm(self, n: int) -> None:
        self.left = n

    def is_due(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left == 0

    def failing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*args: Any, **more: Any) -> Any:
            if self.is_due():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*args, **more)

        return made


def test_a_failed_call_of_python_at_any_moment(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nth = Nth()

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.lstrip().startswith(("BEGIN", "INSERT", "UPDATE", "COMMIT")) and nth.is_due():
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(sql, *values)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, factory=Connection, **more))
    for name in ("fsync", "replace", "link", "mkdir"):
        monkeypatch.setattr(os, name, nth.failing(getattr(os, name)))
    failures = until_one_gets_through(two, tmp_path / "out", nth.arm, lambda: nth.left <= 0)
    assert failures > 30


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="needs Linux and a C compiler")
def test_a_failed_call_of_the_system_at_any_moment(two: Path, tmp_path: Path) -> None:
    """SQLite's and the encoders' calls, too."""
    library = tmp_path / "nth_call.so"
    source = HERE / "nth_call.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", library, source, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, HERE / "nth_call.py", library, two, tmp_path / "out"],
        env=os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": str(Path(pixcli.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 80
