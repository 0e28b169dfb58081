"""Defaults of options from files and variables: who goes before whom, and what is said of wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixcli.cli import config, evaluate, task_commands, train
from pixcli.errors import UsageError
from pixcli.tasks import TASKS


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "here" / "a.png"
    path.parent.mkdir()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
    return path


def project(tmp_path: Path, text: str) -> None:
    (tmp_path / "pixcli.toml").write_text(text)


def user(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings" / "pixcli" / "pixcli.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def side(here, tiny, small, tmp_path):
    """The width that a picture of 4 pixels gets, in whatever way the factor was given."""

    def run(*args: object, **env: str) -> int:
        done = here(
            "superres", small, "-o", "out/b.png", "--model", tiny["superres"], "--force", *args, **env
        )
        assert done.returncode == 0, done.stderr
        with Image.open(tmp_path / "out" / "b.png") as made:
            return made.width

    return run


def test_the_command_line_goes_before_variables_before_the_project_before_the_user(side, tmp_path):
    assert side() == 16
    user(tmp_path, "[superres]\nscale = 2")
    assert side() == 8
    project(tmp_path, "[superres]\nscale = 3")
    assert side() == 12
    assert side(PIXCLI_SCALE="5") == 20
    assert side(PIXCLI_SCALE="5", PIXCLI_SUPERRES_SCALE="6") == 24
    assert side("--scale", "7", PIXCLI_SUPERRES_SCALE="6") == 28


def test_a_section_goes_before_what_is_said_for_all_commands(side, tmp_path):
    project(tmp_path, "scale = 2")
    assert side() == 8
    project(tmp_path, "scale = 2\n[superres]\nscale = 3")
    assert side() == 12


def test_a_project_is_found_from_a_folder_below_it(here, small, tmp_path, monkeypatch):
    project(tmp_path, 'out = "out/"\n[superres]\nscale = 2')
    (tmp_path / "pixcli.toml").rename(tmp_path / "here" / "pixcli.toml")
    monkeypatch.chdir(tmp_path / "here")
    assert config.files() == [tmp_path / "here" / "pixcli.toml"]
    (tmp_path / "here" / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "here" / "deep")
    assert config.files()[:1] == [tmp_path / "here" / "pixcli.toml"]


def test_flags_and_out_can_be_settings(here, tiny, small, tmp_path):
    project(tmp_path, f'out = "made/"\njson = true\nquiet = true\n[superres]\nmodel = "{tiny["superres"]}"')
    done = here("superres", small)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["start", "item", "summary"]
    assert here("superres", small, "--force", PIXCLI_JSON="false").stdout == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scael = 2", "pixcli.toml: there is no option scael (perhaps scale)"),
        ("[superres]\nscael = 2", "pixcli.toml: [superres] has no scael (perhaps scale)"),
        ("[superes]\nscale = 2", "pixcli.toml: there is no section [superes] (perhaps superres)"),
        ('[superres]\nscale = "two"', "pixcli.toml: [superres] scale: 'two' is no number"),
        ("[superres]\nscale = true", "pixcli.toml: [superres] scale: True is no number"),
        ("[superres]\nscale = 99", "pixcli.toml: [superres] scale: --scale: 99.0 is not within"),
        ('precision = "fp8"', "pixcli.toml: precision: "),
        ("quality = 200", "pixcli.toml: quality: "),
        ('quiet = "yes"', "pixcli.toml: quiet: 'yes' is no true or false"),
        ("in_place = true", "pixcli.toml: there is no option in_place"),
        ("force = true", "pixcli.toml: there is no option force"),
        ("superres = 1", "pixcli.toml: superres is a section"),
        ("scale = ", "pixcli.toml: "),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_with_file_and_key(here, tmp_path, small, text, said):
    project(tmp_path, text)
    done = here("superres", small, "-o", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
    assert here("superres", "--help").returncode == 0  # help is there all the same
    with pytest.raises(UsageError, match=r"pixcli\.toml"):
        config.variables()  # as doctor does


@pytest.mark.parametrize("name", ["PIXCLI_SCALE", "PIXCLI_SUPERRES_SCALE"])
def test_what_is_wrong_in_a_variable_is_one_line_with_its_name(here, small, name):
    done = here("superres", small, "-o", "out", **{name: "many"})
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith(f"pixcli: {name}: ")


def test_doctor_says_which_files_and_variables_are_in_force(here, tmp_path):
    project(tmp_path, "[superres]\nscale = 2")
    user(tmp_path, 'device = "cpu"')
    said = here("doctor", PIXCLI_PRECISION="fp32").stdout
    line = next(line for line in said.splitlines() if "settings" in line)
    wanted = (tmp_path / "pixcli.toml", tmp_path / "settings/pixcli/pixcli.toml", "PIXCLI_PRECISION=fp32")
    assert all(str(word) in line for word in wanted)


def test_doctor_knows_a_mistyped_variable(here, monkeypatch):
    here("--version")  # in a clean environment
    monkeypatch.setenv("PIXCLI_DEVISE", "cpu")
    with pytest.raises(UsageError, match=r"PIXCLI_DEVISE .*PIXCLI_DEVICE"):
        config.variables()


def test_every_option_but_those_for_one_call_can_be_a_setting():
    commands = [task_commands.make(name) for name in TASKS] + [train.make()]
    commands += [evaluate.Tasks(name="eval").make(name) for name in TASKS]
    for command in commands:
        keys = config.options_of(command)
        assert len(set(config.variables_of(command).values())) == len(keys)
        left = {p.name for p in command.params} - {p.name for p in keys.values()}
        assert left <= config.ONCE
