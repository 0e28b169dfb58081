"""Times and rates in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """12.3 s, 4 min 05 s, 3 h 07 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds / 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds) % 60:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def pace(done: int, total: int, seconds: float, unit: str) -> list[str]:
    """Rate and time left in words; nothing while there is nothing to tell from. total: 0 when unknown.

    >>> pace(20, 100, 40.0, "files")
    ['0.50 files/s', '2:40 left']
    """
    if done <= 0 or seconds <= 0:
        return []
    rate = done / seconds
    words = [f"{rate:.0f} {unit}/s" if rate >= 10 else f"{rate:.2f} {unit}/s"]
    if rate < 0.1:
        words = [f"{60 * rate:.1f} {unit}/min"]
    if total > done:
        left = round((total - done) / rate)
        hours = f"{left // 3600}:{left // 60 % 60:02}" if left >= 3600 else f"{left // 60}"
        words.append(f"{hours}:{left % 60:02} left")
    return words
