"""Damaged pictures: a few here, thousands by hand (see fuzz.py)."""

import os

import pytest

from tests.media.fuzz import run

posix = pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")


@posix
def test_damaged_pictures_are_decoded_or_refused(tmp_path):
    counts, faults = run(tmp_path, 150)
    assert faults == []
    assert counts.total() == 150
    assert min(counts["decoded"], counts["refused"]) > 10


@posix
@pytest.mark.slow
def test_damaged_pictures_by_the_thousand(tmp_path):
    counts, faults = run(tmp_path, 3000, 10_000)
    assert faults == []
    assert counts.total() == 3000
