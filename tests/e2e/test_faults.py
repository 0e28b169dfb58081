"""Whatever is wrong with disk, folders, inputs or ledger: a clear line, the right exit code, and a way on."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(os.name != "posix", reason="mounts, modes and pipes of POSIX")
COUNT = 6
NAMES = [f"{n}.png" for n in range(COUNT)]
LEDGER = "out/.pixcli/ledger.sqlite"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for n, name in enumerate(NAMES):
        pixels = np.random.default_rng(n).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def superres(here, tiny):
    """`superres("photos", …)`; every line that it says comes from pixcli."""

    def run(*args: object, out: str = "out", **more: str) -> subprocess.CompletedProcess[str]:
        line = ("superres", *args, "-o", out, "--scale", "2", "--model", tiny["superres"], "--quiet")
        done = here(*line, **more)
        assert all(said.startswith("pixcli: ") for said in done.stderr.splitlines()), done.stderr
        return done

    return run


def made(out: Path) -> list[str]:
    """The outputs, all of which are whole; no temporary file is there."""
    assert [p for p in out.rglob("*") if ".tmp" in p.name] == []
    for path in out.rglob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert picture.size == (64, 64)
    return sorted(str(p.relative_to(out)) for p in out.rglob("*.png"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system at out/."""
    out = tmp_path / "out"
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "pixcli-test", str(out)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    yield out
    subprocess.run(["umount", "-l", out], check=True)


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def test_a_full_disk(superres, pixcli, tiny, photos, disk):
    # in a process of its own: claims of which the full disk keeps no word end with it
    line = ("superres", "photos", "-o", "out", "--scale", "2", "--model", tiny["superres"])
    done = pixcli(*line)
    assert done.returncode == 6
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr or "disk is full" in done.stderr
    assert set(made(disk)) < set(NAMES)
    remount(disk, "size=10m")
    assert superres("photos").returncode == 0
    assert made(disk) == NAMES


def test_a_disk_that_became_read_only(superres, photos, disk):
    remount(disk, "size=10m")
    assert superres("photos/0.png").returncode == 0
    remount(disk, "ro")
    done = superres("photos")
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)
    assert "is the disk full or read-only?" in done.stderr
    assert made(disk) == NAMES[:1]
    remount(disk, "rw")
    assert superres("photos").returncode == 0
    assert made(disk) == NAMES


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


