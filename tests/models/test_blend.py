"""Weights between two others."""

from dataclasses import replace

import pytest
import torch

from pixcli.errors import WeightsError
from pixcli.models import Card, find, load, save
from pixcli.models.blend import blend
from pixcli.models.save import describe
from pixcli.nets import build

ARGUMENTS = {"channels": 8, "blocks": 1, "scales": [2]}


@pytest.fixture
def two(tmp_path):
    cards = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        net = build("subpixel", ARGUMENTS)
        path = tmp_path / f"w{seed}.safetensors"
        card = Card(path.stem, "superres", "subpixel", path, arguments=ARGUMENTS, training={"steps": seed})
        cards.append(save(path, net, describe(card, net)))
    return cards


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_tensors_lie_between(two, share, tmp_path):
    card = blend(*two, share, tmp_path / "mixed.safetensors")
    one, other, mixed = (load(find(str(c.path), "superres")).net.state_dict() for c in (*two, card))
    for key, value in mixed.items():
        wanted = torch.lerp(one[key], other[key], share)
        assert torch.allclose(value, wanted, atol=2e-3)  # float16
    assert card.training["w1"] == {"steps": 1}
    assert not card.measures


def test_other_networks_are_refused(two, tmp_path):
    with pytest.raises(WeightsError, match="not weights of one network"):
        blend(two[0], replace(two[1], arguments={"blocks": 2}), 0.5, tmp_path / "mixed.safetensors")
