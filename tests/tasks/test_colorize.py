"""colorize with the shipped weights, through the Python door: what comes out of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import pixcli
from pixcli.infer.lab import rgb_to_lab
from pixcli.media.picture import Picture


@pytest.fixture(scope="module")
def colorize():
    return pixcli.load("colorize", device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def grey():
    return np.asarray(Image.fromarray(data.astronaut()).convert("L"))


def lab(rgb):
    peak = {"uint8": 255, "uint16": 65535}.get(rgb.dtype.name, 1)
    lightness, ab = rgb_to_lab(torch.from_numpy(rgb.astype(np.float32) / peak).permute(2, 0, 1))
    return lightness[0].numpy(), ab.numpy()


def three(grey):
    return np.repeat(grey[..., None], 3, 2)


def test_a_portrait_becomes_colourful(colorize, grey):
    _, ab = lab(colorize(grey))
    chroma = np.hypot(*ab)
    assert 6 < chroma.mean() < 40
    face = ab[:, 90:150, 200:250].mean((1, 2))
    assert face[0] > 4  # skin is warm: red rather than green, yellow rather than blue
    assert face[1] > 4


@pytest.mark.parametrize(("kind", "within"), [("uint8", 0.5), ("uint16", 0.05)])
def test_lightness_is_the_pictures_own(colorize, grey, kind, within):
    picture = grey if kind == "uint8" else grey.astype(np.uint16) * 257
    out = colorize(picture)
    assert out.dtype == picture.dtype
    difference = np.abs(lab(out)[0] - lab(three(picture))[0])
    assert difference.mean() < within / 2
    assert np.quantile(difference, 0.999) < 2 * within


def test_strength_and_saturation(grey):
    none = pixcli.load("colorize", strength=0.0, device="cpu", precision="fp32")(grey)
    assert np.abs(none.astype(int) - three(grey)).max() <= 1
    pale = pixcli.load("colorize", saturation=0.3, device="cpu", precision="fp32")(grey)
    vivid = pixcli.load("colorize", saturation=1.2, device="cpu", precision="fp32")(grey)
    assert np.hypot(*lab(pale)[1]).mean() < 0.5 * np.hypot(*lab(vivid)[1]).mean()


def test_sepia_is_taken_by_its_lightness(colorize, grey):
    sepia = (three(grey) * np.array((1.0, 0.87, 0.66))).astype(np.uint8)
    as_grey = lab(sepia)[0]  # L of the sepia
    linear = np.where(as_grey > 8, ((as_grey + 16) / 116) ** 3, as_grey / 903.3)
    same = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    plain = (same * 255).round().astype(np.uint8)
    difference = lab(colorize(sepia))[1] - lab(colorize(plain))[1]
    assert np.abs(difference).mean() < 1.5


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (700, 3), (31, 33), (224, 225)])
def test_any_shape(colorize, shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert colorize(picture).shape == (*shape, 3)


def test_colour_follows_edges(colorize):
    """No colour bleeds over the border between a lit and a black half."""
    picture = np.zeros((240, 240), np.uint8)
    picture[:, 120:] = np.asarray(Image.fromarray(data.coffee()).convert("L").resize((120, 240)))
    ab = lab(colorize(picture))[1]
    assert np.hypot(*ab[:, :, :112]).max() < 8


def test_a_film_that_stands_still_does_not_flicker(colorize, grey):
    """Frames that differ by grain alone: the steadied colours change far less than frame by frame."""
    noise = np.random.default_rng(1)
    task, memory = colorize.task, None
    alone, steady = [], []
    for _ in range(6):
        frame = (grey[::2, ::2] + noise.normal(0, 6, grey[::2, ::2].shape)).clip(0, 255).astype(np.uint8)
        sample = task.prepare(Picture(frame[..., None]))
        answer = task.infer([sample])[0]
        held, memory = task.follow(memory, sample, answer)
        alone.append(answer)
        steady.append(held)
    change = [np.mean([(b - a).norm(dim=0).mean() for a, b in pairwise(f)]) for f in (alone, steady)]
    assert change[1] < 0.5 * change[0]


def test_a_cut_starts_afresh(colorize, grey):
    task = colorize.task
    one, two = (task.prepare(Picture(np.ascontiguousarray(g)[..., None])) for g in (grey, 255 - grey[::-1]))
    _, memory = task.follow(None, one, task.infer([one])[0])
    answer = task.infer([two])[0]
    assert torch.equal(task.follow(memory, two, answer)[0], answer)
