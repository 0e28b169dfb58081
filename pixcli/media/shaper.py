"""Profiles of three curves and a matrix, as nearly all are, by tables: several times as fast as the library.

Only for pictures of 8 bits: what lies outside 0..1 in the profile's own space is clipped on the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pixcli.media.picture import Array

Convert = Callable[[Array, bytes, bytes], Array]
_ROOTS = 1 << 17  # steps of a table from 0 to 1, by the square root where it is steep
_TOP = 4.0  # linear light up to here is in the tables
_STRIP = 1 << 16  # pixels at once, which a processor's cache holds
_LIKE = 2e-4  # as near to the library as this on a grid of colours, or it is asked


@dataclass(frozen=True)
class Shaper:
    """curves: linear light of each channel's levels, (3, levels). matrix: of that to linear sRGB.

    inverse: each channel's value (0..1) at even steps of the root of its light.
    """

    curves: Array
    matrix: Array
    inverse: Array

    def to_srgb(self, pixels: Array) -> Array:
        """(H, W, 3) uint8 or uint16 as sRGB, float32, unbounded."""
        flat = pixels.reshape(-1, 3)
        out = np.empty(flat.shape, np.float32)
        matrix = np.ascontiguousarray(self.matrix.T, dtype=np.float32)
        for at in range(0, len(flat), _STRIP):
            part = flat[at : at + _STRIP]
            light = np.stack([curve[part[:, c]] for c, curve in enumerate(self.curves)], -1)
            out[at : at + _STRIP] = _encoded(light @ matrix)
        return out.reshape(pixels.shape)

    def from_srgb(self, rgb: Array, dtype: np.dtype[Any]) -> Array:
        """(H, W, 3) float sRGB as uint8 or uint16 of the profile, the reverse."""
        flat = rgb.reshape(-1, 3)
        out = np.empty(flat.shape, dtype)
        matrix = np.linalg.inv(self.matrix).T.astype(np.float32)
        tables = np.rint(self.inverse * np.float32(np.iinfo(dtype).max)).astype(dtype)
        for at in range(0, len(flat), _STRIP):
            light = _decoded(np.nan_to_num(flat[at : at + _STRIP])) @ matrix
            roots = np.sqrt(np.clip(light, 0, 1)) * np.float32(_ROOTS) + np.float32(0.5)
            steps = roots.astype(np.intp)
            for c, table in enumerate(tables):
                out[at : at + _STRIP, c] = table[steps[:, c]]
        return out.reshape(rgb.shape)


@lru_cache(maxsize=1)
def _encoding() -> Array:
    light = np.linspace(0, np.sqrt(_TOP), int(_ROOTS * np.sqrt(_TOP)) + 1) ** 2
    low = light * 12.92
    return np.where(light <= 0.0031308, low, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def _encoded(light: Array) -> Array:
    """Linear light as sRGB; the straight piece near black goes on below it."""
    roots = np.sqrt(np.clip(light, 0, _TOP)) * np.float32(_ROOTS) + np.float32(0.5)
    return np.where(light < 0.0031308, light * np.float32(12.92), _encoding()[roots.astype(np.intp)])


@lru_cache(maxsize=1)
def _decoding() -> Array:
    values = np.linspace(0, 2, 4 * _ROOTS + 1)
    curve = ((values + 0.055) / 1.055) ** 2.4
    return np.where(values <= 0.04045, values / 12.92, curve).astype(np.float32)


def _decoded(values: Array) -> Array:
    steps = np.clip(values, 0, 2) * np.float32(2 * _ROOTS) + np.float32(0.5)
    return np.where(values < 0.04045, values / np.float32(12.92), _decoding()[steps.astype(np.intp)])


def shaper_of(icc: bytes, levels: int, convert: Convert, linear: bytes, srgb: bytes) -> Shaper | None:
    """The curves and the matrix of a profile, as the library's own answers show them; None without such.

    convert: the library's transform of float values (H, W, 3) from one profile to another.
    """
    ramp = np.linspace(0, 1, levels, dtype=np.float32)
    columns, curves = [], []
    for c in range(3):
        probe = np.zeros((1, levels, 3), np.float32)
        probe[0, :, c] = ramp
        light = convert(probe, icc, linear)[0].astype(np.float64)
        column = light[-1]
        if not np.isfinite(light).all() or not column.any():
            return None
        columns.append(column)
        curves.append(light @ column / (column @ column))
    matrix, found = np.stack(columns, -1), np.stack(curves).astype(np.float32)
    if abs(np.linalg.det(matrix)) < 1e-6 or (np.diff(found) < 0).any():
        return None
    roots = np.linspace(0, 1, _ROOTS + 1) ** 2
    inverse = np.stack([np.interp(roots, curve, ramp) for curve in found]).astype(np.float32)
    shaper = Shaper(found, matrix, inverse)
    steps = np.linspace(0, levels - 1, 9).astype(np.uint16 if levels > 256 else np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, -1, 3)
    truth = convert((grid / np.float32(levels - 1)).astype(np.float32), icc, srgb)
    near = np.abs(shaper.to_srgb(grid) - truth) < _LIKE * np.maximum(1, np.abs(truth))
    return shaper if near.all() else None
