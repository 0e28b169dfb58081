"""Every example in the help of every command is typed, on tiny pictures and films."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixcli.cli.app import commands
from pixcli.media.flow_files import encode_flow
from pixcli.tasks import TASKS


def examples(help: str) -> list[str]:
    return [line.strip() for line in help.splitlines() if line.startswith("  pixcli ")]


EXAMPLES = list(dict.fromkeys(line for _, command in commands() for line in examples(command.help)))


# the maps that are measured against, of the tasks that give some
TRUTHS = {
    "segment": np.zeros((24, 24), np.uint8),
    "panoptic": np.full((24, 24, 3), (7, 0, 0), np.uint8),
    "depth": np.full((24, 24), 1500, np.uint16),
    "normals": np.full((24, 24, 3), 200, np.uint8),
}


def photo(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8))
    small.resize((24, 24), Image.Resampling.BICUBIC).save(path)


def film(path: Path) -> None:
    import av

    with av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=10, width=24, height=24, pix_fmt="yuv420p")
        for n in range(2):
            pixels = np.full((24, 24, 3), 90 * n, np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        made.mux(stream.encode())


@pytest.fixture
def place(tmp_path: Path, tiny: dict[str, Path]) -> Path:
    """A folder with whatever the examples name."""
    for name in ("photo", "first", "second"):
        photo(tmp_path / f"{name}.jpg")
    film(tmp_path / "film.mp4")
    photo(tmp_path / "photos/a.png")
    for mask in ("a", "photo", "film"):
        photo(tmp_path / f"masks/{mask}.png")
    for n in range(5):
        photo(tmp_path / f"data/testsets/set5/{n}.png", n)
    shutil.copy(tiny["superres"], tmp_path / "model.safetensors")
    return tmp_path


def test_every_command_has_two_examples_of_itself() -> None:
    for words, command in commands():
        lines = examples(command.help)
        assert len(lines) >= 2, words
        assert all(f"{line} ".startswith(f"pixcli {words} ".replace("  ", " ")) for line in lines)


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example(here: Any, place: Path, tiny: Any, monkeypatch: Any, line: str) -> None:
    typed = shlex.split(line)[1:]
    task = typed[0] if typed[0] in TASKS else typed[1] if typed[0] == "eval" else ""
    if typed[0] in TASKS and typed[1].endswith("/"):
        for name in "ab"[: 1 + TASKS[typed[0]]().apart()]:
            photo(place / typed[1] / f"{name}.png")
    if typed[0] == "eval" and task in TRUTHS:
        photo(place / "set/input/a.png")
        (place / "set/truth").mkdir()
        Image.fromarray(TRUTHS[task]).save(place / "set/truth/a.png")
        if task == "panoptic":
            row = {"file_name": "a.png", "segments_info": [{"id": 7, "category_id": 1}]}
            words = {"annotations": [row], "categories": [{"id": 1, "isthing": 1}]}
            (place / "set/truth.json").write_text(json.dumps(words))
    if typed[:2] == ["eval", "flow"]:
        for name in "ab":
            photo(place / f"scenes/one/{name}.png")
        still = encode_flow(np.zeros((24, 24, 2), np.float32), None, "png")
        (place / "scenes/one/flow.png").write_bytes(still)
    if task:
        typed += ["--model", str(tiny[task])]
    if typed[0] == "status":
        assert here("superres", "photos", "-o", typed[1], "--model", tiny["superres"]).returncode == 0
    if typed[0] == "train":  # how a recipe trains is tested where the recipes are
        made = SimpleNamespace(path=place / "x.safetensors", parameters=1)
        monkeypatch.setattr("pixcli.train.run", lambda *args, **more: made)
    if typed[:2] == ["weights", "convert"]:  # and what is converted, with the networks
        card = SimpleNamespace(path=typed[-1], network="srcnn", task="superres", parameters=1)
        monkeypatch.setattr("pixcli.models.convert.convert", lambda *args: card)
    done = here(*typed, PIXCLI_DATA=str(place))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if typed[0] in TASKS:
        for flag in ("-o", "--report"):
            assert flag not in typed or (place / typed[typed.index(flag) + 1]).exists()
