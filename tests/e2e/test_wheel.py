"""What people install: the wheel, built from this checkout and run far from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHECKOUT = Path(__file__).parents[2]
MOST_BYTES = 100_000_000


def python(*args: object, at: Path, **env: str) -> str:
    """stdout of this Python, run in the folder `at`."""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("PIXCLI_")}
    line = [sys.executable, *map(str, args)]
    done = subprocess.run(line, cwd=at, env=clean | env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "build", "--wheel", "--no-isolation", "-o", folder, CHECKOUT, at=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_weights_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    held = {Path(n).name for n in names if n.startswith("pixcli/weights/")}
    weights = {n for n in held if n.endswith(".safetensors")}
    assert weights
    assert held == weights | {p.name for p in (CHECKOUT / "weights").glob("*.toml")}
    assert {Path(n).stem + ".toml" for n in weights} <= held
    assert {n.split("/")[0].split("-")[0] for n in names} == {"pixcli"}  # no tests, no examples beside it
    assert not [n for n in names if n.endswith(".pyc")]
    assert "pixcli/engine/report.html" in names
    assert wheel.stat().st_size < MOST_BYTES


def test_the_installed_program_runs_far_from_the_checkout(wheel, tmp_path):
    away, site = tmp_path / "away", tmp_path / "site"
    away.mkdir()
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--no-index", "--quiet")
    python(*pip, "--target", site, wheel, at=away)

    def installed(*args: object) -> str:
        return python(*args, at=away, PYTHONPATH=str(site))

    where = installed("-c", "import pixcli; print(pixcli.__file__)").strip()
    assert Path(where) == site / "pixcli/__init__.py"
    assert installed("-m", "pixcli", "--version").startswith("pixcli 0.")

    models = [json.loads(line) for line in installed("-m", "pixcli", "models", "--json").splitlines()]
    assert {"colorize", "superres"} <= {m["task"] for m in models}
    assert all(Path(m["path"]).parent == site / "pixcli/weights" for m in models)
    assert all(m["bytes"] for m in models)

    Image.fromarray(np.full((8, 10, 3), 100, np.uint8)).save(away / "small.png")
    installed("-m", "pixcli", "superres", "small.png", "-o", "large.png", "--scale", "2")
    with Image.open(away / "large.png") as made:
        assert made.size == (20, 16)
        assert abs(np.asarray(made).mean() - 100) < 10
