"""Files that are either absent, as they were, or complete: never half."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from pixcli.errors import InputError, OutputError

# Errors that will meet the next file as well.
_HOPELESS = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.EFBIG}
_TEMP = re.compile(r"\.pixcli-(\d+)-([0-9a-f]{6})[0-9a-f]{8}\.tmp(-wal|-shm|-journal)?")  # SQLite's, too
_DAY_S = 86_400


@contextmanager
def atomic(path: str | os.PathLike[str], *, new: bool = False) -> Iterator[Path]:
    """Gives the name of a temporary file beside `path`, which becomes `path` when the block ends well.

    It is synced to the disk first. Folders above are made; a symlink's target is replaced and the link stays;
    an old file's mode is kept. new: a file that lies at `path` by then stays, and ours is dropped. When the
    block raises, the temporary file is removed and `path` is as it was. Raises OutputError where no file at
    all could be written (disk full, read-only, forbidden), InputError for a fault of this one.
    """
    final = Path(os.path.realpath(path))
    temp = final.with_name(f".pixcli-{os.getpid()}-{_mark()}{secrets.token_hex(4)}.tmp")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temp
        _settle(temp, final, new)
    except OSError as e:
        raise _said(_cause(e, temp), final) from e
    finally:
        with suppress(OSError):
            temp.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file, as `atomic` does. Raises OutputError, whatever is wrong."""
    try:
        with atomic(path) as temp:
            temp.write_bytes(data)
    except InputError as e:
        raise OutputError(e.what) from e


def sweep(folder: str | os.PathLike[str]) -> int:
    """Remove the temporary files that killed runs left in `folder` (not below it); how many there were.

    Ours is a file whose process on this machine is gone, or that is older than a day.
    """
    swept = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = _TEMP.fullmatch(entry.name)
            if name is None:
                continue
            with suppress(OSError):
                ours = name[2] == _mark() and not _alive(int(name[1]))
                if ours or time.time() - entry.stat(follow_symlinks=False).st_mtime > _DAY_S:
                    Path(entry.path).unlink()
                    swept += 1
    return swept


@cache
def host() -> str:
    """This machine, and the container on it: process numbers mean something only within."""
    try:
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _settle(temp: Path, final: Path, new: bool) -> None:
    with temp.open("rb+") as file:
        os.fsync(file.fileno())
    if new:
        _place_new(temp, final)
    else:
        with suppress(FileNotFoundError):
            temp.chmod(final.stat().st_mode & 0o7777)
        temp.replace(final)
    if os.name == "posix":
        with suppress(OSError):  # the file is complete; some file systems cannot sync a folder
            folder = os.open(final.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _place_new(temp: Path, final: Path) -> None:
    with suppress(FileExistsError):
        try:
            os.link(temp, final)
        except FileExistsError:
            raise
        except OSError:  # no hard links here
            with final.open("xb") as file:
                file.write(temp.read_bytes())


def _cause(e: OSError, temp: Path) -> OSError:
    """Encoders lose the error number of a failed write: write once more and see."""
    if e.errno is not None or not temp.exists():
        return e
    try:
        with temp.open("ab", buffering=0) as file:
            file.write(b"\0" * 1_048_576)
            os.fsync(file.fileno())
    except OSError as again:
        return again
    return e


def _said(e: OSError, final: Path) -> OutputError | InputError:
    why = os.strerror(e.errno) if e.errno else str(e)
    if e.errno in _HOPELESS:
        return OutputError(f"cannot write {final}: {why}")
    return InputError(f"cannot write {final}: {why}")


def _mark() -> str:
    return hashlib.blake2s(host().encode(), digest_size=3).hexdigest()


def _alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # signal 0 is no question there; age decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
