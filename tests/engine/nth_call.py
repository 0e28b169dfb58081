"""Runs in which the n-th call that writes fails, for n = 1 and on until a run gets through:
`LD_PRELOAD=nth_call.so python nth_call.py nth_call.so IN OUT`. Prints how many there were.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from standin import Invert, plan_for

from pixcli.engine import Settings, run
from pixcli.errors import PixcliError


def attempt(photos: Path, out: Path) -> int:
    """A run as the command does one; its exit code."""
    try:
        plan = plan_for([photos], out, force=True)
        with plan.ledger() as ledger:
            return run(Invert(), plan, Settings(workers=1, batch=1), [], ledger).exit_code
    except PixcliError as e:
        return e.exit_code


def look(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in out.glob("*.png")}


def until_one_gets_through(
    photos: Path, out: Path, arm: Callable[[int], None], fired: Callable[[], bool]
) -> int:
    """Fails the n-th call of a first run and of a rerun over old outputs; the number of failures.

    After each: every output is whole, be it old or new; no temporary file; the exit code is 0 (the call did
    not matter) or 6; and a rerun completes.
    """
    shutil.rmtree(out, ignore_errors=True)
    assert attempt(photos, out) == 0
    right = look(out)
    assert len(right) == len(list(photos.iterdir()))
    failures = 0
    for anew in (True, False):
        for n in range(1, 10_000):
            if anew:
                shutil.rmtree(out)
            arm(n)
            import time

            print(anew, n, time.time() % 1000, file=sys.stderr)
            code = attempt(photos, out)
            hit = fired()
            arm(0)
            made = look(out)
            assert all(made[name] == right[name] for name in made), (n, "half an output")
            assert anew or len(made) == len(right), (n, "an old output is gone")
            left = [p.name for p in out.rglob("*") if ".tmp" in p.name]
            assert left == [], (n, left)
            assert code in ((0, 6) if hit else (0,)), (n, code)
            assert code or len(made) == len(right), (n, "not all was made")
            assert attempt(photos, out) == 0, (n, "the rerun")
            assert look(out) == right, (n, "the rerun")
            if not hit:
                break
            failures += 1
    return failures


def main() -> None:
    library, photos, out = sys.argv[1:]
    shim = ctypes.CDLL(library)
    folder = os.fsencode(os.path.abspath(out))  # noqa: PTH100
    print(
        until_one_gets_through(
            Path(photos), Path(out), lambda n: shim.arm(folder, n), lambda: shim.unused() == 0
        )
    )


if __name__ == "__main__":
    main()
