"""What every network of pixcli.nets.NETWORKS must hold; a new one is covered by its entry in cases.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.infer.footprint import Footprint
from pixcli.nets import NETWORKS, build
from tests.footprints import reach_of
from tests.nets.cases import CASES, PARAMETERS, Case

each_network = pytest.mark.parametrize("name", NETWORKS)


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    return build(name, CASES[name].arguments).eval()


def run(net: nn.Module, case: Case, x: Tensor) -> Tensor:
    answer: Tensor = net(x, case.scale) if case.scale else net(x)
    return answer


def test_every_network_has_a_case() -> None:
    assert set(CASES) == set(NETWORKS)


@pytest.mark.parametrize(("name", "arguments", "count"), PARAMETERS)
def test_parameter_count_is_the_published_one(name: str, arguments: dict[str, Any], count: int) -> None:
    with torch.device("meta"):
        net = build(name, arguments)
    assert sum(p.numel() for p in net.parameters()) == count


def size_of(case: Case, cells: int) -> tuple[int, int]:
    """Height and width of a small input, of so many cells of 4 pixels or of the network's multiple."""
    return case.fixed[:2] if case.fixed else (cells * max(case.multiple, 4),) * 2


@each_network
def test_output_has_the_promised_shape_on_odd_sizes(name: str) -> None:
    case, net = CASES[name], made(name)
    m = case.multiple
    sizes = ((1, 1), (13, 7)) if m == 1 else ((m, m), (3 * m, m))
    for h, w in (case.fixed[:2],) if case.fixed else sizes:
        with torch.inference_mode():
            y = run(net, case, torch.rand(2, case.channels, h, w))
        if case.grows == 1 and case.out <= 3 and case.picture:  # what the tasks ask a network
            assert getattr(net, "channels", 3) == case.out
            assert getattr(net, "channels", 3) + getattr(net, "maps", 0) == case.channels
        size = case.fixed[2:] if case.fixed else (h * case.grows, w * case.grows)
        assert y.shape == (2, case.out, *size)


@each_network
def test_reach_is_as_far_as_a_pixel_depends_on_others(name: str) -> None:
    case, net = CASES[name], made(name)
    if case.reach is None:
        assert getattr(net, "reach", None) is None
        pytest.skip("looks at the whole picture")
    assert getattr(net, "reach", case.reach) == case.reach
    assert getattr(net, "multiple", case.multiple) == case.multiple
    measured = reach_of(net, Footprint(case.reach, case.multiple, int(case.grows)), case.channels)
    assert measured <= case.reach < measured + max(2, case.multiple)


@each_network
def test_bf16_autocast_stays_close_to_fp32(name: str) -> None:
    case, net = CASES[name], made(name)
    x = torch.rand(1, case.channels, *size_of(case, 2))
    with torch.inference_mode():
        exact = run(net, case, x)
        with torch.autocast("cpu", torch.bfloat16):
            rough = run(net, case, x).float()
    assert (rough - exact).square().mean() < 0.05**2 * exact.square().mean()


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if CASES[n].heavy else n for n in CASES]
)
def test_overfits_a_tiny_batch(name: str) -> None:
    case, net = CASES[name], made(name).train()
    h, w = size_of(case, 2)
    x = torch.rand(2, 1, h, w).expand(2, case.channels, h, w)
    size = case.fixed[2:] if case.fixed else (int(h * case.grows), int(w * case.grows))
    classes = torch.tensor([5, 2])[:, None, None].expand(2, *size)
    picture = None
    if case.out <= 4:
        wanted = x[:, :1].sqrt() if case.dark else 0.8 * x[:, :1] + 0.1
        picture = F.interpolate(wanted, size=size).expand(-1, case.out, -1, -1)
    optimiser = torch.optim.Adam(net.parameters(), case.rate)
    losses: list[float] = []
    for _ in range(40):
        y = run(net, case, x)
        loss = F.cross_entropy(y, classes) if picture is None else F.mse_loss(y, picture)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if losses[-1] < 0.6 * losses[0]:
            break
    assert losses[-1] < 0.6 * losses[0], losses
