"""Published checkpoints become ours, number for number."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pixcli.errors import WeightsError
from pixcli.models import find, load
from pixcli.models.convert import convert, read_published
from pixcli.models.save import footprint_of
from pixcli.nets import build

PUBLISHED = [  # folder, file, task, outputs in io.npz ({} is the input's number), arguments
    *(("superres-pan", f"PANx{s}_DF2K.pth", "superres", f"out{{}}_x{s}", {"scale": s}) for s in (2, 3, 4)),
    (
        *("denoise-dncnn-25-merged", "dncnn_25.pth", "denoise", "out{}"),
        {"channels": 1, "depth": 17, "norm": False, "bias": True},
    ),
    ("denoise-ffdnet-color", "ffdnet_color.safetensors", "denoise", "out{}", {"channels": 3}),
    *(
        ("derain-prenet", f"{name}.pth", "derain", f"out{{}}_{name}", {"shared": shared, "lstm": lstm})
        for name, shared, lstm in (
            ("Rain100H_PReNet6", False, True),
            ("Rain100H_PReNet6_r", True, True),
            ("Rain100L_PReNet6_r", True, True),
            ("Rain100H_PRN6_r", True, False),
        )
    ),
    ("enhance-dark-zero-dce", "Epoch99.pth", "enhance-dark", "out{}", {}),
    ("enhance-dark-zero-dce-pp", "Epoch99.pth", "enhance-dark", "out{}_scale12", {}),
    *(
        ("enhance-dark-sci", f"{name}.pt", "enhance-dark", f"out{{}}_{name}", {})
        for name in ("easy", "medium", "difficult")
    ),
    ("enhance-dark-ruas", "lol.pt", "enhance-dark", "out{}_lol", {}),
    ("enhance-dark-ruas", "upe.pt", "enhance-dark", "out{}_upe", {"denoise": False}),
    ("enhance-dark-ruas", "dark.pt", "enhance-dark", "out{}_dark", {"denoise": False}),
]


@pytest.mark.parametrize(("folder", "file", "task", "outputs", "arguments"), PUBLISHED)
def test_published_weights_give_what_the_published_code_gave(
    folder: str, file: str, task: str, outputs: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    if "PIXCLI_DATA" not in os.environ:
        pytest.skip("PIXCLI_DATA is not set")
    place = Path(os.environ["PIXCLI_DATA"], "checkpoints", folder).resolve()
    source, target = place / file, tmp_path / "converted.safetensors"
    written = convert(source, target)
    card = find(str(target), task)
    net = load(card).net
    assert written == card
    assert card.arguments == arguments
    assert card.licence
    assert card.footprint == footprint_of(net)
    stored = np.load(place / "io.npz")
    for i in (0, 1):
        x = torch.from_numpy(stored[f"in{i}"])
        if f"sigma{i}" in stored:
            x = torch.cat((x, torch.full_like(x[:, :1], float(stored[f"sigma{i}"]))), 1)
        for run in (net, load(find(str(source), task)).net) if source.suffix != ".safetensors" else (net,):
            with torch.inference_mode():
                y = run(x)
            assert (y - torch.from_numpy(stored[outputs.format(i)])).abs().max() < 1e-4


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
