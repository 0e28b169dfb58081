"""segment, depth, normals and flow measured through files and the engine, with networks that are known."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixcli.errors import InputError, UsageError
from pixcli.evaluate import datasets, evaluate, maps
from pixcli.media.flow_files import encode_flow
from pixcli.models import Card, describe, save
from pixcli.nets import build
from pixcli.tasks import LISTED
from pixcli.tasks.everyday import NAMES
from tests.train.label_sets import make_all

CLASSES = tuple({"name": name} for name in ("red", "green", "blue"))
STRIPES = np.repeat(np.eye(3, dtype=np.uint8)[None] * 200 + 20, 20, 0).repeat(16, 1)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """`measured(task, truths)`: of a network that answers with the picture itself."""

    def run(task, truths, **options):
        monkeypatch.setitem(LISTED, task, (task.title(), ""))
        arguments = {"channels": [8, 8, 8], "blocks": [1, 1, 1]}
        net = build("restore-unet", arguments)
        path = tmp_path / "tiny.safetensors"
        card = describe(Card("tiny", task, "restore-unet", path, arguments=arguments, unit="metres"), net)
        save(path, net, replace(card, classes=CLASSES, footprint=replace(card.footprint, scale=1)))
        for n, truth in enumerate(truths):
            for folder, pixels in (("input", STRIPES), ("truth", truth)):
                (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(tmp_path / "set" / folder / f"{n}.png")
        return evaluate(task, tmp_path / "set", model=str(path), **options)

    return run


def test_labels_are_counted_over_the_set_without_void(measured):
    truth = np.repeat(np.arange(3, dtype=np.uint8)[None], 20, 0).repeat(16, 1)
    half = truth.copy()
    half[10:] = 9
    table = measured("segment", [truth, half], void="9")
    assert set(table.mean.values()) == {1}
    assert next(iter(table.mean)) == "mean_iou"
    assert "iou_blue" in table.mean
    assert "--void 9" in table.command


def test_depth_is_measured_in_metres_with_holes_left_out(measured):
    truth = np.full((20, 48), 863, np.uint16)  # where red is 220 of 255, metres are 0.863
    truth[:, 16:] = 0
    table = measured("depth", [truth], crop="none")
    assert table.mean["delta1"] == 1
    assert table.mean["abs_rel"] < 0.01


def test_normals_are_measured_in_degrees(measured):
    table = measured("normals", [np.full((20, 48, 3), 200, np.uint8)], average="none")
    assert "--average none" in table.command
    between = np.degrees(np.arccos((1 + 20 / 220 * 2) / np.sqrt(3) / np.sqrt(1 + 2 * (20 / 220) ** 2)))
    assert table.mean["mean"] == pytest.approx(between, abs=1)
    assert set(table.mean) == {"mean", "median", "under_11.25", "under_22.5", "under_30"}


def test_a_folder_without_truths_is_no_set_of_maps(measured, tmp_path):
    measured("normals", [np.full((20, 48, 3), 200, np.uint8)])
    with pytest.raises(UsageError, match="pairs"):
        evaluate("normals", tmp_path / "set/input", model=str(tmp_path / "tiny.safetensors"))


def test_flow_is_read_from_every_format_of_the_field(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-640, 640, (6, 7, 2)).astype(np.float32) / 64
    (tmp_path / "a.flo").write_bytes(struct.pack("<fii", maps.FLO, 7, 6) + values.tobytes())
    np.savez(tmp_path / "a.npz", flow=values, valid=np.ones((6, 7), bool))
    for name in ("a.flo", "a.npz"):
        found, known = maps.read_flow(tmp_path / name)
        assert known.all()
        assert (found == values).all()
    (tmp_path / "bad.flo").write_bytes(b"short")
    with pytest.raises(InputError):
        maps.read_flow(tmp_path / "bad.flo")


def test_flow_is_measured_on_scenes_where_the_truth_is_known(tmp_path, monkeypatch):
    monkeypatch.setitem(LISTED, "flow", ("Flow", ""))
    arguments = {"pyramid": [8] * 3, "common": 8, "decoder": [16, 8], "context": [8, 8]}
    net, path = build("lite-flow", arguments), tmp_path / "tiny.safetensors"
    save(path, net, describe(Card("tiny", "flow", "lite-flow", path, arguments=arguments), net))
    draw, known = np.random.default_rng(0), np.ones((20, 48), bool)
    known[:, 40:] = False
    for n, kind in enumerate(("png", "flo")):
        scene = tmp_path / "set" / f"scene{n}"
        scene.mkdir(parents=True)
        for picture in ("frame1.webp", "frame2.webp"):
            Image.fromarray(draw.integers(0, 256, (20, 48, 3), dtype=np.uint8)).save(scene / picture)
        truth = draw.normal(0, 9, (20, 48, 2)).astype(np.float32)
        (scene / f"flow.{kind}").write_bytes(encode_flow(truth, known, kind))
    Image.fromarray(known).save(scene / "occ.png")
    table = evaluate("flow", tmp_path / "set", model=str(path), keep=tmp_path / "kept")
    assert [row["picture"] for row in table.rows] == ["scene0", "scene1"]
    errors = []
    for n, kind in enumerate(("png", "flo")):
        out, _ = maps.read_flow(tmp_path / f"kept/output/scene{n}/1_2.flo")
        truth, there = maps.read_flow(tmp_path / f"kept/truth/scene{n}.{kind}")
        errors.append(np.linalg.norm(out - truth, axis=-1)[there].mean())
    assert table.mean["epe"] == pytest.approx(np.mean(errors), rel=1e-4)
    assert table.mean["epe_geometric"] == pytest.approx(np.sqrt(errors[0] * errors[1]), rel=1e-4)
    assert 0 < table.mean["fl_all"] <= 1
    (scene / "frame1.webp").unlink()
    with pytest.raises(UsageError, match="1 pictures beside the motion"):
        evaluate("flow", tmp_path / "set", model=str(path))


def test_everyday_classes_are_measured_on_every_set(tmp_path, monkeypatch):
    """A model that tells "person" everywhere, on the real sets' layout in miniature."""
    make_all(tmp_path)
    monkeypatch.setenv("PIXCLI_DATA", str(tmp_path))
    monkeypatch.setitem(LISTED, "segment", ("Segment", ""))
    monkeypatch.setattr(datasets, "PAIRS", {k: (0, *v[1:]) for k, v in datasets.PAIRS.items()})
    classes = tuple({"name": name} for name in NAMES)
    net = build("lite-segment", {"heads": {"labels": len(NAMES)}, "channels": 8})
    with torch.no_grad():
        net.heads["labels"].weight.mul_(0.001)
        net.heads["labels"].bias.copy_(torch.eye(len(NAMES))[NAMES.index("person")] * 9)
    path = tmp_path / "person.safetensors"
    card = Card("person", "segment", "lite-segment", path, arguments={"heads": {"labels": 15}, "channels": 8})
    save(path, net, replace(describe(card, net), classes=classes))
    for name, many, there in (
        ("panoptic-val", 12, {"person": 0.2, "vehicle": 0, "animal": 0, "sky": 0, "vegetation": 0}),
        ("nyuv2-val", 3, {"wall": 0, "floor": 0}),
        ("camvid-val", 5, {"person": 1 / 10, "sky": 0, "building": 0, "object": 0, "ground": 0}),
        # a third is null, and wrong; the bag's may be somebody's; each within reach of somebody
        ("people-val", 2, {"person": 0.5}),
    ):
        table = evaluate("segment", name, model=str(path))
        assert len(table.rows) == many, name
        told = {k.removeprefix("iou_"): v for k, v in table.mean.items() if k.startswith("iou_")}
        assert told.keys() >= there.keys(), name
        for kind, iou in there.items():
            assert told[kind] == pytest.approx(iou, abs=0.02), (name, kind)
    save(path, net, replace(describe(card, net), classes=tuple({"name": f"x{n}"} for n in range(15))))
    with pytest.raises(UsageError, match="everyday"):
        evaluate("segment", "nyuv2-val", model=str(path))
    assert "iou_x0" in evaluate("segment", "camvid-val", model=str(path)).mean  # its own ids
