"""What was typed for films, as numbers."""

from __future__ import annotations

import re
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from pixcli.errors import UsageError


def film_settings(given: SimpleNamespace) -> dict[str, Any]:
    """--start, --end, --every, --fps, --frames as the engine takes them. Raises UsageError."""
    start = Fraction(0) if given.start is None else seconds("--start", given.start)
    end = None if given.end is None else seconds("--end", given.end)
    if end is not None and end <= start:
        raise UsageError(f"--end {given.end} is not after --start {given.start or 0}")
    return {"start": start, "end": end, "every": given.every, "fps": rate(given.fps), "frames": given.frames}


def film_matter(given: SimpleNamespace) -> dict[str, str | None]:
    """The same for the ledger: what was left as it is by default is not there."""
    usual = {"start": Fraction(0), "end": None, "every": 1, "fps": Fraction(25), "frames": False}
    return {k: None if v == usual[k] else str(v) for k, v in film_settings(given).items()}


def seconds(option: str, text: str) -> Fraction:
    """A time as people write it.

    >>> [str(seconds("--start", t)) for t in ("90", "1:30.5", "00:01:30.250")]
    ['90', '181/2', '361/4']
    """
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)", text.strip())
    if match is None:
        raise UsageError(f"{option} {text}: is no time", "for instance 90, 1:30 or 00:01:30.250")
    hours, minutes, rest = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(rest)


# rates that are written as decimals and mean these fractions
NTSC = {"23.976": 24000, "23.98": 24000, "29.97": 30000, "47.952": 48000, "59.94": 60000, "119.88": 120000}


def rate(text: str) -> Fraction:
    """Frames a second.

    >>> [str(rate(t)) for t in ("24", "12.5", "23.976", "30000/1001")]
    ['24', '25/2', '24000/1001', '30000/1001']
    """
    try:
        found = Fraction(NTSC[text], 1001) if text in NTSC else Fraction(text)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 0 < found <= 1000 or found.denominator > 100_000:
        raise UsageError(f"--fps {text}: is no rate from 0 to 1000", "for instance 24, 23.976 or 30000/1001")
    return found
