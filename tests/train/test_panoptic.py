"""COCO's annotations, views with things pasted in, and what a network is to learn of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixcli.nets import build
from pixcli.train import coco
from pixcli.train.recipes.panoptic import Panoptic, centre_loss
from pixcli.train.scenes import Scenes, View, targets
from tests.coco import DOG, PERSON, ROAD, SEGMENTS, SKY, instances, panoptic, scene

COUNTED = np.isin(np.arange(256), (PERSON, DOG))


@pytest.fixture
def sets(tmp_path):
    panoptic(tmp_path / "set/train")
    instances(tmp_path / "things")
    return coco.panoptic(tmp_path / "set/train"), coco.instances(tmp_path / "things")


def test_both_kinds_of_annotation_tell_the_same_things(sets):
    _, ids, _ = scene()
    for scenes, alone in zip(sets, (coco.VOID, coco.NO_THING), strict=True):
        numbers = scenes[0].read()
        categories = scenes[0].categories[numbers]
        for n, (category, crowd, *_) in SEGMENTS.items():
            if alone == coco.NO_THING and category > 90:
                assert (categories[ids == n] == coco.NO_THING).all()
                continue
            assert (categories[ids == n] == category).all()
            assert len(np.unique(numbers[ids == n])) == 1
            assert scenes[0].countable[numbers[ids == n][0]] == (category < 91 and not crowd)
    assert (sets[0][0].read()[ids == 0] == coco.VOID).all()


def test_a_missing_set_is_said(tmp_path):
    for reader in (coco.panoptic, coco.instances):
        with pytest.raises(FileNotFoundError, match="training set not found"):
            reader(tmp_path / "none")


@pytest.mark.parametrize("seed", range(4))
def test_a_pasted_thing_is_on_the_picture_and_in_the_numbers(sets, tmp_path, seed):
    rng = np.random.default_rng(seed)
    full, things = (Scenes(s, COUNTED, tmp_path / "cache") for s in sets)
    assert len(things.things) == 2  # all else is too small to be worth it
    view = View(full, 0, (64, 96), 1.0, rng)
    before = view.codes.copy()
    view.paste(things, *things.things[0], 0.8, rng)
    (new,) = set(np.unique(view.codes)) - set(np.unique(before))
    inside = view.codes == new
    assert (np.abs(view.rgb[inside].astype(int) - (200, 40, 40)) < 128).all()
    assert (view.categories[new], view.countable[new]) == (PERSON, True)
    assert (view.codes[~inside] == before[~inside]).all()


def test_steps_lead_from_each_pixel_to_the_centre_of_its_thing(sets, tmp_path):
    rng = np.random.default_rng(1)
    scenes = Scenes(sets[0], COUNTED, tmp_path / "cache")
    labels, heat, steps = targets(View(scenes, 0, (64, 96), 1.0, rng), 4, rng)
    assert (labels.shape, heat.shape, steps.shape) == ((16, 24), (16, 24), (3, 16, 24))
    peaks = np.argwhere(heat == 1)
    assert len(peaks) == 3  # the crowd has none
    inside = steps[2] > 0
    assert set(np.unique(labels[inside])) == {PERSON, DOG}
    assert {ROAD, SKY} <= set(np.unique(labels[~inside]))
    to = np.argwhere(inside) + steps[:2, inside].T
    far = np.linalg.norm(to[:, None] - peaks, axis=2).min(1)
    assert far.max() < 0.8


def test_centres_that_are_found_cost_less():
    heat = torch.zeros(1, 8, 8)
    heat[0, 3, 3], heat[0, 3, 4] = 1, 0.8
    sure = torch.full((1, 8, 8), -4.0)
    wrong = sure.clone()
    sure[0, 3, 3], wrong[0, 6, 6] = 4, 4
    assert centre_loss(sure, heat) < 0.1 < centre_loss(wrong, heat)
    assert centre_loss(sure, torch.zeros(1, 8, 8)).isfinite()


def test_it_can_begin_where_a_segmentation_with_a_finer_answer_ended():
    torch.manual_seed(0)
    finer = build("lite-segment", {"heads": {"labels": 15}}).state_dict()
    net = build("lite-panoptic", Panoptic.arguments)
    taken = Panoptic().adopt(finer)
    own = net.state_dict()
    assert Panoptic().adopt(own) is own
    fit = {k for k, v in taken.items() if k in own and own[k].shape == v.shape}
    new = ("centre.", "steps.", "last.")
    assert {k for k in own if not k.startswith(new)} == fit
    assert torch.equal(taken["decoder.laterals.0.weight"], finer["decoder.laterals.0.weight"])
    assert torch.equal(taken["instances.laterals.0.weight"], finer["decoder.laterals.1.weight"])
    assert torch.equal(taken["instances.merge.1.0.0.weight"], finer["decoder.merge.1.0.0.weight"])
