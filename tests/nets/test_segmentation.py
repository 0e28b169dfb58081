"""What the networks of segmentation promise beyond what every network must hold."""

from __future__ import annotations

import torch

from pixcli.nets import build


def test_heads_come_apart_by_name() -> None:
    net = build("lite-segment", {"heads": {"street": 11, "room": 13}, "channels": 8}).eval()
    with torch.inference_mode():
        y = net(torch.rand(1, 3, 32, 64))
        parts = net.by_head(y)
    assert {name: tuple(part.shape) for name, part in parts.items()} == {
        "street": (1, 11, 16, 32),
        "room": (1, 13, 16, 32),
    }
    assert torch.equal(torch.cat(list(parts.values()), 1), y)
