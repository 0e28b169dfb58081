"""Who claims, and whether that process still runs: on this machine it is asked, on another nobody knows."""

from __future__ import annotations

import os
from pathlib import Path

from pixcli.atomic import host

REMOTE = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "lustre",
    "gpfs",
    "beegfs",
    "fuse.sshfs",
}


def me() -> tuple[str, int, str]:
    """Host, process number and the process's time of birth."""
    pid = os.getpid()
    return host(), pid, _born(pid) or ""


def runs(on: str, pid: int, born: str) -> bool | None:
    """Whether that very process still runs (its number may be another's by now); None on another machine."""
    if on != host():
        return None
    if not born:  # no /proc: the number alone has to do
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        except OSError:
            return False
        return True
    return _born(pid) == born


def _born(pid: int) -> str | None:
    try:
        # the name in parentheses may hold anything
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def is_remote(folder: Path) -> bool:
    """Whether a folder lies on a network file system, as far as /proc tells."""
    try:
        here = os.fsencode(os.path.realpath(folder)) + b"/"
        mounts = [line.split(b" ") for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
    except OSError:
        return False
    best, kind = b"", b""
    for fields in mounts:
        point = fields[4].replace(b"\\040", b" ").rstrip(b"/") + b"/"
        if here.startswith(point) and len(point) >= len(best):
            best, kind = point, fields[fields.index(b"-") + 1]
    return kind.decode() in REMOTE
