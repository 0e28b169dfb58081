"""A camera's own numbers, packed as networks for raw files want them, and their answer brought upright."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pixcli.errors import InputError
from pixcli.media.picture import Array, Picture, Sensor
from pixcli.nets.see_in_the_dark import BAYER, XTRANS, pack_bayer, pack_xtrans

KINDS = {"raw-bayer": (4, "Bayer"), "raw-xtrans": (36, "X-Trans")}  # letters of a pattern, its name
MIDDLE = 0.18  # mean light that auto aims at
MOST = 300.0  # as the authors of See-in-the-Dark go

COLOURS = "RGBRBGGGG"  # of XTRANS's channels
CORNER = np.full((6, 6), "?")  # the pattern that XTRANS means
for _colour, _places in zip(COLOURS, XTRANS, strict=True):
    for _y, _x in _places:
        CORNER[_y, _x] = _colour


def sensor_of(picture: Picture, space: str, model: str) -> Sensor:
    """Raises InputError where the picture is no raw file, or one of another pattern than the network's."""
    letters, name = KINDS[space]
    if picture.sensor is None:
        raise InputError(f"{model} needs a camera raw file with a {name} pattern", "take another --model")
    pattern = picture.sensor.pattern
    if len(pattern) != letters or (letters == 4 and pattern not in BAYER):
        raise InputError(f"{model} is for {name} sensors, and this one is of another kind")
    return picture.sensor


def packed(sensor: Sensor, stops: float | None) -> Tensor:
    """(4 or 9, h, w) in 0..1, of whole cells: see `placed` for the way back.

    stops: by how many doublings the light is raised; None: until its mean is middle grey.
    """
    cell, (top, left) = len(sensor.black), corner(sensor)
    rows, columns = (cells(n, first, cell) for n, first in zip(sensor.counts.shape, (top, left), strict=True))
    light = sensor.counts[np.ix_(rows, columns)].astype(np.float32)
    black = np.roll(sensor.black, (top, left), (0, 1))
    for y in range(cell):
        for x in range(cell):
            light[y::cell, x::cell] -= black[y, x]
    white = sensor.white - float(sensor.black.max())
    if stops is None:
        ratio = min(MOST, max(1.0, MIDDLE * white / max(float(light.mean()), 1e-6)))
    else:
        ratio = min(MOST, 2.0**stops)
    mosaic = torch.from_numpy(light)
    if cell == 2:
        return pack_bayer(mosaic, sensor.pattern, 0, white, ratio)
    return pack_xtrans(mosaic, 0, white, ratio)


def placed(rgb: Array, sensor: Sensor) -> Array:
    """What a network answers to `packed`, (H', W', 3), cut to the sensor's pixels and turned upright."""
    top, left = corner(sensor)
    high, wide = sensor.counts.shape
    return np.ascontiguousarray(np.rot90(rgb[top : top + high, left : left + wide], sensor.turns))


def corner(sensor: Sensor) -> tuple[int, int]:
    """Rows and columns that are put before the first, so that the pattern begins as the packing expects."""
    if len(sensor.black) == 2:
        return 0, 0
    pattern = np.array(list(sensor.pattern)).reshape(6, 6)
    for top in range(6):
        for left in range(6):
            if (np.roll(pattern, (top, left), (0, 1)) == CORNER).all():
                return top, left
    raise InputError("its colours lie as on no X-Trans sensor that is known")


def cells(length: int, first: int, cell: int) -> Array:
    """The numbers of rows (or columns) for whole cells that begin `first` rows early.

    What is missing is taken from the next cell inside, where the colours lie alike.
    """
    rows = np.arange(-first, -(-(length + first) // cell) * cell - first)
    rows[rows < 0] += cell
    rows[rows >= length] -= cell
    return rows
