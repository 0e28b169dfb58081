"""enhance-dark with a network for camera raw files: the sensor's numbers in, an upright picture out."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pixcli.errors import InputError
from pixcli.infer.device import choose
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
from pixcli.media import Picture, read
from pixcli.media.picture import Sensor
from pixcli.models import Card, Model, describe, save
from pixcli.nets import build
from pixcli.tasks.enhance_dark import EnhanceDark
from tests.media.raws import WHITE, XTRANS, write_dng

raw = pytest.mark.skipif(not find_spec("rawpy"), reason="no rawpy")
BLACK = 512
COLOUR = {"R": 0.02, "G": 0.01, "B": 0.005}  # light, of white


class Repeat(nn.Module):
    """Answers each cell's colours over all of it, as they were given."""

    def __init__(self, space):
        super().__init__()
        self.space, self.scale = space, 2 if space == "raw-bayer" else 3

    def forward(self, x):
        first = x[:, :3]  # red, green, blue in either packing
        return first.repeat_interleave(self.scale, 2).repeat_interleave(self.scale, 3)


def task_of(space, **options):
    task, net = EnhanceDark(**options), Repeat(space)
    card = Card("made", "enhance-dark", "none", None, space=space, footprint=Footprint(0, scale=net.scale))
    task.attach(Model(card, net), lambda net, footprint: Runner(net, footprint, choose("cpu").torch))
    return task


def through(task, picture):
    sample = task.prepare(picture)
    return task.finish(task.infer([sample])[0], sample).pictures[""]


def counted(height, width, pattern, dy=0, dx=0):
    """What a sensor counts of one colour, but for a bright bar at its top; the pattern begins at (dy, dx)."""
    side = int(len(pattern) ** 0.5)
    cell = np.array([COLOUR[c] for c in pattern]).reshape(side, side)
    cell = np.roll(cell, (-dy, -dx), (0, 1))
    light = np.tile(cell, (height // side + 1, width // side + 1))[:height, :width]
    light[:6] *= 3
    names = np.roll(np.array(list(pattern)).reshape(side, side), (-dy, -dx), (0, 1))
    return (BLACK + light * (WHITE - BLACK)).round().astype(np.uint16), "".join(names.ravel())


SHAPES = [("raw-bayer", "RGGB"), ("raw-bayer", "GBRG"), ("raw-xtrans", XTRANS)]


@raw
@pytest.mark.parametrize(("space", "pattern"), SHAPES[:2])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_raw_file_comes_out_in_its_colours_upright_and_as_large(
    tmp_path, space, pattern, orientation, turns
):
    counts, pattern = counted(41, 55, pattern)
    picture = read(write_dng(tmp_path / "a.dng", counts, pattern, black=BLACK, orientation=orientation))
    made = through(task_of(space, exposure=4), picture)
    assert made.pixels.shape == picture.pixels.shape
    assert made.pixels.dtype == np.uint16
    stored = np.rot90(made.pixels / 65535, -turns)
    wanted = np.array([COLOUR[c] for c in "RGB"]) * 16
    assert np.abs(stored[8:] - wanted).max() < 0.01
    assert np.abs(stored[:4] - 3 * wanted.clip(0, 1 / 3)).max() < 0.01


@pytest.mark.parametrize(("space", "pattern"), SHAPES)
@pytest.mark.parametrize(("height", "width", "dy", "dx"), [(36, 48, 0, 0), (37, 53, 1, 3), (40, 41, 5, 2)])
def test_any_corner_of_a_pattern_is_packed_alike(space, pattern, height, width, dy, dx):
    counts, names = counted(height, width, pattern, dy, dx)
    side = int(len(names) ** 0.5)
    sensor = Sensor(counts, names, np.full((side, side), BLACK, np.float32), WHITE)
    made = through(
        task_of(space, exposure=4), Picture(np.zeros((height, width, 3), np.uint16), sensor=sensor)
    )
    assert made.pixels.shape == (height, width, 3)
    wanted = np.array([COLOUR[c] for c in "RGB"]) * 16
    assert np.abs(made.pixels[10:] / 65535 - wanted).max() < 0.01
    assert made.sensor is None


def test_auto_brings_the_mean_to_middle_grey_and_no_farther_than_300_times():
    counts, names = counted(36, 48, "RGGB")
    black = np.full((2, 2), BLACK, np.float32)
    picture = Picture(np.zeros((36, 48, 3), np.uint16), sensor=Sensor(counts, names, black, WHITE))
    task = task_of("raw-bayer")
    assert task.prepare(picture).tensor.mean() == pytest.approx(0.18, rel=0.15)
    bright = Picture(picture.pixels, sensor=Sensor(counts + 9000, names, black, WHITE))
    assert task.prepare(bright).tensor.min() == pytest.approx((9000 + 76) / (WHITE - BLACK), rel=0.02)
    dark = np.full_like(counts, BLACK + 1)
    night = Picture(picture.pixels, sensor=Sensor(dark, names, black, WHITE))
    assert task.prepare(night).tensor.max() == pytest.approx(300 / (WHITE - BLACK))


def test_what_is_no_raw_file_or_of_another_sensor_is_refused():
    with pytest.raises(InputError, match="camera raw file with a Bayer pattern"):
        task_of("raw-bayer").prepare(Picture(np.zeros((9, 9, 3), np.uint8)))
    counts, names = counted(36, 48, XTRANS)
    sensor = Sensor(counts, names, np.full((6, 6), BLACK, np.float32), WHITE)
    picture = Picture(np.zeros((36, 48, 3), np.uint16), sensor=sensor)
    with pytest.raises(InputError, match="of another kind"):
        task_of("raw-bayer").prepare(picture)
    with pytest.raises(InputError, match="no X-Trans"):
        task_of("raw-xtrans").prepare(replace(picture, sensor=replace(sensor, pattern="R" * 36)))
    with pytest.raises(InputError, match="of another kind"):
        task_of("raw-bayer").prepare(replace(picture, sensor=replace(sensor, pattern="CMYG")))


@raw
def test_the_command_develops_a_folder_and_refuses_what_is_no_raw_file(here, tmp_path):
    torch.manual_seed(0)
    net = build("see-in-the-dark", {"features": 4})
    path = tmp_path / "sid.safetensors"
    card = Card("sid", "enhance-dark", "see-in-the-dark", path, arguments={"features": 4})
    save(path, net, describe(card, net))
    (tmp_path / "in").mkdir()
    write_dng(tmp_path / "in/a.dng", counted(40, 56, "RGGB")[0], black=BLACK, orientation=6)
    Image.new("RGB", (40, 30), "gray").save(tmp_path / "in/b.png")
    done = here("enhance-dark", "in", "-o", "out", "--model", path)
    assert done.returncode == 1
    (line,) = (line for line in done.stderr.splitlines() if "b.png" in line)
    assert "sid needs a camera raw file with a Bayer pattern (take another --model)" in line
    with Image.open(tmp_path / "out/a.png") as image:
        assert image.size == (40, 56)
    assert not (tmp_path / "out/b.png").exists()
