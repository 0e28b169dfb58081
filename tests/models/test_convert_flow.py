"""Published networks of motion: SPyNet's weights give their stored answers; FlowNet's names are known."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from pixcli.models import find, load
from pixcli.models.convert import convert
from pixcli.models.layouts import LAYOUTS
from pixcli.nets import build


def test_spynet_gives_what_the_published_code_gave(tmp_path: Path) -> None:
    if "PIXCLI_DATA" not in os.environ:
        pytest.skip("PIXCLI_DATA is not set")
    folder = Path(os.environ["PIXCLI_DATA"], "checkpoints", "flow-spynet").resolve()
    convert(folder / "spynet_sintel_final_fp16.safetensors", tmp_path / "spynet.safetensors")
    card = find(str(tmp_path / "spynet.safetensors"), "flow")
    assert (card.network, card.arguments, card.parameters) == ("spynet", {"levels": 6}, 1_440_300)
    assert card.footprint.multiple == 32
    net, stored = load(card).net, np.load(folder / "io.npz")
    for i in (0, 1):
        both = torch.cat([torch.from_numpy(stored[f"{name}{i}"]) for name in "ab"], 1)
        with torch.inference_mode():
            flow = net(both)
        assert (flow - torch.from_numpy(stored[f"flow{i}"])).abs().max() < 1e-4


@pytest.mark.parametrize(("name", "mark"), [("flownet-simple", "conv3.0"), ("flownet-corr", "conv_redir.0")])
def test_flownet_has_the_published_names(name: str, mark: str) -> None:
    with torch.device("meta"):
        names = set(build(name, {"bias": False}).state_dict())
    wanted = ("conv1.0", mark, "conv6_1.0", "deconv5.0", "predict_flow6", "upsampled_flow6_to_5", "deconv2.0")
    assert {f"{w}.weight" for w in wanted} <= names
    layout = next(layout for layout in LAYOUTS if layout.mark in names)
    assert layout.network == name
