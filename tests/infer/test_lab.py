import warnings

import numpy as np
import pytest
import torch

from pixcli.infer.lab import eight_bits, lab_to_linear, lab_to_rgb, rgb_to_lab


def test_there_and_back_is_the_same() -> None:
    rgb = torch.rand(2, 3, 32, 20, generator=torch.Generator().manual_seed(1))
    rgb[0, :, 0, :3] = torch.tensor([0.0, 1.0, 0.01])
    lightness, ab = rgb_to_lab(rgb)
    assert lightness.shape == (2, 1, 32, 20)
    assert ab.shape == (2, 2, 32, 20)
    assert (lab_to_rgb(lightness, ab) - rgb).abs().max() < 1e-4


def test_lab_to_rgb_is_that_of_scikit_image() -> None:
    color = pytest.importorskip("skimage.color")
    lab = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    lab = lab * torch.tensor([100, 120, 120])[:, None, None] - torch.tensor([0, 60, 60])[:, None, None]
    with warnings.catch_warnings(action="ignore"):  # it tells that it clips Z
        wanted = color.lab2rgb(lab.movedim(0, -1).numpy())
    inside = ((wanted > 1e-3) & (wanted < 1 - 1e-3)).all(-1)
    assert inside.any()
    found = lab_to_rgb(lab[:1], lab[1:]).movedim(0, -1).numpy()
    assert np.abs(found - wanted)[inside].max() < 1e-3


def test_a_colour_outside_srgb_keeps_its_lightness_and_hue() -> None:
    lightness, ab = torch.full((1, 1, 1), 50.0), torch.tensor([90.0, -90.0])[:, None, None]
    found, colour = rgb_to_lab(lab_to_rgb(lightness, ab))
    assert (found - lightness).abs().max() < 1e-2
    assert colour[0] > 10
    assert colour[1] < -10


def test_black_and_white_have_gradients() -> None:
    rgb = torch.tensor([0.0, 1.0]).repeat(3, 1, 1).requires_grad_()
    lightness, ab = rgb_to_lab(rgb)
    (lab_to_rgb(lightness, ab).sum() + ab.sum()).backward()
    assert rgb.grad is not None
    assert rgb.grad.isfinite().all()


def test_half_floats_are_computed_in_float32() -> None:
    lightness, _ = rgb_to_lab(torch.full((3, 1, 1), 0.5, dtype=torch.bfloat16))
    assert lightness.dtype == torch.float32


def test_the_table_of_eight_bits_gives_what_rounding_gives() -> None:
    generator = torch.Generator().manual_seed(1)
    lightness = torch.linspace(0, 100, 256)[None, :, None].expand(1, 256, 256)
    ab = 60 * torch.randn(2, 256, 256, generator=generator)
    found = eight_bits(lab_to_linear(lightness, ab))
    wanted = lab_to_rgb(lightness, ab) * 255
    assert found.dtype == torch.uint8
    assert (found - wanted).abs().max() < 0.55
