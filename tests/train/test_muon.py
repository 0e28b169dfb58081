"""Muon: what it makes of gradients, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixcli.train.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(16, 16), (12, 90), (90, 12), (1, 30)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_every_direction_gets_about_one_length(shape, scale):
    torch.manual_seed(0)
    matrix = torch.randn(shape) * scale
    made = orthogonal(matrix)
    assert made.shape == matrix.shape
    lengths = torch.linalg.svdvals(made)
    assert lengths.min() > 0.6
    assert lengths.max() < 1.3
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    assert (u.T @ made @ v.T).diagonal().min() > 0.6  # the directions are the same


def test_no_gradient_is_no_move():
    assert (orthogonal(torch.zeros(4, 9)) == 0).all()
    net = nn.Conv2d(2, 2, 3, bias=False)
    before = net.weight.detach().clone()
    optimiser = Muon(net.parameters())
    optimiser.step()
    assert torch.equal(net.weight, before)


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match="vectors"):
        Muon(nn.Conv2d(2, 2, 3).parameters())


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(8, 1, 3, bias=False))


def steps(net, optimiser, numbers):
    """The losses of steps on pictures to be blurred, each made from its number."""
    losses = []
    for n in numbers:
        x = torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(n))
        wanted = nn.functional.avg_pool2d(x, 3, 1)
        loss = (net(x) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_a_small_network_learns():
    net = small()
    losses = steps(net, Muon(net.parameters(), lr=0.02), range(60))
    assert sum(losses[-5:]) < 0.1 * sum(losses[:5])


def test_it_goes_on_as_if_it_had_not_been_stopped():
    whole = small()
    steps(whole, Muon(whole.parameters()), range(8))
    first = small()
    optimiser = Muon(first.parameters())
    steps(first, optimiser, range(4))
    second = small()
    second.load_state_dict(first.state_dict())
    again = Muon(second.parameters())
    again.load_state_dict(optimiser.state_dict())
    steps(second, again, range(4, 8))
    for a, b in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
