"""Each pixel in one segment or none, and how well two such maps agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixcli.infer.segments import (
    Mask,
    Segment,
    added,
    agreement,
    centres,
    claim,
    fill,
    joined,
    measured,
    numbered,
    quality,
    resolved,
)


def mask(top, left, height, width, score, kind=0):
    return Mask(Segment(kind, 1, score), top, left, np.ones((height, width), bool))


def test_the_surer_thing_keeps_its_pixels_and_what_is_mostly_taken_is_dropped():
    canvas = np.zeros((10, 12), np.uint16)
    masks = [mask(0, 0, 6, 6, 0.9), mask(0, 4, 6, 6, 0.8), mask(0, 1, 6, 6, 0.7), mask(9, 9, 0, 0, 0.6)]
    kept = claim(canvas, masks)
    assert [s.score for s in kept] == [0.9, 0.8]
    assert (canvas[:6, :6] == 1).all()
    assert (canvas[:6, 6:10] == 2).all()
    assert np.count_nonzero(canvas) == 60
    again = np.zeros_like(canvas)
    assert len(claim(again, masks[:3], overlap=0.9)) == 2  # now all but wholly covered ones would do


def test_stuff_takes_what_is_left_unless_it_is_little():
    canvas = np.zeros((10, 10), np.uint16)
    things = claim(canvas, [mask(0, 0, 5, 10, 0.9)])
    labels = np.full((10, 10), 1, np.uint8)
    labels[5:, 8:], labels[9, 0] = 2, 3  # 3 is of no class of stuff
    for least, kinds in ((0, [0, 1, 2]), (11, [0, 1])):
        full = canvas.copy()
        full, segments = measured(full, fill(full, things, labels, [1, 2], least))
        assert [s.kind for s in segments] == kinds
        assert full[9, 0] == 0
    assert (segments[1].area, segments[1].box) == (39, (0, 5, 8, 5))


def test_segments_without_a_pixel_are_left_out():
    canvas = np.array([[0, 3, 3]], np.uint16)
    canvas, segments = measured(canvas, [Segment(0), Segment(1), Segment(2)])
    assert [s.kind for s in segments] == [2]
    assert canvas.tolist() == [[0, 1, 1]]


def test_centres_are_peaks_in_order_of_their_height():
    heat = torch.zeros(20, 20)
    heat[4, 5], heat[4, 7], heat[15, 15] = 0.6, 0.5, 0.9
    places, heights = centres(heat, 0.3)
    assert places.tolist() == [[15, 15], [4, 5]]
    assert heights.tolist() == pytest.approx([0.9, 0.6])


def scene(h, w):
    """A perfect answer for two things of two kinds, side by side, and stuff round them."""
    answer = torch.zeros(6, h, w)
    answer[0], answer[3] = 3, -6
    for kind, top, left in ((1, 4, 2), (2, 4, 10)):
        part = answer[:, top : top + 8, left : left + 8]
        part[kind] = 6
        part[4], part[5] = torch.meshgrid(4.0 - torch.arange(8), 4.0 - torch.arange(8), indexing="ij")
        answer[3, top + 4, left + 4] = 6
    return answer


@pytest.mark.parametrize("times", [1, 3])
def test_pixels_go_to_the_centre_that_they_point_to(times):
    things = np.array([False, True, True])
    _, segments = resolved(scene(16, 20), 16 * times, 20 * times, things, 0.5)
    assert sorted((s.kind, bool(s.number)) for s in segments) == [(0, False), (1, True), (2, True)]
    for s in segments:
        if s.number:
            left, top, width, height = (v / times for v in s.box)
            assert abs(top - 4) + abs(left - (2 if s.kind == 1 else 10)) <= 1
            assert abs(width - 8) + abs(height - 8) <= 1.5
    nobody, rest = resolved(scene(16, 20), 16, 20, things, 0.999)
    assert [s.kind for s in rest] == [0]
    assert (nobody[5:11, 3:9] == 0).all()  # a thing without a centre is void


def test_a_thing_keeps_its_number_and_a_new_one_gets_a_new_number():
    before = np.zeros((10, 20), np.int64)
    before[2:8, 2:8], before[2:8, 12:18] = 7, 3
    now = np.zeros((10, 20), np.uint16)
    now[2:8, 13:19], now[2:8, 3:9], now[9, 0:3] = 1, 2, 3
    assert numbered(before, now, 3, 7) == ([3, 7, 8], 8)
    assert numbered(before, np.zeros_like(now), 0, 7) == ([], 7)
    assert numbered(np.zeros_like(before), now, 3, 0) == ([1, 2, 3], 3)


def test_quality_knows_void_and_crowds():
    truth = np.zeros((10, 40), np.int64)
    truth[:, :10], truth[:, 10:20], truth[:, 20:30] = 1, 2, 3  # 3 is a crowd of class 0; the rest is void
    out = np.zeros((10, 40), np.int64)
    out[:, :8], out[:, 20:26], out[:, 26:30], out[:, 31:36] = 4, 5, 6, 7
    counts = agreement(out, truth, {4: 0, 5: 0, 6: 1, 7: 1}, {1: 0, 2: 1, 3: 0}, {3})
    assert counts[0].tolist() == [0.8, 1, 0, 0]  # 5 lies in a crowd of its class
    assert counts[1].tolist() == [0, 0, 1, 1]  # 6 does not, and 7 lies in void
    assert quality(counts) == {0: (0.8, 0.8, 1.0), 1: (0, 0, 0)}
    both = added(counts, {0: np.array((0.6, 1, 2, 0)), 2: np.zeros(4)})
    assert quality(both)[0] == pytest.approx((1.4 / 3, 0.7, 2 / 3))
    assert 2 not in quality(both)
    with pytest.raises(ValueError, match="shapes"):
        agreement(out, truth[:5], {}, {})


def test_a_truth_of_fine_classes_becomes_one_of_coarse_ones():
    rows = [
        (9, 0, True),
        (8, 0, True),
        (7, 0, False),
        (6, 0, False),
        (5, 1, True),
        (4, 1, False),
        (3, None, True),
    ]
    new, real, crowds = joined(rows, [True, False])
    assert len({new[9], new[8], new[7]}) == 3
    assert new[7] == new[6]
    assert crowds == {new[7]}
    assert new[5] == new[4]
    assert real[new[5]] == 1
    assert new[3] == 0
