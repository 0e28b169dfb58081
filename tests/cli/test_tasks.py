"""The tasks' commands: streams, exit codes, and every shared option doing what its help says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixcli.tasks import TASKS
from tests.conftest import SINGLE, needed

each_task = pytest.mark.parametrize("task", SINGLE)


def picture(path: Path, height: int = 20, width: int = 30, seed: int = 0) -> Path:
    """A smooth random picture in the format of the suffix."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def files(folder: Path) -> list[str]:
    """What people see in a folder, the ledger left out."""
    found = (p for p in folder.rglob("*") if p.is_file() and ".pixcli" not in p.relative_to(folder).parts)
    return sorted(p.relative_to(folder).as_posix() for p in found)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for i, name in enumerate(("a.png", "b.jpg", "sub/c.png")):
        picture(tmp_path / "photos" / name, seed=i)
    return tmp_path / "photos"


@each_task
def test_a_folder_with_one_bad_file(pixcli, tiny, photos, tmp_path, task):
    (photos / "bad.png").write_bytes((photos / "a.png").read_bytes()[:90])
    done = pixcli(task, "photos", "-o", "out", "--model", tiny[task], *needed(task))
    assert done.returncode == 1
    assert done.stdout == ""
    written = [name for name in files(tmp_path / "out") if not name.endswith(".json")]
    assert written == ["a.png", f"b{TASKS[task]().suffix() or '.jpg'}", "sub/c.png"]
    problems = [line for line in done.stderr.splitlines() if "bad.png" in line]
    assert len(problems) == 1
    assert problems[0].startswith("pixcli: photos/bad.png: ")
    assert "3 done, 1 failed" in done.stderr.replace("0 skipped, ", "")


@each_task
def test_a_rerun_does_nothing_and_does_not_import_torch(pixcli, tiny, photos, tmp_path, task):
    args = (task, "photos", "-o", "out", "--model", tiny[task], *needed(task))
    assert pixcli(*args).returncode == 0
    before = {p: (tmp_path / "out" / p).stat().st_mtime_ns for p in files(tmp_path / "out")}
    code = f"import sys, pixcli.cli.app as app\nsys.argv = {['pixcli', *map(str, args)]!r}\n"
    code += "try:\n    app.main()\nfinally:\n    assert 'torch' not in sys.modules\n    print('light')\n"
    again = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=pixcli.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (again.returncode, again.stdout) == (0, "light\n"), again.stderr
    assert "3 skipped" in again.stderr
    assert {p: (tmp_path / "out" / p).stat().st_mtime_ns for p in files(tmp_path / "out")} == before
    forced = pixcli(*args, "--force")
    assert (forced.returncode, "3 done" in forced.stderr) == (0, True)


@each_task
def test_dry_run_prints_the_plan_and_touches_nothing(pixcli, tiny, photos, tmp_path, task):
    args = (task, "photos", "-o", "out", "--model", tiny[task], *needed(task), "--dry-run")
    done = pixcli(*args)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a.png" in done.stdout
    assert "3 to do" in done.stdout
    rows = json.loads(pixcli(*args, "--json").stdout)
    assert [j["action"] for j in rows["jobs"]] == ["do"] * 3
    assert not (tmp_path / "out").exists()


@each_task
def test_json_is_one_event_a_line_with_counts_that_add_up(pixcli, tiny, photos, task):
    (photos / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = pixcli(task, "photos", "-o", "out", "--model", tiny[task], *needed(task), "--json", "--quiet")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events] == ["start", *["item"] * 4, "summary"]
    last = events[-1]
    assert last["exit_code"] == done.returncode == 1
    assert last["total"] == last["done"] + last["skipped"] + last["failed"] + last["left"] == 4
    (failed,) = (e for e in events[1:-1] if e["status"] == "failed")
    assert failed["input"] == "photos/bad.png"
    assert failed["error"]["kind"] == "input"
    assert done.stderr.count("\n") == 1  # quiet: the problem alone


@each_task
def test_a_picture_through_stdin_and_stdout(pixcli, tiny, tmp_path, task):
    given = picture(tmp_path / "a.png").read_bytes()
    done = pixcli(task, "-", "-o", "-", "--model", tiny[task], *needed(task), "--format", "png", stdin=given)
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as made:
        assert made.format == "PNG"
        assert made.width % 30 == 0


@each_task
def test_one_file_to_one_file(pixcli, tiny, tmp_path, task):
    picture(tmp_path / "a.jpg")
    done = pixcli(task, "a.jpg", "-o", "new/b.png", "--model", tiny[task], *needed(task))
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "new") == ["b.png"]


@pytest.fixture
def superres(here, tiny):
    return lambda *args, **more: here("superres", *args, "--model", tiny["superres"], "--scale", "2", **more)


def test_name_format_and_no_recursive(superres, photos, tmp_path):
    args = (
        "photos",
        "-o",
        "out",
        "--name",
        "{stem}_{task}",
        "--format",
        "webp",
        "--quality",
        "50",
        "--no-recursive",
    )
    assert superres(*args).returncode == 0
    assert files(tmp_path / "out") == ["a_superres.webp", "b_superres.webp"]


def test_quality_changes_the_file(superres, tmp_path):
    picture(tmp_path / "a.jpg", 100, 100)
    for quality in ("20", "95"):
        assert superres("a.jpg", "-o", f"{quality}.jpg", "--quality", quality).returncode == 0
    assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size


