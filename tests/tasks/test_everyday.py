"""The table of everyday classes: what stands in it, and the codes that come of it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from pixcli.tasks.everyday import ALLOWED, CLASSES, NAMES, SETS, VOID, codes, meanings


def test_a_label_of_one_class_has_its_number_and_one_of_several_a_row_that_allows_each():
    found = codes("camvid", {0: "Sky", 9: "Pedestrian", 10: "Bicyclist", 11: "Void"})
    assert NAMES[found[0]] == "sky"
    assert NAMES[found[9]] == "person"
    assert found[10] >= len(CLASSES)
    assert [NAMES[n] for n in np.flatnonzero(ALLOWED[found[10]])] == ["person", "vehicle"]
    assert found[11] == VOID
    assert ALLOWED[VOID].all()


@pytest.mark.parametrize("of", SETS)
def test_every_set_teaches_something_and_no_label_stands_twice_in_a_class(of):
    assert len(meanings(of)) > 3
    for kind in CLASSES:
        labels = getattr(kind, of).split(", ")
        assert len(labels) == len(set(labels)), kind.name


def test_every_label_of_the_sets_has_its_place():
    root = os.environ.get("PIXCLI_DATA")
    if not root:
        pytest.skip("PIXCLI_DATA is not set")

    def read(path):
        return json.loads((Path(root) / "data" / path).read_text())

    coco = {row["name"] for row in read("panoptic/categories.json")}
    nyuv2 = {row["name"] for row in read("nyuv2/classes.json")["ids40"]}
    camvid = {row["name"].lower() for row in read("camvid/classes.json")}
    assert set(meanings("coco")) - coco == {"no thing"}
    assert not coco - set(meanings("coco"))
    assert nyuv2 - set(meanings("nyuv2")) == {"void"}
    assert not set(meanings("nyuv2")) - nyuv2
    assert camvid - set(meanings("camvid")) == {"void"}
    assert not set(meanings("camvid")) - camvid
