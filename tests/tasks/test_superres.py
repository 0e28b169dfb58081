"""superres with the shipped weights, through the Python door: what comes out of it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

import pixcli
from pixcli.errors import UsageError
from pixcli.tasks.superres import SuperRes, plan_passes


@pytest.fixture(scope="module")
def by_four():
    return pixcli.load("superres", scale=4, device="cpu", precision="fp32")


def luma_psnr(a, b):
    d = (np.asarray(a, float) - np.asarray(b, float)) @ (np.array((65.481, 128.553, 24.966)) / 255)
    return 10 * np.log10(255**2 / (d[8:-8, 8:-8] ** 2).mean())


def test_beats_bicubic_by_far_on_photographs(by_four):
    gains = []
    for name in ("astronaut", "chelsea", "coffee"):
        truth = Image.fromarray(getattr(data, name)())
        truth = truth.crop((0, 0, truth.width // 4 * 4, truth.height // 4 * 4))
        small = truth.resize((truth.width // 4, truth.height // 4), Image.Resampling.BICUBIC)
        bicubic = small.resize(truth.size, Image.Resampling.BICUBIC)
        gains.append(luma_psnr(by_four(small), truth) - luma_psnr(bicubic, truth))
    assert min(gains) > 0.5
    assert np.mean(gains) > 1.0


@pytest.mark.parametrize("colour", [(128, 128, 128), (255, 0, 90), (3, 250, 17)])
def test_flat_stays_exactly_flat(by_four, colour):
    flat = np.full((13, 17, 3), colour, np.uint8)
    assert (by_four(flat) == np.array(colour, np.uint8)).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_no_checkerboard_on_a_gradient(scale):
    """The spectrum of what the network adds to a gradient has no peak at its stride."""
    ramp = np.linspace(0.2, 0.8, 64, dtype=np.float32)[None, :, None].repeat(64, 0).repeat(3, 2)
    big = pixcli.load("superres", scale=scale, device="cpu", precision="fp32")(ramp)[..., 1]
    middle = big[8 * scale : -8 * scale, 8 * scale : -8 * scale]
    rest = middle - middle.mean(0)  # what varies down the columns of a gradient along the rows
    line = middle.mean(0) - np.polyval(
        np.polyfit(np.arange(middle.shape[1]), middle.mean(0), 1), np.arange(middle.shape[1])
    )
    assert np.abs(rest).max() < 0.5 / 255
    spectrum = np.abs(np.fft.rfft(line)) / len(line)
    assert spectrum.max() < 0.25 / 255  # a quarter of a grey level


@pytest.mark.parametrize(
    ("given", "size", "wanted"),
    [
        ({"scale": 2.5}, (10, 7), (25, 18)),
        ({"scale": 1.3}, (10, 10), (13, 13)),
        ({"width": 33}, (10, 7), (33, 23)),
        ({"height": 33}, (10, 7), (47, 33)),
        ({"width": 40, "height": 14}, (10, 7), (20, 14)),
        ({"width": 5}, (10, 7), (5, 4)),
        ({}, (3, 2), (12, 8)),
    ],
)
def test_any_size_can_be_asked_for(given, size, wanted):
    picture = Image.effect_noise(size, 60).convert("RGB")
    assert pixcli.load("superres", device="cpu", precision="fp32", **given)(picture).size == wanted


def test_passes_are_few_and_reach_the_factor():
    assert plan_passes(16, (2, 3, 4)) == (4, 4)
    assert plan_passes(5, (2,)) == (2, 2, 2)
    assert plan_passes(0.5, (2,)) == ()


@pytest.mark.parametrize("given", [{"scale": 1}, {"scale": 2, "width": 9}])
def test_what_does_not_fit_is_refused(given):
    with pytest.raises(UsageError):
        SuperRes(**given)


def test_a_smooth_16_bit_ramp_stays_smooth():
    """More than 256 levels, in steps of about the same size."""
    ramp = np.linspace(20_000, 40_000, 96).round().astype(np.uint16)
    picture = ramp[None, :, None].repeat(48, 0).repeat(3, 2)
    big = pixcli.load("superres", scale=4, device="cpu", precision="fp32")(picture)
    assert big.dtype == np.uint16
    row = big[96, 32:-32, 1].astype(int)
    assert len(np.unique(row)) > 300
    assert np.abs(np.diff(row)).max() < 4 * (20_000 / 96 / 4)


def test_grey_stays_grey(by_four):
    grey = np.asarray(Image.fromarray(data.camera()).resize((40, 40)))
    big = by_four(grey)
    assert big.shape == (160, 160)


def test_no_fringe_at_a_transparent_edge(by_four):
    """A red disc on transparent green: no green in what can be seen; what cannot be seen stays green."""
    y, x = np.mgrid[:40, :40]
    inside = (x - 20) ** 2 + (y - 20) ** 2 < 150
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[..., 1] = 255
    rgba[inside] = (200, 30, 30, 255)
    big = by_four(rgba)
    assert big.shape == (160, 160, 4)
    visible = big[..., 3] > 8
    assert big[visible][:, 1].max() < 60
    assert (big[0, 0] == (0, 255, 0, 0)).all()
