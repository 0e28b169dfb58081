"""The blur of a whole picture: found in pictures of known blur, and divided out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from pixcli.infer import blur, shake


def poster(height: int, width: int, seed: int = 0) -> Tensor:
    """(3, H, W) in 0..1: ellipses of many sizes, ways and colours."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 0.5, np.float32)
    for _ in range(60):
        y, x = np.mgrid[:height, :width] - rng.integers((height, width))[:, None, None]
        way, (a, b) = rng.uniform(0, np.pi), rng.uniform(4, 40, 2)
        u, v = x * np.cos(way) + y * np.sin(way), y * np.cos(way) - x * np.sin(way)
        picture[(u / a) ** 2 + (v / b) ** 2 < 1] = rng.uniform(0.05, 0.95, 3)
    return torch.from_numpy(picture).permute(2, 0, 1)


def hook() -> Tensor:
    """(15, 15): a movement down, then to the right; its centre of mass is the middle."""
    kernel = torch.zeros(15, 15)
    kernel[3:10, 6] = 1
    kernel[9, 6:13] = 0.6
    return kernel / kernel.sum()


def shaken(picture: Tensor, grain: float = 1 / 255) -> Tensor:
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(0)) * grain
    return (blur.blurred(picture, hook()) + noise).clamp(0, 1)


def error(a: Tensor, b: Tensor) -> float:
    inner = (slice(None), slice(20, -20), slice(20, -20))
    return float((a[inner] - b[inner]).square().mean())


def test_without_takes_back_what_blurred_does():
    sharp = poster(90, 131)
    blurred = shaken(sharp, grain=0)
    assert error(blur.without(blurred, hook()), sharp) < 0.3 * error(blurred, sharp)


def test_a_kernel_of_one_pixel_changes_nothing():
    sharp, one = poster(70, 80), torch.zeros(41, 41)
    one[20, 20] = 1
    torch.testing.assert_close(blur.blurred(sharp, one), sharp, atol=1e-5, rtol=0)
    assert error(blur.without(sharp, one), sharp) < 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_is_found(seed):
    sharp = poster(240, 300, seed)
    blurred = shaken(sharp)
    found = shake.kernel_of(blurred.mean(0))
    assert found.shape == (shake.SIDE, shake.SIDE)
    assert float(found.sum()) == pytest.approx(1, abs=1e-4)
    assert float(found.min()) >= 0
    assert error(blur.without(blurred, found), sharp) < 0.8 * error(blurred, sharp)


def test_parts_touch_within_and_not_between():
    there = torch.zeros(9, 9, dtype=torch.bool)
    there[0, 0] = there[1, 1] = there[1, 2] = True  # at a corner is touching
    there[4, 4] = True
    there[8, :] = True
    number = shake.parts(there)
    assert ((number > 0) == there).all()
    assert len(number[there].unique()) == 3
    assert len(number[8].unique()) == 1


def test_tidy_leaves_the_movement_and_takes_specks():
    dirty = torch.zeros(41, 41)
    dirty[13:28, 13:28] = hook()
    dirty[2, 3] = 0.05
    dirty[30, 30] = -0.2
    clean = shake.tidy(dirty)
    assert float(clean.sum()) == pytest.approx(1)
    assert float(clean.min()) == 0
    torch.testing.assert_close(clean[13:28, 13:28], hook())
    one = shake.tidy(torch.zeros(5, 5))
    assert one[2, 2] == 1


def test_strips_are_seamless(monkeypatch):
    sharp = poster(300, 120)
    blurred = shaken(sharp)
    whole = blur.without(blurred, hook())
    monkeypatch.setattr(blur, "STRIP", 100)
    strips = blur.in_strips(blurred, hook())
    assert strips.shape == whole.shape
    assert error(strips, sharp) < 1.1 * error(whole, sharp)


@pytest.mark.parametrize("size", [(64, 64), (64, 900), (801, 65)])
def test_any_size_and_nothing_to_see(size):
    for picture in (torch.zeros(size), torch.full(size, 1.0), torch.rand(size)):
        found = shake.kernel_of(picture)
        assert found.isfinite().all()
        assert float(found.sum()) == pytest.approx(1, abs=1e-4)
        assert blur.without(picture[None], found).shape == (1, *size)
