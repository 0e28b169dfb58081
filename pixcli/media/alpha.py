"""Colours under transparent pixels."""

from __future__ import annotations

import numpy as np

from pixcli.media.picture import Array


def bleed(rgb: Array, alpha: Array | None) -> Array:
    """(H, W, C) with the colour of every fully transparent pixel drawn from the nearest visible ones.

    So a filter that mixes neighbours shows no fringe. The very array when nothing is transparent.
    """
    if alpha is None or alpha.all() or not alpha.any():
        return rgb
    seen = (alpha > 0)[..., None]
    weight = alpha[..., None].astype(np.float32)
    filled = _pull(rgb.astype(np.float32) * weight, weight)
    out: Array = np.where(seen, rgb, filled.round() if rgb.dtype != np.float32 else filled).astype(rgb.dtype)
    return out


def _pull(colour: Array, weight: Array) -> Array:
    """Premultiplied colour / weight where there is weight, elsewhere the same of a picture half as large."""
    here = colour / np.maximum(weight, 1e-12)
    if weight.all() or max(weight.shape[:2]) == 1:
        return here
    coarse = _pull(_halve(colour), _halve(weight))
    h, w = weight.shape[:2]
    large = coarse.repeat(2, 0)[:h].repeat(2, 1)[:, :w]
    return np.where(weight > 0, here, large)


def _halve(x: Array) -> Array:
    """Sums of 2 × 2 cells, odd sides padded with nothing."""
    h, w = x.shape[:2]
    x = np.pad(x, ((0, h % 2), (0, w % 2), (0, 0)))
    return x[0::2, 0::2] + x[1::2, 0::2] + x[0::2, 1::2] + x[1::2, 1::2]
