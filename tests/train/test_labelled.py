"""Pictures with labels: what is stored, what a view shows, what a loss takes a label for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from pixcli.tasks.everyday import NAMES
from pixcli.train import coco
from pixcli.train.labelled import GREY, VOID, Labelled, jittered, pairs, read_labels, view
from pixcli.train.labelling import Labelling, jaccard_loss, label_weights, mixed
from pixcli.train.recipes.segment_general import people_of, rooms_of, scenes, streets_of
from tests.train.label_sets import make_all


@pytest.fixture
def store(tmp_path):
    """One picture of 40 × 30 whose colour tells its label: 60 × the label."""
    labels = np.zeros((30, 40), np.uint8)
    labels[10:20, 10:22] = 1
    labels[25:, 30:] = VOID
    folder = tmp_path / "set"
    for part, pixels in (("images", (labels * 60)[..., None].repeat(3, 2)), ("labels", labels)):
        (folder / part).mkdir(parents=True)
        Image.fromarray(pixels).save(folder / part / "a.png")
    return Labelled(pairs(folder, read_labels), tmp_path / "cache", "set")


def test_the_store_gives_back_picture_and_labels(store, tmp_path):
    assert store[0].shape == (30, 40, 4)
    assert np.array_equal(store[0][..., 3] == 1, store[0][..., 0] == 60)
    assert list(store.holding(1)) == [0]
    assert list(store.holding(7)) == []
    y, x = store.centre(0, 1, np.random.default_rng(0))
    assert 10 <= y <= 20
    assert 10 <= x <= 22
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_view_keeps_labels_on_their_pixels_and_shows_its_centre(store, scale):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        rgb, codes = view(store[0], (24, 32), scale, store.centre(0, 1, rng), rng)
        assert rgb.shape == (24, 32, 3)
        assert (codes == 1).any()
        same = (np.abs(rgb[..., 0].astype(int) - 60) < 30) == (codes == 1)
        assert same[codes != VOID].mean() > 0.9
        if scale == 0.5:
            assert (rgb[codes == VOID] == GREY).all(1).mean() > 0.5


def test_jitter_stays_in_range():
    rng = np.random.default_rng(0)
    for _ in range(10):
        x = jittered(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), rng)
        assert x.dtype == np.float32
        assert 0 <= x.min() <= x.max() <= 1


class Three(Labelling):
    """0, 1, 2 are classes; 3 is 1 or 2."""

    def __init__(self):
        self.allowed = torch.ones(256, 3, dtype=torch.bool)
        self.allowed[:3] = torch.eye(3, dtype=torch.bool)
        self.allowed[3] = torch.tensor([False, True, True])
        self.weights = label_weights(np.ones(256, np.int64))


def test_a_label_of_two_classes_is_content_with_either():
    recipe = Three()
    told = torch.tensor([-20.0, 20.0, -20.0])[None, :, None, None]
    for label, right in ((0, False), (1, True), (3, True)):
        loss = recipe.label_loss(told, torch.tensor([[[label]]])).item()
        assert (loss < 1e-3) == right, (label, loss)


def test_what_has_no_label_teaches_nothing():
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    Three().label_loss(logits, torch.full((1, 4, 4), VOID)).backward()
    assert not logits.grad.any()


def test_soft_jaccard_of_sure_answers_is_the_index():
    truth = torch.tensor([[0, 0, 1, 1]])[None]
    told = torch.tensor([[0, 1, 1, 1]])[None]
    one = torch.eye(2)
    allowed = one[truth].permute(0, 3, 1, 2).bool()
    loss = jaccard_loss(one[told].permute(0, 3, 1, 2), allowed, torch.ones(1, 1, 4, dtype=torch.bool))
    assert loss.item() == pytest.approx(1 - (1 / 2 + 2 / 3) / 2)


def test_half_of_the_classes_of_another_view_are_laid_over_one():
    rng = np.random.default_rng(0)
    rgb, codes = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)
    its = np.repeat(np.array([1, 2, VOID, VOID], np.uint8), 4).reshape(4, 4)
    new, told = mixed(rgb, codes, rgb + 9, its, rng)
    assert sorted(np.unique(told)) in ([0, 1], [0, 2])
    assert np.array_equal(new[..., 0] == 9, told > 0)


def test_the_sets_tell_everyday_classes(tmp_path):
    """Each set's own labels, as names of everyday classes where they mean one."""
    make_all(tmp_path)
    data = tmp_path / "data"

    def told(items):
        codes = items[0][1]()
        assert codes.dtype == np.uint8
        return codes, {NAMES[c] for c in np.unique(codes) if c < len(NAMES)}

    panoptic, names = told(scenes(coco.panoptic(data / "panoptic/train"), tmp_path))
    assert names == {"person", "vehicle", "animal", "sky", "vegetation"}
    assert NAMES[panoptic[0, 0]] == "person"
    things, names = told(scenes(coco.instances(data / "coco_instances/coco_mini"), tmp_path))
    assert names == {"person", "vehicle", "animal"}
    assert [NAMES[things[5, x]] for x in (1, 5, 12, -1)] == ["vehicle", "animal", "vehicle", "person"]
    assert len(NAMES) <= things[30, 5] < VOID  # no thing: one of several
    indoors, names = told(rooms_of(data / "nyuv2"))
    assert names == {"wall", "floor"}
    assert (indoors[:23] == VOID).all()
    assert told(streets_of(data / "camvid/train"))[1] >= {"sky", "building", "ground", "object", "person"}
    people, names = told(people_of(data / "people_small"))
    assert names == {"person"}
    assert people[0, 0] != people[0, 25]
