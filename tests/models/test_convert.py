"""Published checkpoints become ours, number for number."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from pixcli.errors import WeightsError
from pixcli.models import find, load
from pixcli.models.convert import convert, read_published
from pixcli.nets import build


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pan_gives_what_the_published_code_gave(scale: int, tmp_path: Path) -> None:
    if "PIXCLI_DATA" not in os.environ:
        pytest.skip("PIXCLI_DATA is not set")
    folder = Path(os.environ["PIXCLI_DATA"], "checkpoints/superres-pan").resolve()
    source, target = folder / f"PANx{scale}_DF2K.pth", tmp_path / "pan.safetensors"
    convert(source, target)
    stored = np.load(folder / "io.npz")
    for path in (source, target):
        net = load(find(str(path), "superres")).net
        for i in (0, 1):
            with torch.inference_mode():
                y = net(torch.from_numpy(stored[f"in{i}"]))
            assert (y - torch.from_numpy(stored[f"out{i}_x{scale}"])).abs().max() < 1e-4


def test_edsr_as_published_has_its_mean_layers_dropped(tmp_path: Path) -> None:
    state = build("edsr", {"scale": 3}).state_dict()
    state |= {f"{s}_mean.{k}": torch.ones(3) for s in ("sub", "add") for k in ("weight", "bias")}
    torch.save(state, tmp_path / "edsr_baseline.pt")
    card, tensors = read_published(tmp_path / "edsr_baseline.pt")
    assert (card.network, card.arguments["scale"], card.arguments["blocks"]) == ("edsr", 3, 16)
    assert not any("mean" in key for key in tensors)


def test_zhang_as_published_loses_model_out_and_the_counters(tmp_path: Path) -> None:
    net = build("zhang2016", {"model_out": True})
    torch.save(net.half().state_dict(), tmp_path / "colorization.pth")
    card, tensors = read_published(tmp_path / "colorization.pth")
    assert (card.task, card.space, card.footprint.multiple) == ("colorize", "lab-l", 8)
    assert all(t.dtype == torch.float32 for t in tensors.values())


def test_a_scale_that_the_tensors_do_not_tell_is_read_from_the_name(tmp_path: Path) -> None:
    state = build("pan", {"scale": 3}).state_dict()
    for name in ("pan_X3_final.pth", "pan.pth", "pan_x2.pth"):
        torch.save(state, tmp_path / name)
    assert read_published(tmp_path / "pan_X3_final.pth")[0].scales == (3,)
    assert read_published(tmp_path / "pan.pth", scale=2)[0].scales == (2,)
    for name, scale in (("pan.pth", None), ("pan.pth", 4)):
        with pytest.raises(WeightsError, match="which scale"):
            read_published(tmp_path / name, scale)


def test_files_of_other_networks_are_refused(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="of no known network"):
        find(str(tmp_path / "other.pth"), "superres")
    torch.save(build("pan", {"blocks": 2}).state_dict(), tmp_path / "pan_x4.pth")
    with pytest.raises(WeightsError, match="looks like PAN"):
        find(str(tmp_path / "pan_x4.pth"), "superres")
