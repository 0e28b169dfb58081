"""What only a card can show: `pytest -m gpu tests/infer`."""

import pytest
import torch
from torch import nn

from pixcli.infer import device
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA card here"),
]
FOOTPRINT = Footprint(4, 2)


def net() -> nn.Module:
    torch.manual_seed(0)
    inner = [layer for _ in range(2) for layer in (nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())]
    return nn.Sequential(
        nn.PixelUnshuffle(2), nn.Conv2d(12, 64, 1), *inner[:2], nn.Conv2d(64, 12, 1), nn.PixelShuffle(2)
    )


def card() -> torch.device:
    return device.choose("cuda").torch


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("tile", [None, 96])
def test_a_card_gives_what_the_cpu_gives(precision, tile):
    x = torch.randint(0, 256, (3, 3, 211, 333), dtype=torch.uint8)
    expected = Runner(net(), FOOTPRINT, torch.device("cpu"))(x)
    got = Runner(net(), FOOTPRINT, card(), precision, tile=tile)(x)
    assert got.device.type == "cpu"
    assert float((got - expected).abs().max()) < (1 / 255 if precision == "fp32" else 0.02)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_integers_go_over_the_bus_and_come_back(dtype):
    x = torch.randint(0, torch.iinfo(dtype).max + 1, (2, 3, 111, 133)).to(dtype)
    assert Runner(nn.Identity(), Footprint(0), card(), tile=1)(x, dtype).equal(x)


def test_a_full_card_makes_tiles_smaller_and_the_picture_right():
    x = torch.randint(0, 256, (1, 3, 3000, 4000), dtype=torch.uint8)
    expected = Runner(net(), FOOTPRINT, card())(x)
    said: list[str] = []
    runner = Runner(net(), FOOTPRINT, card(), tile=4000, say=said.append)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(card()).total_memory
    torch.cuda.set_per_process_memory_fraction((400 << 20) / total, card())
    try:
        got = runner(x)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, card())
    assert said
    assert float((got - expected).abs().max()) < 0.5 / 255
