"""denoise, deblur, derain, enhance-dark: what the tasks themselves do with pictures."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import pixcli
import pixcli.models
from pixcli.errors import UsageError, WeightsError
from pixcli.infer.footprint import Footprint
from pixcli.tasks.deblur import Deblur
from pixcli.tasks.denoise import Denoise
from pixcli.tasks.derain import Derain
from pixcli.tasks.enhance_dark import EnhanceDark
from pixcli.tasks.inpaint import Inpaint
from tests.tasks.standin import PICTURE, attached, darker, through

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", [Denoise, Deblur, Derain, EnhanceDark])
def test_an_identity_gives_the_very_picture(kind, dtype):
    pixels = RNG.random((19, 26, 3)).astype(dtype) if dtype == np.float32 else PICTURE.astype(dtype) * 7
    task = attached(kind(), lambda x: x[:, :3], maps=kind is Denoise)
    np.testing.assert_allclose(through(task, pixels).pixels, pixels, atol=1e-6)


@pytest.mark.parametrize("kind", [Denoise, Deblur, Derain, EnhanceDark])
def test_strength_mixes(kind):
    for strength, factor in ((0, 1.0), (0.5, 0.75), (1, 0.5)):
        task = attached(kind(strength=strength), darker)
        assert np.abs(through(task, PICTURE).pixels - PICTURE * factor).max() <= 0.51


def test_grey_stays_grey_and_transparent_pixels_keep_their_colours():
    alpha = RNG.choice(np.uint8([0, 120, 255]), PICTURE.shape[:2])
    made = through(attached(Denoise(), darker), PICTURE, alpha)
    assert (made.alpha == alpha).all()
    assert (made.pixels[alpha == 0] == PICTURE[alpha == 0]).all()
    assert np.abs(made.pixels[alpha > 0] - PICTURE[alpha > 0] * 0.5).max() <= 0.51
    assert through(attached(Denoise(), darker), PICTURE[..., 0]).pixels.shape == (37, 43, 1)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_grey_pictures_have_a_denoiser_of_their_own_however_they_are_written(dtype, white):
    noisy = (white * np.clip(0.5 + 0.1 * RNG.standard_normal((64, 96, 1)), 0, 1)).astype(dtype)
    usual, named = pixcli.load("denoise"), pixcli.load("denoise", model="denoise-grey")
    grey = usual(noisy)
    np.testing.assert_array_equal(grey, named(noisy))
    coloured = noisy.repeat(3, 2)
    np.testing.assert_array_equal(usual(coloured), grey.reshape(64, 96, 1).repeat(3, 2))
    coloured[5, 7, 2] = white  # one pixel of a colour: the network for colours
    assert np.abs(usual(coloured) - grey.reshape(64, 96, 1)).max() > 0


def test_only_the_default_depends_on_the_denoiser_for_grey():
    usual, named = (pixcli.models.find(name, "denoise") for name in ("denoise", "denoise-grey"))
    assert Denoise().beside(usual) == {"grey": named.sha256}
    assert Denoise().beside(named) == {}


def test_a_network_for_grey_takes_each_colour_by_itself():
    task = attached(Denoise(), lambda x: x * 0.5, channels=1)
    assert np.abs(through(task, PICTURE).pixels - PICTURE * 0.5).max() <= 0.51
    with pytest.raises(WeightsError, match="takes 1 channels"):
        attached(Inpaint(mask="alpha"), darker, channels=1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_deblur_shows_the_network_the_picture_without_the_blur_that_was_found(dtype, monkeypatch):
    from tests.infer.test_shake import hook, poster, shaken

    monkeypatch.setattr("pixcli.infer.shake.kernel_of", lambda light: hook())  # how well it seeks: test_shake
    sharp = poster(240, 300, seed=3)
    peak = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    given = (shaken(sharp).permute(1, 2, 0).numpy() * peak).astype(dtype)

    def off(**options) -> float:
        task = attached(Deblur(**options), lambda x: x[:, 3:], channels=3, maps=3)
        return float(np.square(through(task, given).pixels / peak - sharp.permute(1, 2, 0).numpy()).mean())

    assert off() < 0.4 * off(kernel="none")
    none = attached(Deblur(kernel="none"), lambda x: x[:, 3:], channels=3, maps=3)
    np.testing.assert_allclose(through(none, given).pixels, given, atol=1e-6)
    grey = attached(Deblur(), lambda x: x[:, 3:], channels=3, maps=3)
    assert through(grey, given[..., :1]).pixels.shape == (240, 300, 1)
    tiny = attached(Deblur(), lambda x: x[:, 3:], channels=3, maps=3)
    np.testing.assert_allclose(through(tiny, given[:40]).pixels, given[:40], atol=1e-6)


@pytest.mark.parametrize(("sigma", "level"), [(None, 0), ("auto", 0), (25, 25), ("12.5", 12.5)])
def test_denoise_tells_the_level_as_a_map(sigma, level):
    seen = []
    task = attached(Denoise(sigma=sigma), lambda x: (seen.append(x), x[:, :3])[1], maps=1)
    through(task, PICTURE)
    assert seen[-1].shape[1] == 4
    torch.testing.assert_close(seen[-1][:, 3] * 255, torch.full((1, 37, 43), float(level)))


def test_denoise_asks_for_the_level_where_the_network_needs_it():
    with pytest.raises(UsageError, match="--sigma"):
        attached(Denoise(), darker, maps=1, blind=False)
    with pytest.raises(UsageError):
        Denoise(sigma=80)


def test_derain_takes_another_model_for_drops():
    assert (Derain().default, Derain(kind="drops").default) == ("derain", "derain-drops")


def test_the_light_of_a_large_picture_is_brought_up_from_the_working_size():
    y, x = np.mgrid[:150, :200]
    pixels = (20 + 10 * np.sin(x / 9) * np.cos(y / 7))[..., None].repeat(3, 2).astype(np.uint8)
    sizes = []

    def triple(x: Tensor) -> Tensor:
        sizes.append(tuple(x.shape[2:]))
        return x * 3

    task = attached(EnhanceDark(), triple, Footprint(reach=None, multiple=16, side=64))
    assert np.abs(through(task, pixels).pixels - pixels * 3.0).max() <= 3
    assert sizes == [(64, 80)]


@pytest.mark.parametrize("stops", [1, 3, -1])
def test_exposure_sets_the_light(stops):
    pixels = (PICTURE // 6).astype(np.uint8)
    made = through(attached(EnhanceDark(exposure=stops), lambda x: x * 2), pixels).pixels
    before, after = (((p / 255) ** 2.2).mean() for p in (pixels, made))
    assert after / before == pytest.approx(2.0**stops, rel=0.1)


def test_a_task_without_weights_is_one_line_and_exit_4(here, monkeypatch, tmp_path):
    import pixcli.models.catalogue  # noqa: F401

    monkeypatch.setattr(sys.modules["pixcli.models.catalogue"], "catalogue", list)
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    done = here("deblur", "a.png", "-o", "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1)
    assert "there is no model 'deblur'" in done.stderr


SIXTEEN = (
    np.linspace(20_000, 24_000, 1000).round().astype(np.uint16)[None, :, None].repeat(32, 0).repeat(3, 2)
)


def test_16_bits_go_through_an_identity_as_they_are():
    answer = through(attached(Denoise(), lambda x: x[:, :3], channels=3, maps=1), SIXTEEN)
    assert answer.pixels.dtype == np.uint16
    np.testing.assert_array_equal(answer.pixels, SIXTEEN)


def test_a_16_bit_ramp_has_no_bands_after_denoise():
    """The whole ramp lies in sixteen 8-bit steps: what went through 8 bits would be sixteen terraces."""
    row = pixcli.load("denoise", device="cpu", precision="fp32")(SIXTEEN)[16, 32:-32, 1].astype(int)
    assert len(np.unique(row)) > 500
    assert np.abs(np.diff(row)).max() < 65
