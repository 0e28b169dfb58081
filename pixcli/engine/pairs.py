"""Frames for tasks that compare two: each with the one that comes so many after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

from pixcli.errors import InputError

T = TypeVar("T")


def paired(
    frames: Iterable[T], apart: int, *, hold: bool = True, before: int = 0
) -> Iterator[tuple[T, tuple[T, ...]]]:
    """(frame, what a sample of it takes): the frame itself, and the one `apart` after it when that is not 0.

    hold: the last frames, which nothing comes after, take what the last one before them took; else they are
    left out. before: so many of the first are only there to be held, and are not given.
    Raises InputError when there are no two frames that far apart.
    """
    if not apart:
        yield from ((frame, (frame,)) for frame in frames)
        return
    waiting: deque[T] = deque()
    last: tuple[T, ...] = ()
    for frame in frames:
        waiting.append(frame)
        if len(waiting) > apart:
            first = waiting.popleft()
            last = (first, frame)
            if before > 0:
                before -= 1
            else:
                yield first, last
    if not last and len(waiting) > before:
        raise InputError(f"has no two frames that are {apart} apart", "a shorter --stride, or a longer film")
    if hold:
        yield from ((frame, last) for frame in list(waiting)[before:])
