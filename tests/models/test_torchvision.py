"""torchvision's networks by name: its files, wherever they lie, give its answers."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import detection, get_model_weights, optical_flow, segmentation

from pixcli.engine import Settings, attach
from pixcli.errors import WeightsError
from pixcli.infer.footprint import Footprint
from pixcli.media import Picture
from pixcli.models import Model, find, load, torchvision_hub
from pixcli.models.label_names import LABELS
from pixcli.nets.resnet import imagenet_input
from pixcli.tasks.panoptic import Panoptic
from pixcli.tasks.segment import Segment


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Puts a network into torch's cache, as the file that torchvision published."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)

    def put(name: str, net: nn.Module, dtype: torch.dtype = torch.float32) -> Path:
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                nn.init.uniform_(m.running_mean, -0.1, 0.1)
                nn.init.uniform_(m.running_var, 0.8, 1.2)
        folder = torchvision_hub.hub_folder()
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in net.state_dict().items()}
        torch.save(state, folder / "made.pth")
        net.load_state_dict(state)
        digest = hashlib.sha256((folder / "made.pth").read_bytes()).hexdigest()
        path = (folder / "made.pth").rename(folder / f"{name}-{digest[:8]}.pth")
        monkeypatch.setitem(torchvision_hub.FILES, name, path.name)
        return path

    return put


def test_the_files_are_those_that_torchvision_names():
    for name, file in torchvision_hub.FILES.items():
        assert torchvision_hub.SOURCE + file == get_model_weights(name).DEFAULT.url
    names = get_model_weights("fcn_resnet50").DEFAULT.meta["categories"]
    assert [row["name"] for row in LABELS["voc"]] == ["background", *names[1:]]
    assert [row["color"] for row in LABELS["voc"][:4]] == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
    ]
    things = get_model_weights("maskrcnn_resnet50_fpn").DEFAULT.meta["categories"]
    assert len(LABELS["coco"]) == 80
    assert all(things[row["id"]] == row["name"] for row in LABELS["coco"])


@pytest.mark.parametrize(
    "name",
    [
        "lraspp_mobilenet_v3_large",
        "deeplabv3_mobilenet_v3_large",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101")
        ),
    ],
)
def test_segmentation_answers_as_torchvision_does(hub, name):
    more = {} if name.startswith("lraspp") else {"aux_loss": True}
    theirs = getattr(segmentation, name)(weights=None, weights_backbone=None, **more).eval()
    hub(name, theirs)
    card = find(f"torchvision:{name}", "segment")
    assert (card.name, card.arguments["name"], len(card.classes)) == (f"torchvision:{name}", name, 21)
    x = torch.rand(1, 3, 48, 64)
    with torch.inference_mode():
        ours = F.interpolate(load(card).net(x), size=(48, 64), mode="bilinear", align_corners=False)
        wanted = theirs(imagenet_input(x))["out"]
    torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["raft_small", "raft_large"])
def test_raft_answers_as_torchvision_does(hub, name):
    theirs = getattr(optical_flow, name)(weights=None).eval()
    hub(name, theirs)
    x = torch.rand(1, 6, 128, 136)
    with torch.inference_mode():
        ours = load(find(f"torchvision:{name}", "flow")).net(x)
        wanted = theirs(2 * x[:, :3] - 1, 2 * x[:, 3:] - 1)[-1]
    torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "name", ["maskrcnn_resnet50_fpn", pytest.param("maskrcnn_resnet50_fpn_v2", marks=pytest.mark.slow)]
)
def test_mask_rcnn_finds_what_torchvision_finds(hub, name):
    theirs = getattr(detection, name)(
        weights=None, weights_backbone=None, min_size=64, max_size=64, box_score_thresh=0.0
    ).eval()
    hub(name, theirs, torch.float16)
    if not name.endswith("v2"):  # as torchvision sets it for the published weights
        for m in theirs.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.eps = 0.0
    model = load(find(f"torchvision:{name}", "panoptic"))
    net = model.net
    net.roi_heads.score_thresh = 0.0
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        (wanted,), (maps, (found,)) = theirs(x), net.find(x)
    assert maps.shape == (1, 0, 16, 16)
    assert len(found["scores"]) == len(wanted["scores"]) > 0
    torch.testing.assert_close(found["scores"], wanted["scores"], rtol=1e-3, atol=1e-4)
    ids = {n: row["id"] for n, row in enumerate(LABELS["coco"], 1)}
    theirs_of = wanted["labels"].tolist()
    same = [ids.get(n, 0) == t for n, t in zip(found["labels"].tolist(), theirs_of, strict=True)]
    told = [t in ids.values() for t in theirs_of]
    # things of like scores change places
    assert np.mean([a or not b for a, b in zip(same, told, strict=True)]) > 0.9

    small = replace(model.card, footprint=Footprint(None, 32, side=64))
    task = Panoptic(score=0.0)
    attach(task, Model(small, net), Settings(device="cpu"))
    sample = task.prepare(Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)))
    values = task.finish(task.infer([sample])[0], sample).maps[""].values
    assert values.shape == (64, 64, 3)
    assert set(np.unique(values[..., 2])) - {0} <= set(ids.values())
    assert values[..., 2].any()


def test_segment_runs_one_from_torchs_cache_and_from_any_file(hub, tmp_path):
    name = "lraspp_mobilenet_v3_large"
    path = hub(name, segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None))
    other = path.rename(tmp_path / "mine.pth")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    for spec in (f"torchvision:{name}={other}", str(other)):
        task = Segment()
        attach(task, load(find(spec, "segment")), Settings(device="cpu"))
        sample = task.prepare(Picture(pixels))
        result = task.finish(task.infer([sample])[0], sample)
        assert result.maps[""].values.shape == (40, 56)
        assert b"tvmonitor" in result.beside["classes.json"]


class Program:
    def __reduce__(self):
        return exec, ("open('ran', 'w')",)


def test_what_is_missing_wrong_or_a_program_is_one_line(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        WeightsError, match=r"missing; it comes from https://download.pytorch.org/models/fcn_r"
    ) as fault:
        find("torchvision:fcn_resnet50", "segment")
    assert "=FILE" in fault.value.hint
    assert fault.value.exit_code == 4
    with pytest.raises(WeightsError, match="known: ") as fault:
        find("torchvision:resnet18")
    net = segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None)
    path = hub("lraspp_mobilenet_v3_large", net)
    with pytest.raises(WeightsError, match="is for the task 'segment'"):
        find("torchvision:lraspp_mobilenet_v3_large", "panoptic")
    with pytest.raises(WeightsError, match="holds lraspp"):
        find(f"torchvision:fcn_resnet50={path}")
    with pytest.raises(WeightsError, match="no such file"):
        find("torchvision:fcn_resnet50=none.pth")
    net.classifier.cbr[0].weight.data.add_(1)
    torch.save(net.state_dict(), path)
    with pytest.raises(WeightsError, match="not the file that torchvision published"):
        find("torchvision:lraspp_mobilenet_v3_large")
    path.write_bytes(pickle.dumps({"classifier.cbr.0.weight": Program()}))
    with pytest.raises(WeightsError, match="program"):
        find(f"torchvision:lraspp_mobilenet_v3_large={path}")
    assert not (tmp_path / "ran").exists()


def test_a_file_cannot_name_another_function_of_torchvision(tmp_path):
    from pixcli.models.blank import blank
    from pixcli.models.card import Card

    for network in ("torchvision-segment", "torchvision-mask-rcnn", "torchvision-raft"):
        card = Card("x", "segment", network, tmp_path / "x.safetensors", arguments={"name": "get_weight"})
        with pytest.raises(WeightsError, match="is none of"):
            blank(card, {})
