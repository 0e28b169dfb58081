"""Panoptic quality against COCO's own evaluator and an independent script, from the same files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixcli.errors import UsageError
from pixcli.evaluate import evaluate
from pixcli.evaluate.panoptic import Panoptic
from pixcli.evaluate.protocols import Files
from pixcli.models import Card, describe, save
from pixcli.nets import build
from pixcli.tasks import LISTED
from tests.coco import CATEGORIES, DOG, PERSON, ROAD, SKY, coded, scene

EVERYDAY = [
    {"id": 1, "name": "living", "isthing": 1, "merges": [PERSON, DOG]},
    {"id": 2, "name": "outside", "isthing": 0, "merges": [ROAD, SKY]},
]
RNG = np.random.default_rng(3)


@pytest.fixture(params=["own", "merged"])
def kept(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[list[Files], Path]:
    """Two pictures, their truth, and answers: shifted, of another class, missed, made up."""
    categories = CATEGORIES if request.param == "own" else EVERYDAY
    class_of = {m: c["id"] for c in categories for m in c.get("merges", [c["id"]])}
    files, annotations, truths = [], [], []
    for name in ("given", "output", "truth", "set/truth"):
        (tmp_path / name).mkdir(parents=True)
    rgb, ids, rows = scene()
    for n, (shift, wrong) in enumerate(((0, True), (3, False))):
        stem = f"{n:012}"
        Image.fromarray(rgb).save(tmp_path / f"given/{stem}.png")
        coded(ids).save(tmp_path / f"set/truth/{stem}.png")
        truths.append({"image_id": n, "file_name": f"{stem}.png", "segments_info": rows})
        answer = np.roll(ids, shift, 1)
        told = {row["id"]: class_of[row["category_id"]] for row in rows if not row["iscrowd"]}
        answer[answer == 99] = 13
        answer[50:, :20], told[5] = 5, class_of[DOG]
        answer[0:4, 66:80], told[6] = 6, class_of[ROAD]  # mostly void
        answer[33:37, 62:78], told[8] = 8, class_of[PERSON]  # in the crowd
        if wrong:
            told[12] = class_of[DOG]
            answer[answer == 200_000] = 0
        told = {k: c for k, c in told.items() if (answer == k).any()}
        coded(answer).save(tmp_path / f"output/{stem}.png")
        info = [{"id": k, "category_id": c} for k, c in told.items()]
        annotations.append({"image_id": n, "file_name": f"{stem}.png", "segments_info": info})
        files.append(Files(*(tmp_path / part / f"{stem}.png" for part in ("given", "output", "truth"))))
    images = [{"id": n, "file_name": f"{n:012}.png", "width": 80, "height": 60} for n in (0, 1)]
    words = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "output/panoptic.json").write_text(json.dumps(words))
    (tmp_path / "set/truth.json").write_text(json.dumps({"annotations": truths, "categories": CATEGORIES}))
    return files, tmp_path


def measured(files: list[Files], folder: Path) -> dict[str, float]:
    rules = Panoptic()
    for f in files:
        assert rules.lay(f, folder / "set/truth" / f.truth.name, f.given)
    return rules.means(rules.rows(files))


def test_quality_is_that_of_cocos_evaluator(kept) -> None:
    api = pytest.importorskip("panopticapi.evaluation", reason="needs panopticapi")
    files, folder = kept
    ours = measured(files, folder)
    answers = {
        row["image_id"]: row
        for row in json.loads((folder / "output/panoptic.json").read_text())["annotations"]
    }
    truth = json.loads((folder / "truth.json").read_text())
    pairs = [(row, answers[row["image_id"]]) for row in truth["annotations"]]
    categories = {c["id"]: c for c in truth["categories"]}
    stat = api.pq_compute_single_core(0, pairs, str(folder / "truth"), str(folder / "output"), categories)
    for prefix, things in (("", None), ("things_", True), ("stuff_", False)):
        theirs, each = stat.pq_average(categories, isthing=things)
        for figure in ("pq", "sq", "rq"):
            assert ours[prefix + figure] == pytest.approx(theirs[figure], abs=1e-9)
        for n, row in each.items():
            assert ours[f"pq_{categories[n]['name']}"] == pytest.approx(row["pq"], abs=1e-9)
    assert 0.2 < ours["pq"] < 0.95


@pytest.mark.skipif(not os.environ.get("PIXCLI_DATA"), reason="PIXCLI_DATA names no folder")
def test_quality_is_that_of_the_independent_script(kept) -> None:
    script = Path(os.environ["PIXCLI_DATA"]) / "measure/measure.py"
    if not script.exists():
        pytest.skip("PIXCLI_DATA has no measure/measure.py")
    files, folder = kept
    ours = measured(files, folder)
    places = ("output/panoptic.json", "output", "truth.json", "truth")
    words = [sys.executable, str(script), "panoptic", *(str(folder / p) for p in places)]
    theirs = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    for prefix, group in (("", theirs), ("things_", theirs["things"]), ("stuff_", theirs["stuff"])):
        for figure in ("pq", "sq", "rq"):
            assert ours[prefix + figure] == pytest.approx(group[figure], abs=1e-9)


def test_the_perfect_answer_is_perfect_also_in_merged_classes(kept) -> None:
    files, folder = kept
    measured(files, folder)
    for f in files:
        f.out.write_bytes(f.truth.read_bytes())
    truth = json.loads((folder / "truth.json").read_text())
    (folder / "output/panoptic.json").write_text(json.dumps(truth))
    again = Panoptic()
    for f in files:
        again.lay(f, folder / "set/truth" / f.truth.name, f.given)
    found = again.means(again.rows(files))
    assert set(found.values()) == {1.0}


def test_eval_goes_through_the_engine_and_names_each_class(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(LISTED, "panoptic", ("Panoptic", ""))
    torch.manual_seed(0)
    arguments = {"classes": 2, "channels": 8, "width": 8}
    path, net = tmp_path / "tiny.safetensors", build("lite-panoptic", arguments)
    card = describe(Card("tiny", "panoptic", "lite-panoptic", path, arguments=arguments), net)
    rows = tuple(
        {k: v for k, v in c.items() if k != "isthing"} | {"thing": bool(c["isthing"])} for c in EVERYDAY
    )
    save(path, net, replace(card, classes=rows, footprint=replace(card.footprint, side=32)))
    rgb, ids, segments = scene()
    for part in ("input", "truth"):
        (tmp_path / "set" / part).mkdir(parents=True)
    Image.fromarray(rgb).save(tmp_path / "set/input/7.png")
    coded(ids).save(tmp_path / "set/truth/7.png")
    with pytest.raises(UsageError, match="no list of segments"):
        evaluate("panoptic", tmp_path / "set", model=str(path))
    row = {"image_id": 7, "file_name": "7.png", "segments_info": segments}
    words = {"annotations": [row], "categories": CATEGORIES}
    (tmp_path / "set/truth.json").write_text(json.dumps(words))
    table = evaluate("panoptic", tmp_path / "set", model=str(path), keep=tmp_path / "kept", merge="naive")
    assert [r["picture"] for r in table.rows] == ["7"]
    assert {"pq", "sq", "rq", "pq_living", "stuff_pq"} <= set(table.mean)
    assert "--merge naive" in table.command
    kept = json.loads((tmp_path / "kept/truth.json").read_text())
    assert sorted(s["category_id"] for s in kept["annotations"][0]["segments_info"]) == [1, 1, 1, 1, 2]
    assert sum(s["iscrowd"] for s in kept["annotations"][0]["segments_info"]) == 1