def test_from_reads_a_list_from_a_file_and_from_stdin(superres, photos, tmp_path):
    (tmp_path / "list").write_text("photos/a.png\nphotos/sub/c.png\n")
    assert superres("--from", "list", "-o", "one").returncode == 0
    assert superres("--from", "-", "-o", "two", stdin="photos/a.png\0photos/sub/c.png\0").returncode == 0
    assert files(tmp_path / "one") == files(tmp_path / "two") == ["a.png", "sub/c.png"]


def test_in_place_replaces_once(superres, tmp_path):
    picture(tmp_path / "a.png")
    assert superres("a.png", "--in-place").returncode == 0
    assert superres("a.png", "--in-place").returncode == 0
    with Image.open(tmp_path / "a.png") as made:
        assert made.size == (60, 40)


def test_foreign_files_are_left_alone_unless_told(superres, tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_text("mine")
    done = superres("a.png", "-o", "out")
    assert done.returncode == 1
    assert "out/a.png exists" in done.stderr
    assert (tmp_path / "out/a.png").read_text() == "mine"
    assert superres("a.png", "-o", "out", "--on-exist", "error").returncode == 1
    assert superres("a.png", "-o", "out", "--on-exist", "overwrite").returncode == 0
    assert (tmp_path / "out/a.png").read_bytes()[1:4] == b"PNG"


def test_shards_share_the_work(superres, tmp_path):
    for i in range(6):
        picture(tmp_path / f"photos/{i}.png", 8, 8)
    made = []
    for i in (1, 2):
        assert superres("photos", "-o", f"out{i}", "--shard", f"{i}/2").returncode == 0
        made += files(tmp_path / f"out{i}")
    assert sorted(made) == [f"{i}.png" for i in range(6)]


def test_strict_counts_a_loss_as_failure(superres, tmp_path):
    Image.fromarray(np.zeros((8, 8, 4), np.uint8) + 90).save(tmp_path / "a.png")
    loose = superres("a.png", "-o", "loose.jpg")
    assert loose.returncode == 0
    assert "lost: alpha" in loose.stderr
    assert superres("a.png", "-o", "strict.jpg", "--strict").returncode == 1
    assert not (tmp_path / "strict.jpg").exists()


def test_max_pixels_fail_fast_and_max_failures(superres, tmp_path):
    for i in range(60):
        picture(tmp_path / f"photos/{i}.png", 8, 8 + i % 5)
    small = superres("photos", "-o", "out", "--max-pixels", "80", "--json")
    assert json.loads(small.stdout.splitlines()[-1])["done"] == 36
    for more, failed in ((["--fail-fast"], 1), (["--max-failures", "2"], 2)):
        args = ("photos", "-o", "none", "--max-pixels", "1", "--workers", "1", "--json", *more)
        last = json.loads(superres(*args).stdout.splitlines()[-1])
        assert (last["failed"] >= failed, last["failed"] < 60, last["exit_code"]) == (True, True, 1)


def test_tile_batch_workers_and_precision_change_nothing_that_is_seen(superres, photos, tmp_path):
    args = ("--tile", "16", "--batch", "2", "--workers", "3", "--precision", "fp32", "--device", "cpu")
    assert superres("photos/a.png", "-o", "plain.png", "--precision", "fp32").returncode == 0
    assert superres("photos/a.png", "-o", "tiled.png", *args).returncode == 0
    with Image.open(tmp_path / "plain.png") as plain, Image.open(tmp_path / "tiled.png") as tiled:
        assert np.abs(np.asarray(plain).astype(int) - np.asarray(tiled)).max() <= 1


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["empty", "-o", "out"], 3, "no picture"),
        (["nowhere.png", "-o", "out"], 1, "nowhere.png"),
        (["photos", "-o", "out", "--model", "no-such-model"], 4, "no-such-model"),
        (["photos", "-o", "out", "--model", "gone.safetensors"], 4, "gone.safetensors"),
        (["photos", "-o", "out", "--device", "cuda:77"], 5, "cuda:77"),
        (["photos", "-o", "out", "--device", "quantum"], 5, "quantum"),
        (["photos", "-o", "photos"], 2, "--in-place"),
        (["photos", "-o", "photos/a.png/below"], 6, "a.png"),
        (["photos", "-o", "out", "--format", "bogus"], 2, "bogus"),
        (["-", "-", "-o", "-", "--json"], 2, "stdout"),
    ],
)
def test_exit_codes(here, tiny, photos, tmp_path, args, code, said):
    (tmp_path / "empty").mkdir()
    model = [] if "--model" in args else ["--model", tiny["superres"]]
    done = here("superres", *args, *model)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if said in line]
    assert lines, done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_where(pixcli, photos):
    done = pixcli("superres", "photos", "-o", "out", "--model", "no-such-model", "--debug")
    assert "Traceback" in done.stderr


def test_a_reader_that_goes_away_is_no_fault(pixcli, tiny, photos, tmp_path):
    line = f"{sys.executable} -m pixcli superres photos -o out --json --model {tiny['superres']} | head -1"
    done = subprocess.run(
        line, shell=True, cwd=tmp_path, env=pixcli.environment, capture_output=True, text=True, timeout=60
    )
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert files(tmp_path / "out") == ["a.png", "b.jpg", "sub/c.png"]


def test_odd_names_are_one_clean_line(superres, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a\x1b[31m\nb.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = superres("in", "-o", "out", "--quiet")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
