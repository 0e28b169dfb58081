"""Where a picture is cut: tiles that together give what the whole picture would, all of one shape.

A tile is a core, whose answer is kept, in a padded box that is given to the network. Toward another tile the
box reaches at least `reach` beyond the core; at the picture's own border it ends there, so that the network's
padding (zeros, replicated or reflected pixels) does what it does in a whole run. All in input pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Box:
    """Rows top … bottom - 1, columns left … right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)"""
        return self.bottom - self.top, self.right - self.left


@dataclass(frozen=True)
class Tile:
    """core: what this tile answers for. padded: what the network is given; contains the core."""

    core: Box
    padded: Box


def up(value: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is at least `value`."""
    return -(-value // multiple) * multiple


def smallest(reach: int, multiple: int) -> int:
    """The smallest side of a padded box that is worth running: 32 pixels of core between two reaches."""
    return 2 * up(reach, multiple) + up(32, multiple)


def cut(core: Box, height: int, width: int, reach: int, multiple: int, side: int) -> list[Tile]:
    """Tiles whose cores fill `core` once, row by row, in padded boxes of one shape, no side above `side`.

    height, width: of the picture, multiples of `multiple`, as are the core's edges. A `side` that leaves
    nothing between two reaches is raised to the least that does. Origins and sizes of all boxes are multiples
    of `multiple`.
    """
    rows = _axis(core.top, core.bottom, height, reach, multiple, side)
    columns = _axis(core.left, core.right, width, reach, multiple, side)
    return [
        Tile(Box(top, left, bottom, right), Box(box_top, box_left, box_bottom, box_right))
        for top, bottom, box_top, box_bottom in rows
        for left, right, box_left, box_right in columns
    ]


def best_side(
    height: int, width: int, reach: int, multiple: int, most: int, rate: Callable[[float], float]
) -> int:
    """The side of at most `most` at which all boxes, each at its `rate` (relative speed), take least time.

    So a small reach takes the side that suits the cache; a large one takes a larger side, which repeats less.
    """
    floor = smallest(reach, multiple)
    steps = {most, *(n * 2**i // 4 for i in range(6, 13) for n in (4, 5, 6, 7))}

    def cost(side: int) -> float:
        high, rows = _share(height, reach, multiple, side)
        wide, columns = _share(width, reach, multiple, side)
        return high * rows * wide * columns / rate((high * wide) ** 0.5)

    return min((side for side in sorted(steps) if floor <= side <= most), key=cost, default=floor)


def _share(length: int, reach: int, multiple: int, side: int) -> tuple[int, int]:
    """Side of the boxes, and their number, for a stretch of `length` pixels.

    n boxes of T that overlap by two reaches cover n T - 2 reach (n - 1): those at the ends need no context
    outward.
    """
    length, reach, side = length // multiple, -(-reach // multiple), side // multiple
    side = max(side, 2 * reach + 1)
    number = 1 if length <= side else -(-(length - 2 * reach) // (side - 2 * reach))
    return -(-(length + 2 * reach * (number - 1)) // number) * multiple, number


def _axis(
    start: int, stop: int, length: int, reach: int, multiple: int, side: int
) -> list[tuple[int, int, int, int]]:
    """(core start, core stop, box start, box stop) of each tile along one axis."""
    reach = up(reach, multiple)
    low, high = max(0, start - reach), min(length, stop + reach)
    each, number = _share(high - low, reach, multiple, side)
    room = (high - low - each) // multiple
    starts = [low + room * i // max(1, number - 1) * multiple for i in range(number)]
    # neighbours part in the middle of their overlap, which is at least two reaches wide
    parts = [(second + first + each) // (2 * multiple) * multiple for first, second in pairwise(starts)]
    edges = [start, *parts, stop]
    return [(*edge, box, box + each) for edge, box in zip(pairwise(edges), starts, strict=True)]
