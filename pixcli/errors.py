"""What can go wrong, and which exit code it ends in.

PixcliError
├─ UsageError      2    contradictory options, collisions, an output that would destroy an input
├─ NothingToDo     3    nothing matches
├─ WeightsError    4    weights missing, broken, of another task
├─ DeviceError     5    no such device, out of memory after the last rung of the ladder
├─ OutputError     6    the output cannot be written at all: disk full, read-only; ends the run
└─ InputError      1    one input: unreadable, truncated, too large, unsupported; the run goes on
"""


class PixcliError(Exception):
    """A fault that people can be told in one line: what is wrong, and what to do about it."""

    exit_code = 1
    kind = "error"

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} ({self.hint})" if self.hint else self.what


class UsageError(PixcliError):
    exit_code, kind = 2, "usage"


class NothingToDo(PixcliError):
    exit_code, kind = 3, "nothing"


class WeightsError(PixcliError):
    exit_code, kind = 4, "weights"


class DeviceError(PixcliError):
    exit_code, kind = 5, "device"


class OutputError(PixcliError):
    exit_code, kind = 6, "output"


class InputError(PixcliError):
    exit_code, kind = 1, "input"
