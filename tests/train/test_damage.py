"""Damage that is drawn to learn from: it is where the labels say, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from pixcli.train.damage import KINDS, SHARES, damaged, drawn
from pixcli.train.recipes.scratches import THINGS


@pytest.mark.parametrize("kind", [kind for kind, *_ in KINDS] + list(THINGS))
def test_every_kind_covers_some_of_a_picture_and_not_all(kind):
    covers = [drawn(kind, 48, 64, np.random.default_rng(n)) for n in range(12)]
    assert all(c.shape == (48, 64) and c.min() >= 0 and c.max() <= 1 for c in covers)
    shares = [float((c > 0.5).mean()) for c in covers]
    assert 0 < np.mean(shares) < 0.6


def test_labels_are_where_a_picture_has_changed():
    rng = np.random.default_rng(0)
    for _ in range(40):
        picture = rng.random((32, 40, 3), dtype=np.float32) * 0.4 + 0.3
        spoilt, labels = damaged(picture, rng)
        marks, known = (labels[..., i] > 0 for i in (0, 1))
        change = np.abs(spoilt - picture).max(2)
        assert set(np.unique(labels)) <= {0, 1}
        assert known[marks].all()
        assert (change[known & ~marks] < 0.06).all()
        assert 0 <= spoilt.min() <= spoilt.max() <= 1
    assert sum(SHARES) == pytest.approx(1)
