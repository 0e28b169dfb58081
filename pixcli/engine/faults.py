"""What an exception means for a run: words, a kind for scripts, whether the next input would meet it too."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass

from pixcli.errors import DeviceError, OutputError, PixcliError


@dataclass(frozen=True)
class Fault:
    """kind: "input", "output", "device", …; "internal" for what we did not foresee. fatal: ends the run."""

    kind: str
    text: str
    fatal: PixcliError | None = None


def explain(error: BaseException) -> Fault:
    """One line on any exception. Ours speak for themselves; a fault of the program says its type."""
    if isinstance(error, OutputError | DeviceError):
        return Fault(error.kind, str(error), error)
    if isinstance(error, PixcliError):
        return Fault(error.kind, str(error))
    if isinstance(error, MemoryError):
        return Fault("input", "not enough memory for it")
    if isinstance(error, FileNotFoundError):
        return Fault("input", "no longer there")
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
            said = OutputError(error.strerror or str(error))
            return Fault(said.kind, str(said), said)
        return Fault("input", error.strerror or str(error))
    what = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
    return Fault("internal", f"{what} (a fault of pixcli; --debug shows where)")


def trace_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
