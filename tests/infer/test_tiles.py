from hypothesis import given
from hypothesis import strategies as st

from pixcli.infer.tiles import Box, best_side, cut, smallest, up

sizes = st.integers(1, 400)


@given(sizes, sizes, st.integers(0, 40), st.integers(1, 9), st.integers(1, 300), st.data())
def test_cores_fill_the_region_once_and_boxes_hold_the_reach(height, width, reach, multiple, side, data):
    height, width = up(height, multiple), up(width, multiple)

    def stretch(length):
        start = data.draw(st.integers(0, length // multiple - 1))
        return start * multiple, data.draw(st.integers(start + 1, length // multiple)) * multiple

    (top, bottom), (left, right) = stretch(height), stretch(width)
    tiles = cut(Box(top, left, bottom, right), height, width, reach, multiple, side)

    assert sum(t.core.shape[0] * t.core.shape[1] for t in tiles) == (bottom - top) * (right - left)
    assert len({(t.core.top, t.core.left) for t in tiles}) == len(tiles)
    assert len({t.padded.shape for t in tiles}) == 1
    limit = max(side, (2 * -(-reach // multiple) + 1) * multiple)
    for t in tiles:
        c, p = t.core, t.padded
        assert top <= c.top < c.bottom <= bottom
        assert left <= c.left < c.right <= right
        assert p.top == 0 or p.top <= c.top - reach
        assert p.left == 0 or p.left <= c.left - reach
        assert p.bottom == height or p.bottom >= c.bottom + reach
        assert p.right == width or p.right >= c.right + reach
        assert min(p.top, p.left) >= 0
        assert p.bottom <= height
        assert p.right <= width
        assert all(n % multiple == 0 for n in (p.top, p.left, p.bottom, p.right, c.top, c.left))
        assert max(p.shape) <= limit


def test_no_tile_is_a_sliver():
    tiles = cut(Box(0, 0, 300, 1030), 300, 1030, 8, 1, 256)
    assert {t.padded.shape for t in tiles} == {(158, 219)}


def test_a_picture_within_the_side_is_one_tile_without_context():
    (tile,) = cut(Box(0, 0, 200, 256), 200, 256, 30, 4, 256)
    assert tile.core == tile.padded == Box(0, 0, 200, 256)


def test_a_large_reach_takes_larger_tiles_and_memory_bounds_them():
    def rate(side):
        return 1 if side < 300 else 0.7

    near = best_side(4000, 6000, 4, 1, 4096, rate)
    far = best_side(4000, 6000, 100, 1, 4096, rate)
    assert near < 300 < far
    assert best_side(4000, 6000, 100, 1, 500, rate) <= 500
    assert best_side(4000, 6000, 100, 4, 50, rate) == smallest(100, 4)
