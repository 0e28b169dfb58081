"""Zhang et al.'s bins, soft encoding, rebalancing and annealed mean, as published."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixcli.nets.ab_bins import bins
from pixcli.tasks.colorize import annealed_mean
from pixcli.train.recipes.colorize import Colorize, mean_colour, soft_table


def test_the_published_bins():
    centres = bins()
    assert centres.shape == (313, 2)
    assert centres[0].tolist() == [-90, 50]
    assert centres[6].tolist() == [-80, 30]
    assert centres[-1].tolist() == [100, 0]
    assert (centres % 10 == 0).all()
    assert len({tuple(c) for c in centres.tolist()}) == 313


def test_soft_encoding_has_five_neighbours_of_sigma_five():
    index, share = soft_table()
    assert index.shape == share.shape == (221 * 221, 5)
    assert torch.allclose(share.sum(1), torch.ones(221 * 221))
    cell = (20 + 110) * 221 + (30 + 110)  # a bin's own centre, far from the gamut's edge
    assert bins()[index[cell, 0]].tolist() == [20, 30]
    assert share[cell, 1:] == pytest.approx(share[cell, 1:].mean().item())  # four at distance 10
    assert (share[cell, 1] / share[cell, 0]).item() == pytest.approx(np.exp(-(10**2) / (2 * 5**2)), rel=1e-4)


def test_rebalancing_has_mean_one_and_favours_the_rare():
    recipe = Colorize()
    grey = np.full((64, 64, 3), 128, np.uint8)
    grey[:4] = (255, 0, 0)
    recipe._view = lambda side, _rng: grey[:side, :side]  # type: ignore[method-assign]
    weights = recipe._rebalancing()
    assert (recipe.prior * weights).sum().item() == pytest.approx(1, rel=1e-4)
    neutral = int((bins() == torch.tensor([0.0, 0.0])).all(1).nonzero())
    assert weights.argmin().item() == neutral


@pytest.mark.parametrize(("temperature", "within"), [(1e-3, 0.1), (1.0, 40)])
def test_annealed_mean_goes_from_mode_to_mean(temperature, within):
    logits = torch.zeros(313, 1, 1)
    logits[100] = 5.0
    ab = mean_colour(logits[None], temperature)[:, 0, 0]
    assert (ab - bins()[100]).abs().max() < within

    class Fixed(torch.nn.Module):
        def forward(self, x):
            return logits.expand(len(x), -1, -1, -1)

    same = annealed_mean(Fixed(), temperature)(torch.zeros(1, 1, 4, 4))[0, :, 0, 0]
    assert torch.allclose(same, ab, atol=1e-3)


def test_loss_is_least_for_the_right_colour():
    recipe = Colorize()
    recipe.nearest, recipe.soft = soft_table()
    recipe.weights = torch.ones(313)
    ab = torch.full((1, 2, 1, 1), 20.0)
    right, wrong = torch.zeros(1, 313, 1, 1), torch.zeros(1, 313, 1, 1)
    for k, share in zip(
        *(t[(20 + 110) * 221 + 20 + 110] for t in (recipe.nearest, recipe.soft)), strict=True
    ):
        right[0, k] = share.log() + 20
    wrong[0, 0] = 20
    assert recipe.colour_loss(right, ab) < recipe.colour_loss(wrong, ab)