@pytest.fixture
def anyone() -> Iterator[None]:
    """Root without its right to read and write whatever it likes."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(0x20080522, 0), (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    if not hasattr(libc, "capset") or libc.capget(ctypes.byref(header), sets):
        pytest.skip("root cannot lay down its rights here")
    before = sets[0]
    sets[0] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(ctypes.byref(header), sets) == 0
    yield
    sets[0] = before
    assert libc.capset(ctypes.byref(header), sets) == 0


@pytest.mark.usefixtures("anyone")
def test_a_folder_that_may_not_be_written(superres, photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir(mode=0o555)
    done = superres("photos")
    assert (done.returncode, done.stderr.count("\n")) == (6, 1)
    assert "Permission denied" in done.stderr
    out.chmod(0o755)
    assert superres("photos").returncode == 0
    (out / "deep").mkdir(mode=0o555)
    (photos / "deep").mkdir()
    shutil.copy(photos / "0.png", photos / "deep")
    done = superres("photos")
    assert done.returncode == 6
    assert "0.png: Permission denied" in done.stderr
    (out / "deep").chmod(0o755)
    assert superres("photos").returncode == 0
    assert made(out) == [*NAMES, "deep/0.png"]


@pytest.mark.usefixtures("anyone")
def test_inputs_that_may_not_be_read(superres, photos, tmp_path):
    (photos / "1.png").chmod(0)
    (photos / "deep").mkdir(mode=0)
    done = superres("photos")
    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()) == [
        "pixcli: photos/1.png: Permission denied",
        "pixcli: photos/deep: folder cannot be read: Permission denied",
    ]
    assert made(tmp_path / "out") == [n for n in NAMES if n != "1.png"]
    (photos / "1.png").chmod(0o644)
    (photos / "deep").chmod(0o755)
    assert superres("photos").returncode == 0
    assert made(tmp_path / "out") == NAMES


def test_inputs_that_go_away_in_mid_run(superres, photos, tmp_path, monkeypatch):
    engine = import_module("pixcli.engine.run")
    first = engine.load

    def load(job, settings):
        (photos / "5.png").unlink(missing_ok=True)
        return first(job, settings)

    monkeypatch.setattr(engine, "load", load)
    done = superres("photos", "--workers", 1)
    assert (done.returncode, done.stderr) == (1, "pixcli: photos/5.png: No such file or directory\n")
    assert made(tmp_path / "out") == NAMES[:5]


def test_an_output_folder_inside_the_input(superres, photos):
    for _ in range(2):
        assert superres("photos", out="photos/out").returncode == 0
        assert made(photos / "out") == NAMES
    done = superres("photos", out="photos")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--in-place" in done.stderr


def test_links_in_a_circle_and_what_is_no_file(superres, photos, tmp_path):
    (photos / "round").symlink_to(photos)
    (photos / "self").symlink_to("self")
    os.mkfifo(photos / "pipe.png")
    (photos / "null.png").symlink_to(os.devnull)
    assert superres("photos").returncode == 0
    assert made(tmp_path / "out") == NAMES
    for name, said in (
        ("self", "Too many levels of symbolic links"),
        ("pipe.png", "a pipe, not a regular file"),
        ("null.png", "a device, not a regular file"),
    ):
        done = superres(f"photos/{name}", out="other")
        assert (done.returncode, done.stderr) == (1, f"pixcli: photos/{name}: {said}\n")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


@pytest.mark.parametrize(
    ("damage", "code", "said"), [(cut, 6, "damaged"), (empty, 6, "damaged"), (newer, 2, "a newer pixcli")]
)
def test_a_ledger_that_is_no_good(superres, here, photos, tmp_path, damage, code, said):
    assert superres("photos").returncode == 0
    damage(tmp_path / LEDGER)
    for done in (superres("photos"), superres("photos", "--dry-run"), here("status", "out")):
        assert (done.returncode, done.stderr.count("\n")) == (code, 1)
        assert f"{LEDGER}: " in done.stderr
        assert said in done.stderr
    (tmp_path / LEDGER).unlink()  # as the line says
    assert superres("photos").returncode == 1
    assert superres("photos", "--on-exist", "overwrite").returncode == 0
    assert superres("photos").returncode == 0


def test_a_ledger_that_goes_away_in_mid_run(superres, photos, tmp_path, monkeypatch):
    engine = import_module("pixcli.engine.run")
    first = engine.save

    def save(result, job, plan, settings):
        shutil.rmtree(tmp_path / "out/.pixcli", ignore_errors=True)
        return first(result, job, plan, settings)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "save", save)
        done = superres("photos", "--workers", 1)
    assert done.returncode == 6
    assert "the ledger was removed while we worked" in done.stderr
    made(tmp_path / "out")
    assert superres("photos", "--on-exist", "overwrite").returncode == 0
    assert made(tmp_path / "out") == NAMES


def test_stdin_that_is_no_picture(superres, tmp_path):
    for text, said in (("hello", "neither"), ("", "nothing came on stdin")):
        done = superres("-", out="a.png", stdin=text)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert said in done.stderr or "not a picture" in done.stderr or "no picture" in done.stderr
    assert made(tmp_path) == []


def test_without_a_home_and_in_the_c_locale(pixcli, tiny, photos, tmp_path):
    (photos / "0.png").rename(photos / "grüße ☀.png")
    bare = {"HOME": "", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LANG": ""}
    done = pixcli("superres", "photos", "-o", "out", "--model", tiny["superres"], "--scale", "2", **bare)
    assert done.returncode == 0, done.stderr
    assert made(tmp_path / "out") == sorted([*NAMES[1:], "grüße ☀.png"])
