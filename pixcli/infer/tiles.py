"""Where a picture is cut: tiles that together give what the whole picture would, all of one shape.

A tile is a core, whose answer is kept, in a padded box that is given to the network. Toward another tile the box reaches
at least `reach` beyond the core; at the picture's own border it ends there, so that the network's padding (zeros, replicated
or reflected pixels) does what it does in a whole run. All numbers are input pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """Rows top … bottom - 1, columns left … right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left


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
    """Tiles whose cores fill `core` exactly once, row by row, in padded boxes of one shape, no side above `side` where that can be.

    height, width: of the picture, multiples of `multiple`; so must be the core's edges. A `side` too small for the reach is
    raised to the least that works. Origins and sizes of all boxes are multiples of `multiple`.
    """
    rows = _axis(core.top, core.bottom, height, reach, multiple, side)
    columns = _axis(core.left, core.right, width, reach, multiple, side)
    return [
        Tile(Box(y[0], x[0], y[1], x[1]), Box(y[2], x[2], y[3], x[3])) for y in rows for x in columns
    ]  # fmt: skip


def best_side(
    height: int,
    width: int,
    reach: int,
    multiple: int,
    rate: Callable[[float], float],
    most: int | None = None,
) -> int:
    """The side for which the sum of all padded areas, each over `rate` (relative speed at that side), is smallest.

    So a small reach takes the side that suits the cache, and a large one a larger side, which repeats less. most: upper bound.
    """
    floor = smallest(reach, multiple)
    ceiling = max(floor, most or max(height, width))
    steps = {
        floor,
        ceiling,
        *(up(s, multiple) for i in range(6, 13) for s in (2**i, 5 * 2**i // 4, 3 * 2**i // 2)),
    }

    def cost(side: int) -> float:
        high, rows = _shape(height, reach, multiple, side)
        wide, columns = _shape(width, reach, multiple, side)
        return high * wide * rows * columns / rate((high * wide) ** 0.5)

    return min((s for s in sorted(steps) if floor <= s <= ceiling), key=cost)


def _shape(length: int, reach: int, multiple: int, side: int) -> tuple[int, int]:
    """Side of the boxes and their number for a stretch of `length` pixels.

    n boxes of T that overlap by 2 reach cover n T - 2 reach (n - 1); the boxes at both ends need no context outward.
    """
    length, reach, side = length // multiple, -(-reach // multiple), side // multiple
    side = max(side, 2 * reach + 1)
    number = 1 if length <= side else -(-(length - 2 * reach) // (side - 2 * reach))
    each = -(-(length + 2 * reach * (number - 1)) // number)
    return each * multiple, number


def _axis(
    start: int, stop: int, length: int, reach: int, multiple: int, side: int
) -> list[tuple[int, int, int, int]]:
    """(core start, core stop, box start, box stop) of each tile along one axis."""
    reach = up(reach, multiple)
    low, high = max(0, start - reach), min(length, stop + reach)
    each, number = _shape(high - low, reach, multiple, side)
    room = (high - low - each) // multiple
    starts = [low + room * i // max(1, number - 1) * multiple for i in range(number)]
    # two neighbours part in the middle of their overlap, which is at least two reaches wide
    edges = [
        start,
        *((b + a + each) // (2 * multiple) * multiple for a, b in zip(starts, starts[1:], strict=False)),
        stop,
    ]
    return [(edges[i], edges[i + 1], starts[i], starts[i] + each) for i in range(number)]
