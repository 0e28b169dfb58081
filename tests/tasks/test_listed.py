"""What holds for every task, because it is listed."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import pixcli
from pixcli.errors import UsageError
from pixcli.models import catalogue
from pixcli.tasks import TASKS, PictureTask
from tests.conftest import NEEDED


@pytest.fixture(scope="module", params=[n for n, t in TASKS.items() if issubclass(t, PictureTask)])
def task(request):
    return pixcli.load(request.param, device="cpu", precision="fp32", **NEEDED.get(request.param, {}))


@pytest.mark.parametrize("name", TASKS)
def test_says_what_it_is(name):
    task = TASKS[name]
    assert task.name == name
    assert task.title().endswith(".")
    assert task.example.startswith(f"pixcli {name} ")
    assert inspect.getdoc(task)
    assert all(option.help.endswith(".") for option in task.options().values())


@pytest.mark.parametrize("name", TASKS)
def test_unknown_options_are_refused(name):
    with pytest.raises(UsageError):
        TASKS[name](no_such_option=1)


@pytest.mark.parametrize("name", TASKS)
def test_ships_a_default_model(name):
    cards = [c for c in catalogue() if c.task == name]
    assert any(c.name == TASKS[name].default for c in cards)
    for card in cards:
        assert card.measures, f"{card.name} was never measured"
        assert card.weaknesses, f"{card.name} does not say where it fails"
        assert card.data, f"{card.name} does not say what it learnt from"
        assert all(row["licence"] for row in card.data)
        assert card.licence


def test_importing_the_tasks_costs_nothing():
    heavy = "import sys, pixcli.tasks; sys.exit(bool({'torch', 'numpy', 'PIL', 'av'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", heavy], check=False).returncode == 0


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16"])
def test_takes_every_mode(task, mode):
    rgb = Image.effect_noise((37, 23), 50)
    picture = (
        Image.fromarray(np.asarray(rgb).astype(np.uint16) * 257) if mode == "I;16" else rgb.convert(mode)
    )
    out = task(picture)
    assert out.width >= 37
    assert ("A" in out.getbands()) == ("A" in picture.getbands())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_depth_stays(task, dtype):
    values = np.random.default_rng(0).random((19, 21, 3))
    array = values.astype(np.float32) if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)
    before = array.copy()
    assert task(array).dtype == dtype
    assert (array == before).all()


def test_the_same_twice(task):
    array = np.random.default_rng(0).integers(0, 256, (33, 40, 3), dtype=np.uint8)
    assert (task(array) == task(array)).all()
