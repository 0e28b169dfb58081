"""Made pairs: their flow is true, and grows over a run."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from pixcli.nets.matching import warp
from pixcli.train import find, moving


def texture(height, width, rng):
    """Smooth and colourful: what is looked up in between is right."""
    knots = torch.from_numpy(rng.random((1, 3, 8, 8), dtype=np.float32))
    smooth = F.interpolate(knots, size=(height, width), mode="bicubic", align_corners=True)
    return (smooth[0].permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()


def test_the_second_picture_looked_up_along_the_flow_is_the_first(monkeypatch):
    monkeypatch.setattr(moving, "photographed", lambda both, rng: both.flatten(0, 1))
    rng, lengths = np.random.default_rng(0), []
    for largest in (2.0, 4.0, 8.0, 12.0) * 2:
        pictures, flow = moving.pair(texture, (64, 96), largest, rng)
        assert pictures.shape == (6, 64, 96)
        assert flow.shape == (2, 64, 96)
        one, two = pictures[None, :3], pictures[None, 3:]
        error = (warp(two, flow[None]) - one).abs().mean(1)
        inner = error[:, 16:-16, 16:-16]
        assert inner.median() < 0.01
        assert (inner > 0.05).float().mean() < 0.25  # what is hidden in the second, and edges
        lengths.append(float(flow.norm(dim=0).mean()))
    assert 0.3 < max(lengths) < 40


def test_pairs_are_in_range_and_the_same_for_the_same_chance():
    one, two = (moving.pair(texture, (64, 64), 6.0, np.random.default_rng(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert 0 <= one[0].min() <= one[0].max() <= 1


def test_motions_grow_over_a_run(monkeypatch):
    recipe, told = find("flow"), []
    monkeypatch.setattr(recipe, "stores", [], raising=False)
    monkeypatch.setattr(recipe, "shares", np.ones(1), raising=False)
    nothing = torch.zeros(6, 4, 4), torch.zeros(2, 4, 4)
    module = "pixcli.train.recipes.flow.pair"
    monkeypatch.setattr(module, lambda texture, size, largest, rng: told.append(largest) or nothing)
    for progress in (0.0, 0.4, 0.8, 1.0):
        monkeypatch.setattr(recipe, "progress", progress)
        recipe.batch(np.random.default_rng(0), 1)
    assert told[0] < told[-3] < told[-2] == told[-1]
