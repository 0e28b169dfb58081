"""Frames in pairs: which goes with which, at the end and after a film was taken up again."""

from __future__ import annotations

import pytest

from pixcli.engine.pairs import paired
from pixcli.errors import InputError

WHOLE = {
    0: [(n, (n,)) for n in range(5)],
    1: [(0, (0, 1)), (1, (1, 2)), (2, (2, 3)), (3, (3, 4)), (4, (3, 4))],
    3: [(0, (0, 3)), (1, (1, 4)), (2, (1, 4)), (3, (1, 4)), (4, (1, 4))],
}


@pytest.mark.parametrize("apart", WHOLE)
def test_the_last_ones_hold_or_are_left_out(apart):
    assert list(paired(range(5), apart)) == WHOLE[apart]
    assert list(paired(range(5), apart, hold=False)) == WHOLE[apart][: 5 - apart]


@pytest.mark.parametrize("apart", WHOLE)
@pytest.mark.parametrize("through", range(6))
@pytest.mark.parametrize("hold", [True, False])
def test_a_film_that_is_taken_up_again_gives_the_rest(apart, through, hold):
    before = min(apart, through)
    rest = paired(range(through - before, 5), apart, hold=hold, before=before)
    whole = list(paired(range(5), apart, hold=hold))
    assert list(rest) == whole[through:]


def test_too_few_frames_are_a_fault():
    with pytest.raises(InputError, match="no two frames that are 2 apart"):
        list(paired(range(2), 2))
