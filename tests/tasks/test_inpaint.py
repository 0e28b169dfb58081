"""inpaint: masks of every kind, and what they leave alone."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import pixcli
from pixcli.errors import InputError, UsageError, WeightsError
from pixcli.infer.footprint import Footprint
from pixcli.media import Picture
from pixcli.models import Card, Model
from pixcli.tasks.inpaint import Inpaint
from pixcli.tasks.masks import feathered, grown
from tests.tasks.standin import PICTURE, Net, attached, through


@pytest.fixture
def mask(tmp_path):
    hole = np.zeros((37, 43), bool)
    hole[10:20, 12:30] = True
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path / "mask.png", hole


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_outside_the_mask_not_a_bit_changes(mask, dtype):
    path, hole = mask
    pixels = PICTURE / np.float32(255) if dtype == np.float32 else PICTURE.astype(dtype) * 3
    given = pixels.copy()
    made = through(attached(Inpaint(mask=str(path)), half_red, maps=1), pixels).pixels
    assert made.dtype == dtype
    assert (made[~hole] == given[~hole]).all()
    assert (pixels == given).all()
    peak = 1 if dtype == np.float32 else np.iinfo(dtype).max
    assert np.abs(made[hole] / peak - (1, 0.25, 0.25)).max() < 0.01


def half_red(x: Tensor) -> Tensor:
    y = torch.full_like(x[:, :3], 0.25)
    y[:, 0] = 1
    y[:, 1, 0, 0] += 0.01  # not one value
    return y


def test_grow_and_feather_reach_as_far_as_they_say(mask):
    path, hole = mask
    task = attached(Inpaint(mask=str(path), grow=3, feather=4), half_red, maps=1)
    changed = (through(task, PICTURE).pixels != PICTURE).any(2)
    wide = grown(hole, 3)
    assert wide.sum() > hole.sum()
    assert changed[wide].mean() > 0.95
    assert not changed[~grown(wide, 4)].any()
    weight = feathered(hole, 4)
    assert (weight[hole] == 1).all()
    assert set(np.unique(weight.round(2))) == {
        0,
        np.float32(0.2),
        np.float32(0.4),
        np.float32(0.6),
        np.float32(0.8),
        1,
    }


def test_alpha_says_the_hole_and_becomes_opaque():
    alpha = np.full(PICTURE.shape[:2], 255, np.uint8)
    alpha[5:9, 5:9], alpha[9, 5:9] = 0, 128
    made = through(attached(Inpaint(mask="alpha"), half_red, maps=1), PICTURE, alpha)
    assert (made.alpha == 255).all()
    assert (made.pixels[5:10, 5:9, 0] == 255).all()
    assert (made.pixels[alpha == 255] == PICTURE[alpha == 255]).all()
    opaque = through(attached(Inpaint(mask="alpha"), half_red, maps=1), PICTURE)
    assert (opaque.pixels == PICTURE).all()


def test_a_colour_says_the_hole_with_a_little_tolerance():
    pixels = np.full((30, 30, 3), 90, np.uint8)
    pixels[0] = PICTURE[0, :30] // 2
    pixels[10:15, 10:15] = (250, 4, 255)
    pixels[20, 20] = (200, 0, 255)
    made = through(attached(Inpaint(mask="#FF00FF"), half_red, maps=1), pixels).pixels
    assert (made[10:15, 10:15, 1] == 64).all()
    assert (made[20, 20] == (200, 0, 255)).all()


def test_masks_of_a_folder_are_found_by_place_and_name(tmp_path):
    for name, row in (("a.png", 1), ("sub/a.png", 2), ("b_mask.webp", 3)):
        hole = np.zeros((8, 8), np.uint8)
        hole[row] = 255
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(hole).save(tmp_path / name, **({"lossless": True} if "webp" in name else {}))
    task = attached(Inpaint(mask=str(tmp_path)), half_red, maps=1)
    for name, row in (("a.jpg", 1), ("sub/a.jpg", 2), ("photos/sub/a.tif", 2), ("other/b.png", 3)):
        hole = task.masks.hole(Picture(PICTURE[:8, :8], name=name))
        assert hole[row].all(), name
        assert hole.sum() == 8
    with pytest.raises(InputError, match=r"no mask for it in .* c\.png"):
        task.masks.hole(Picture(PICTURE[:8, :8], name="c.jpg"))


@pytest.fixture
def finder(monkeypatch):
    """A model that finds what is pure green, in the place of the one that finds damage; its inputs."""
    seen = []

    def green(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return ((x[:, 1:2] > 0.9) & (x[:, :1] < 0.1)).float() * 0.8 + x[:, :1] * 0.01

    card = Card("green", "inpaint", "none", None, footprint=Footprint(reach=1), sha256="ab", settings={})
    monkeypatch.setattr("pixcli.models.find", lambda name, task: card)
    monkeypatch.setattr("pixcli.models.load", lambda card: Model(card, Net(green)))
    return seen


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_auto_fills_what_is_found_and_nothing_else(finder, dtype):
    eight = PICTURE // 2 + 20
    eight[12:14, 20:30] = (0, 255, 0)
    pixels = (
        eight / np.float32(255)
        if dtype == np.float32
        else eight.astype(dtype) * (257 if dtype == np.uint16 else 1)
    )
    task = attached(Inpaint(mask="auto", save_mask=True), half_red, maps=1)
    picture = Picture(pixels)
    sample = task.prepare(picture)
    result = task.finish(task.infer([sample])[0], sample)
    hole = np.zeros((37, 43), bool)
    hole[12:14, 20:30] = True
    hole = grown(hole, 2)
    assert (result.maps["mask"].values == 255 * hole).all()
    changed = (result.pictures[""].pixels != pixels).any(2)
    assert (changed == hole).all()
    assert finder == [(1, 3, 37, 43)]


def test_auto_takes_several_pictures_each_with_its_own_damage(finder):
    task = attached(Inpaint(mask="auto"), half_red, maps=1)
    samples = []
    for row in (3, 20):
        pixels = PICTURE // 2 + 20
        pixels[row, 10:20] = (0, 255, 0)
        samples.append(task.prepare(Picture(pixels)))
    for sample, answer, row in zip(samples, task.infer(samples), (3, 20), strict=True):
        result = task.finish(answer, sample)
        assert not result.maps
        changed = (result.pictures[""].pixels != sample.context.picture.pixels).any((1, 2))
        assert changed.nonzero()[0].tolist() == list(range(row - 2, row + 3))
    whole = Picture(PICTURE[..., :1] // 2)  # grey, and nothing to find
    assert (through(task, whole.pixels).pixels == whole.pixels).all()


@pytest.mark.parametrize(
    ("given", "card", "found"), [(None, None, True), (None, 0.9, False), (0.85, 0.5, False)]
)
def test_how_sure_auto_has_to_be(finder, monkeypatch, given, card, found):
    settings = {} if card is None else {"threshold": card}
    made = replace(sys.modules["pixcli.models"].find("", ""), settings=settings)
    monkeypatch.setattr("pixcli.models.find", lambda name, task: made)
    pixels = PICTURE // 2 + 20
    pixels[5, 5:9] = (0, 255, 0)
    task = attached(Inpaint(mask="auto", threshold=given), half_red, maps=1)
    assert (through(task, pixels).pixels != pixels).any() == found


def test_a_mask_that_was_found_can_be_given_back(here, tiny_inpaint, tiny_finder, tmp_path):
    """auto → a.mask.png beside a.png; a rerun with that folder as --mask fills the same."""
    (tmp_path / "in").mkdir()
    Image.fromarray(PICTURE).save(tmp_path / "in/a.png")
    more = ("--model", tiny_inpaint, "--precision", "fp32")
    done = here("inpaint", "in", "-o", "first", "--mask", "auto", "--save-mask", "--threshold", "0.9", *more)
    assert done.returncode == 0, done.stderr
    mask = np.asarray(Image.open(tmp_path / "first/a.mask.png"))
    first = np.asarray(Image.open(tmp_path / "first/a.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert (first[mask == 0] == PICTURE[mask == 0]).all()
    done = here("inpaint", "in", "-o", "second", "--mask", "first", *more)
    assert done.returncode == 0, done.stderr
    assert (np.asarray(Image.open(tmp_path / "second/a.png")) == first).all()


def test_auto_without_its_model_is_one_line(here, tiny_inpaint, tmp_path, monkeypatch):
    monkeypatch.setattr("pixcli.tasks.inpaint.FINDER", "no-such")
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    done = here("inpaint", "a.png", "-o", "out", "--mask", "auto", "--model", tiny_inpaint)
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1)
    assert "no-such" in done.stderr


def test_a_network_that_finds_does_not_fill():
    from pixcli.nets import build

    net = build("damage-unet", {"channels": [8, 8, 8], "blocks": [1, 1, 1]})
    with pytest.raises(WeightsError, match="takes 3 channels"):
        Inpaint(mask="alpha").attach(
            Model(Card("made", "inpaint", "none", None), net), lambda net, footprint: None
        )


def test_a_mask_that_does_not_fit_is_said(mask):
    task = attached(Inpaint(mask=str(mask[0])), half_red, maps=1)
    with pytest.raises(InputError, match="is 43 × 37, the picture 43 × 30"):
        task.prepare(Picture(PICTURE[:30]))
    with pytest.raises(UsageError, match="no file"):
        Inpaint(mask="gone.png")
    everything = attached(Inpaint(mask="#000000"), half_red, maps=1)
    with pytest.raises(InputError, match="all of it"):
        everything.prepare(Picture(np.zeros((9, 9, 3), np.uint8)))


def test_holes_in_one_flat_colour_are_filled_with_it(mask):
    """A network of zeros only would be taken for a dead one."""
    task = attached(Inpaint(mask=str(mask[0])), lambda x: x[:, :3] * 0, maps=1)
    assert (through(task, np.zeros_like(PICTURE)).pixels == 0).all()


def test_a_deep_hole_is_filled_from_coarse_to_fine():
    """A network that looks 8 pixels far fills a hole of 150 with the colours round it."""
    x = np.linspace(40, 200, 200).astype(np.uint8)[None, :, None].repeat(200, 0).repeat(3, 2)
    x[0, 0] += 1
    alpha = np.full((200, 200), 255, np.uint8)
    alpha[25:175, 25:175] = 0

    def spread(x: Tensor) -> Tensor:
        colours, known = x[:, :3] * (1 - x[:, 3:]), 1 - x[:, 3:]
        for _ in range(60):
            colours = nn.functional.avg_pool2d(colours, 3, 1, 1)
            known = nn.functional.avg_pool2d(known, 3, 1, 1)
        return torch.where(x[:, 3:] > 0, colours / known.clamp(min=1e-6), x[:, :3])

    made = through(attached(Inpaint(mask="alpha"), spread, maps=1), x, alpha).pixels.astype(int)
    assert np.abs(made - x)[40:160, 40:160].max() < 60
    assert np.abs(np.diff(made[100, 30:170, 0])).max() < 25


def test_inpaint_without_a_mask_is_told_what_to_type(here, tiny_inpaint, tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    done = here("inpaint", "a.png", "-o", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pixcli inpaint a.png -o out --mask masks/" in done.stderr
    with pytest.raises(UsageError, match="needs mask"):
        pixcli.load("inpaint")


def test_a_mask_that_changed_makes_its_result_stale(here, tiny_inpaint, tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    for row in (3, 3, 9):
        hole = np.zeros(PICTURE.shape[:2], np.uint8)
        hole[row, : row * 2] = 255
        if row != 3 or not (tmp_path / "mask.png").exists():
            Image.fromarray(hole).save(tmp_path / "mask.png")
        done = here("inpaint", "a.png", "-o", "out", "--mask", "mask.png", "--model", tiny_inpaint)
        assert done.returncode == 0, done.stderr
    changed = np.asarray(Image.open(tmp_path / "out/a.png")) != PICTURE
    assert changed[9, :18].any()
    assert not np.delete(changed, 9, 0).any()


@pytest.fixture
def tiny_inpaint(tmp_path):
    from pixcli.models import describe, save
    from pixcli.nets import build
    from tests.conftest import TINY

    network, arguments = TINY["inpaint"]
    path = tmp_path / "tiny.safetensors"
    net = build(network, arguments)
    save(path, net, describe(Card("tiny", "inpaint", network, path, arguments=arguments), net))
    return path
