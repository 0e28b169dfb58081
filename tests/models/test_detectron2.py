"""Panoptic FPN as its authors published it, with detectron2's names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from pixcli.models.convert import read_published
from pixcli.models.label_names import LABELS
from pixcli.nets import build

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


def names(body: str) -> dict[str, tuple[int, ...]]:
    """The tensors of panoptic_fpn_R_50_3x and R_101_3x."""
    found: dict[str, tuple[int, ...]] = {"pixel_mean": (3, 1, 1), "pixel_std": (3, 1, 1)}

    def conv(name: str, out: int, into: int, k: int, norm: int = 0, bias: bool = True) -> None:
        found[f"{name}.weight"] = (out, into, k, k)
        if norm:
            parts = ("weight", "bias", "running_mean", "running_var")[:norm]
            found.update({f"{name}.norm.{part}": (out,) for part in parts})
        elif bias:
            found[f"{name}.bias"] = (out,)

    conv("backbone.bottom_up.stem.conv1", 64, 3, 7, norm=4)
    into = 64
    for level, count in enumerate(BLOCKS[body]):
        narrow = 64 << level
        for block in range(count):
            place = f"backbone.bottom_up.res{level + 2}.{block}"
            if block == 0:
                conv(f"{place}.shortcut", 4 * narrow, into, 1, norm=4)
            conv(f"{place}.conv1", narrow, into, 1, norm=4)
            conv(f"{place}.conv2", narrow, narrow, 3, norm=4)
            conv(f"{place}.conv3", 4 * narrow, narrow, 1, norm=4)
            into = 4 * narrow
        conv(f"backbone.fpn_lateral{level + 2}", 256, into, 1)
        conv(f"backbone.fpn_output{level + 2}", 256, 256, 3)
    conv("proposal_generator.rpn_head.conv", 256, 256, 3)
    conv("proposal_generator.rpn_head.objectness_logits", 3, 256, 1)
    conv("proposal_generator.rpn_head.anchor_deltas", 12, 256, 1)
    for name, out, into in (
        ("box_head.fc1", 1024, 256 * 49),
        ("box_head.fc2", 1024, 1024),
        ("box_predictor.cls_score", 81, 1024),
        ("box_predictor.bbox_pred", 320, 1024),
    ):
        found |= {f"roi_heads.{name}.weight": (out, into), f"roi_heads.{name}.bias": (out,)}
    for n in range(1, 5):
        conv(f"roi_heads.mask_head.mask_fcn{n}", 256, 256, 3)
    conv("roi_heads.mask_head.deconv", 256, 256, 2)
    conv("roi_heads.mask_head.predictor", 80, 256, 1)
    for level, count in ((2, 1), (3, 1), (4, 2), (5, 3)):
        for i in range(count):
            conv(f"sem_seg_head.p{level}.{2 * i}", 128, 128 if i else 256, 3, norm=2)
    conv("sem_seg_head.predictor", 54, 128, 1)
    return found


@pytest.mark.parametrize("body", BLOCKS)
def test_every_tensor_of_the_published_file_has_its_place(tmp_path: Path, body: str) -> None:
    path = tmp_path / "model.pth"
    one = torch.zeros(())  # the file holds one number, which all tensors show
    torch.save({"model": {name: one.expand(shape) for name, shape in names(body).items()}}, path)
    assert path.stat().st_size < 1 << 20
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "contiguous", lambda x, **_: x)
        patch.setattr("pixcli.models.convert.read_pickle", lambda path: torch.load(path)["model"])
        card, tensors = read_published(path)
    assert (card.task, card.network, card.arguments["body"]) == ("panoptic", "panoptic-fpn", body)
    with torch.device("meta"):
        own = build("panoptic-fpn", card.arguments).state_dict()
    assert {k: v.shape for k, v in tensors.items()} == {k: v.shape for k, v in own.items()}
    assert sum(bool(row.get("thing")) for row in card.classes) == 80
    assert len(card.classes) == 133


def test_the_classes_are_those_of_cocos_own_table() -> None:
    table = Path(os.environ.get("PIXCLI_DATA", "")) / "data/panoptic/categories.json"
    if "PIXCLI_DATA" not in os.environ or not table.exists():
        pytest.skip("PIXCLI_DATA has no data/panoptic/categories.json")
    rows = json.loads(table.read_text())
    wanted = [(row["id"], row["name"], bool(row["isthing"])) for row in rows]
    assert [(row["id"], row["name"], bool(row.get("thing"))) for row in LABELS["coco-panoptic"]] == wanted
