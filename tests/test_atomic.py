"""An output name is absent, the old file, or the complete new one."""

import errno
import os
import time
from pathlib import Path

import pytest

from pixcli.atomic import atomic, sweep
from pixcli.errors import InputError, OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted(path: Path, fault: BaseException, content: bytes = b"half") -> None:
    with atomic(path) as temp:
        temp.write_bytes(content)
        raise fault


def test_a_file_appears_whole_with_folders_made(tmp_path):
    path = tmp_path / "new" / "deep" / "a.txt"
    with atomic(path) as temp:
        temp.write_text("whole")
        assert temp.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["a.txt"]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path, KeyboardInterrupt())
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_modes_and_links_stay(tmp_path):
    old, link, new = tmp_path / "old", tmp_path / "link", tmp_path / "new"
    old.write_text("old")
    old.chmod(0o640)
    link.symlink_to(old)
    for path in (link, new):
        with atomic(path) as temp:
            temp.write_text("x")
    assert link.is_symlink()
    assert old.read_text() == "x"
    assert old.stat().st_mode & 0o777 == 0o640
    mask = os.umask(0)
    os.umask(mask)
    assert new.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.EFBIG]
)
def test_what_meets_every_file_is_an_output_error(tmp_path, number):
    with pytest.raises(OutputError, match=os.strerror(number)):
        interrupted(tmp_path / "a", OSError(number, "said by the system"))


def test_a_fault_of_one_name_is_not_the_end(tmp_path):
    with pytest.raises(InputError, match="cannot write"), atomic(tmp_path / ("n" * 300)) as temp:
        temp.write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"), atomic(tmp_path / "folder") as temp:
        temp.write_text("x")
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_at_any_step_keeps_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "a"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.fsync" if step == "fsync" else "pathlib.Path.replace", full)
    with pytest.raises(OutputError), atomic(path) as temp:
        temp.write_text("new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_an_encoder_that_loses_the_error_number_still_tells_of_the_limit(tmp_path):
    import resource
    import signal

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        with pytest.raises(OutputError, match="File too large"):
            interrupted(tmp_path / "a", OSError("encoder error -2 when writing image file"), b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    assert names(tmp_path) == []


def test_sweep_removes_what_killed_runs_left_and_nothing_else(tmp_path):
    with atomic(tmp_path / "a") as mine:
        mine.touch()
        name = mine.name
        dead = tmp_path / name.replace(f"-{os.getpid()}-", "-999999999-")
        dead.touch()
        elsewhere = tmp_path / f".pixcli-999999999-{'0' * 14}.tmp"
        old = tmp_path / f".pixcli-999999999-{'1' * 14}.tmp"
        foreign = tmp_path / ".pixcli-notes.tmp"
        for path in (elsewhere, old, foreign):
            path.touch()
        os.utime(old, (time.time() - 100_000,) * 2)
        assert sweep(tmp_path) == 2
        assert {p.name for p in tmp_path.iterdir()} == {name, elsewhere.name, foreign.name}
    assert sweep(tmp_path / "missing") == 0
