"""models, weights, doctor, status, eval, train and completion."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixcli.models import catalogue
from pixcli.tasks import TASKS


def test_models_lists_every_card(here):
    names = {c.name for c in catalogue()}
    done = here("models")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in names)
    rows = [json.loads(line) for line in here("models", "--json").stdout.splitlines()]
    assert {row["name"] for row in rows} == names
    for task in TASKS:
        only = [json.loads(line) for line in here("models", "--task", task, "--json").stdout.splitlines()]
        assert {row["name"] for row in only} == {c.name for c in catalogue() if c.task == task}


@pytest.mark.parametrize("columns", ["80", "60"])
def test_models_keeps_every_name_whole_on_a_narrow_terminal(here, monkeypatch, columns):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    said = here("models", COLUMNS=columns, TERM="xterm").stdout
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert all(any(f"{c.name} " in line for line in lines) for c in catalogue())


def test_weights_list_and_verify_agree_with_the_catalogue(here):
    names = [c.name for c in catalogue()]
    rows = [json.loads(line) for line in here("weights", "list", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == names
    if names:
        done = here("weights", "verify")
        assert (done.returncode, done.stdout.split()) == (0, [w for n in names for w in ("ok", n)])


@pytest.mark.parametrize("task", TASKS)
def test_weights_info_of_a_file(here, tiny, task):
    done = here("weights", "info", tiny[task])
    assert done.returncode == 0
    assert f'task = "{task}"' in done.stdout
    assert json.loads(here("weights", "info", tiny[task], "--json").stdout)["task"] == task


def test_weights_verify_tells_all_that_are_broken(here, tiny, tmp_path):
    whole = tiny["superres"].read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-100])
    (tmp_path / "page.safetensors").write_bytes(b"<!doctype html><title>404</title>")
    done = here(
        "weights", "verify", "cut.safetensors", tiny["superres"], "page.safetensors", "gone.safetensors"
    )
    assert done.returncode == 4
    assert done.stdout == f"ok    {tiny['superres']}\n"
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == [
        "cut.safetensors",
        "page.safetensors",
        "gone.safetensors",
    ]


def test_every_broken_weight_file_is_one_line_and_exit_4(here):
    data = os.environ.get("PIXCLI_DATA")
    if not data:
        pytest.skip("PIXCLI_DATA is not set")
    folder = Path(data).resolve() / "inputs" / "weights_bad"
    bad = sorted(p for p in folder.iterdir() if p.suffix in (".safetensors", ".pth") and "good" not in p.name)
    assert bad
    for path in bad:
        done = here("weights", "verify", path)
        assert done.returncode == 4, path
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_weights_convert_a_published_file(here, tmp_path):
    import torch

    from pixcli.nets import build

    torch.save(build("srcnn", {"scale": 3, "kernels": [9, 5, 5]}).state_dict(), tmp_path / "srcnn_x3.pth")
    done = here("weights", "convert", "srcnn_x3.pth", "-o", "ours.safetensors")
    assert done.returncode == 0, done.stderr
    assert here("weights", "verify", "ours.safetensors").returncode == 0
    again = here("weights", "convert", "srcnn_x3.pth", "-o", "ours.safetensors")
    assert (again.returncode, "exists" in again.stderr) == (2, True)
    assert here("weights", "convert", "srcnn_x3.pth", "-o", "ours.pth").returncode == 2
    assert here("weights", "convert", "gone.pth", "-o", "new.safetensors").returncode == 4


def test_doctor_says_what_is_here(here, tmp_path):
    done = here("doctor", "--device", "cpu", "-o", "out")
    lines = dict(line.split(maxsplit=2)[1:] for line in done.stdout.splitlines())
    assert list(lines) == [
        "python",
        "torch",
        "device",
        "precision",
        "runtime",
        "codecs",
        "weights",
        "settings",
        "temporary",
        "output",
    ]
    assert done.returncode == (0 if catalogue() else 4)
    assert not (tmp_path / "out").exists()


def test_doctor_ends_with_the_faults_code(here):
    assert here("doctor", "--device", "cuda:77").returncode == 5


def test_status_counts_failures_and_what_is_stale(here, tiny, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(4):
        Image.fromarray(np.full((8, 8 + i, 3), 40 * i, np.uint8)).save(folder / f"{i}.png")
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert here("superres", "photos", "-o", "out", "--model", tiny["superres"]).returncode == 1
    (tmp_path / "out" / "0.png").unlink()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "1.png")
    done = here("status", "out")
    assert done.returncode == 1
    assert "0.png is gone" in done.stdout
    assert "the input was changed since" in done.stdout
    assert "superres: 2 done, 1 failed, 2 stale" in done.stdout
    rows = [json.loads(line) for line in here("status", "out", "--json").stdout.splitlines()]
    assert sorted(row["status"] for row in rows) == ["done", "done", "failed", "stale", "stale"]
    (folder / "bad.png").unlink()
    assert here("superres", "photos", "-o", "out", "--model", tiny["superres"]).returncode == 0


def test_status_of_a_folder_that_was_never_worked_on(here):
    assert here("status", ".").returncode == 3


def test_eval_prints_a_table_and_json(here, tiny, tmp_path):
    (tmp_path / "set").mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (24, 36, 3), dtype=np.uint8)).save(tmp_path / "set" / "a.png")
    args = ("eval", "superres", "set", "--scale", "2", "--model", tiny["superres"])
    done = here(*args)
    assert done.returncode == 0, done.stderr
    assert "psnr" in done.stdout
    table = json.loads(here(*args, "--json", "--channel", "rgb").stdout)
    assert table["task"] == "superres"
    assert len(table["rows"]) == 1
    assert here("eval", "superres", "nowhere").returncode == 2


def test_train_wants_a_recipe_that_is_there(here):
    done = here("train", "nothing", "-o", "x.safetensors", "--data", ".")
    assert (done.returncode, done.stdout) == (2, "")
    assert "superres" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_for_each_shell(pixcli, shell):
    done = pixcli(_PIXCLI_COMPLETE=f"source_{shell}")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_PIXCLI_COMPLETE=complete_{shell}" in done.stdout


def test_zsh_and_fish_complete_too(pixcli):
    fish = {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_ARGS": "pixcli su"}
    zsh = {"_TYPER_COMPLETE_ARGS": "pixcli su"}
    assert pixcli(_PIXCLI_COMPLETE="complete_fish", **fish).stdout.startswith("superres")
    assert '"superres"' in pixcli(_PIXCLI_COMPLETE="complete_zsh", **zsh).stdout


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("pixcli su", ["superres"]),
        ("pixcli superres --precision b", ["bf16"]),
        ("pixcli superres --on-exist o", ["overwrite"]),
        ("pixcli superres --format we", ["webp"]),
        ("pixcli superres --device cu", ["cuda"]),
        ("pixcli eval su", ["superres"]),
        ("pixcli superres --mod", ["--model"]),
        ("pixcli weights ver", ["verify"]),
    ],
)
def test_completion_completes(pixcli, typed, wanted):
    words = {
        "_PIXCLI_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    assert pixcli(**words).stdout.split() == wanted


@pytest.mark.parametrize("task", TASKS)
def test_completion_knows_the_models_of_a_task(pixcli, task):
    typed = f"pixcli {task} --model "
    done = pixcli(_PIXCLI_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD="3")
    assert sorted(done.stdout.split()) == sorted(c.name for c in catalogue() if c.task == task)


def test_completion_does_not_import_torch(pixcli, tmp_path):
    code = (
        "import sys, atexit, pixcli.cli.app as app\natexit.register(lambda: print('torch' in sys.modules))\n"
    )
    code += "sys.argv = ['pixcli']\napp.main()\n"
    words = {"_PIXCLI_COMPLETE": "complete_bash", "COMP_WORDS": "pixcli superres --model ", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=pixcli.environment | words,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_quality_is_one_line_for_each_set(tmp_path):
    from pixcli.cli.models import quality
    from pixcli.models import Card

    rows = [
        ("set5", "psnr", 31.62, "x4, Y"),
        ("set5", "ssim", 0.88, "x4, Y"),
        ("set5", "psnr", 37.5, "x2, Y"),
    ]
    names = ("set", "measure", "value", "protocol")
    card = Card(
        "a", "superres", "pan", tmp_path, measures=tuple(dict(zip(names, r, strict=True)) for r in rows)
    )
    assert quality(card) == "set5 psnr x4 31.62, x2 37.5"
