"""What is said before any work: help, version, usage errors; and that saying it costs nothing."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pixcli as package
from pixcli import __version__
from pixcli.cli.app import commands
from pixcli.tasks import TASKS

COMMANDS = [
    *((name,) for name in TASKS),
    *(("eval", name) for name in TASKS),
    ("models",),
    ("weights",),
    ("weights", "list"),
    ("weights", "info"),
    ("weights", "verify"),
    ("weights", "convert"),
    ("eval",),
    ("train",),
    ("status",),
    ("doctor",),
]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])}
HEAVY = ("torch", "numpy", "PIL", "av", "rich", "tqdm", "safetensors")


def examples(text: str) -> list[list[str]]:
    """The example lines of a help text, as arguments."""
    lines = text.partition("Examples:\n")[2].split("\n\n")[0].splitlines()
    return [shlex.split(line)[1:] for line in lines if line.strip()]


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_help_is_on_stdout_with_examples_that_are_commands(here, command):
    done = here(*command, "-h")
    assert here(*command, "--help").stdout == done.stdout
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith(f"Usage: {' '.join(['pixcli', *command])}")
    shown = examples(done.stdout)
    assert len(shown) >= 2
    for line in shown:
        assert tuple(line[: len(command)]) == command


@pytest.mark.parametrize("name", TASKS)
def test_a_tasks_own_options_come_first(here, name):
    text = here(name, "--help").stdout
    panels = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert panels[:1] == [f"Options of {name}:"] or not TASKS[name].options()
    for option in TASKS[name].options():
        assert f"--{option.replace('_', '-')}" in text


def test_what_a_group_says_of_a_command_is_the_first_line_of_its_help():
    for words, group in commands():
        for name, (_, title) in getattr(group, "listed", {}).items():
            assert group.make(name).help.partition("\n")[0] == title, f"{words} {name}"


@pytest.mark.parametrize("command", [words for words, _ in commands()])
def test_help_ends_with_exit_codes(here, command):
    text = here(*command.split(), "--help").stdout
    assert ("Exit codes:" in text) == (command not in ("", "eval", "weights"))


def test_version_is_one_line_on_stdout(pixcli):
    done = pixcli("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"pixcli {__version__}\n", "")


def test_no_command_shows_help_and_is_wrong_usage(pixcli):
    done = pixcli()
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Tasks:" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["superess"], "Did you mean 'superres'"),
        (["superres", "--scal", "2", "x"], "--scale"),
        (["superres", "x", "-o", "y", "--scale", "many"], "--scale"),
        (["superres", "x", "-o", "y", "--scale", "0.1"], "--scale"),
        (["superres", "x", "-o", "y", "--precision", "fp8"], "--precision"),
        (["superres", "x", "-o", "y", "--shard", "3/2"], "--shard"),
        (["superres", "x", "-o", "y", "--shard", "nonsense"], "--shard"),
        (["superres", "x", "-o", "y", "--in-place"], "--in-place"),
        (["superres", "-o", "y"], "INPUT"),
        (["superres", "x", "-o", "y", "--report", "photo.jpg"], "--report"),
        (["models", "--task", "nothing"], "nothing"),
        (["eval", "superres"], "DATASET"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(here, args, said):
    done = here(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("pixcli: ")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


@pytest.mark.parametrize("name", TASKS)
def test_without_out_it_gives_the_line_to_type(here, name):
    done = here(name, "old photos/", "--quality", "90")
    assert done.returncode == 2
    assert f"pixcli {name} 'old photos/' --quality 90 -o out/" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "superess",
        "status .",
        *(f"{name} --help" for name in TASKS),
        *(f"{name} x.png" for name in TASKS),
        *(f"{name} x.png -o out --no-such-option" for name in TASKS),
        *(f"{name} empty -o out --dry-run" for name in TASKS),
        *(f"eval {name} --help" for name in TASKS),
    ],
)
def test_saying_things_imports_nothing_heavy(tmp_path: Path, command: str):
    (tmp_path / "empty").mkdir()
    code = (
        "import sys, pixcli.cli.app as app\n"
        f"sys.argv = {['pixcli', *command.split()]!r}\n"
        "try:\n    app.main()\n"
        f"finally:\n    print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr


def test_the_package_itself_imports_nothing_heavy():
    code = f"import sys, pixcli\nassert not [m for m in {(*HEAVY, 'typer')!r} if m in sys.modules]"
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True, timeout=60)


@pytest.mark.bench
def test_help_takes_at_most_half_again_the_time_of_importing_typer_and_rich():
    def best(*args: str) -> float:
        times = []
        for _ in range(15):
            begun = time.perf_counter()
            subprocess.run([sys.executable, *args], env=ENVIRONMENT, capture_output=True, check=True)
            times.append(time.perf_counter() - begun)
        return min(times)

    ours, alone = best("-m", "pixcli", "--help"), best("-c", "import typer, rich")
    print(f"pixcli --help {ours * 1e3:.0f} ms, typer and rich {alone * 1e3:.0f} ms, {ours / alone:.2f} times")
    assert ours < 1.5 * alone
