"""Holes deeper than a network sees, filled from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

DEEP = 24  # pixels from the nearest known one: as far in as the network is left to itself
_PEAK = {torch.uint8: 255.0, torch.uint16: 65535.0}


def deep(hole: Tensor) -> Tensor:
    """(1, H, W) bool: what lies farther than DEEP pixels inside a hole; at the picture's edge is none."""
    near = (~hole).float()[None]
    for kernel in ((2 * DEEP + 1, 1), (1, 2 * DEEP + 1)):
        near = F.max_pool2d(near, kernel, 1, (kernel[0] // 2, kernel[1] // 2))
    return near[0] == 0


def fill(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The picture filled, (C, H, W) of x's type.

    x: (C + 1, H, W), black in the hole, the hole as the last channel. run: the network, on float32 of 0..1.
    The deep inside of a hole comes from the picture at half its size, filled in the same manner, and is known
    to the network when it fills the rim.
    """
    peak = _PEAK.get(x.dtype, 1.0)
    answer = _fill(run, x.float() / peak)
    return answer if peak == 1 else (answer * peak).round_().clamp_(0, peak).to(x.dtype)


def _fill(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    colours, hole = x[:-1], x[-1:] > 0.5
    inside = deep(hole)
    if not inside.any() or hole.all() or min(x.shape[1:]) < 4:
        return run(x[None])[0]
    size = x.shape[1:]
    known = (~hole).float()
    share = F.avg_pool2d(known[None], 2, ceil_mode=True, count_include_pad=False)[0]
    small = F.avg_pool2d((colours * known)[None], 2, ceil_mode=True, count_include_pad=False)[0]
    missing = (share < 0.5).float()
    small = torch.cat([small / share.clamp(min=1e-6) * (1 - missing), missing])
    coarse = F.interpolate(_fill(run, small)[None], scale_factor=2, mode="bicubic", align_corners=False)
    coarse = coarse[0, :, : size[0], : size[1]].clamp(0, 1)
    rim = torch.cat([torch.where(inside, coarse, colours), (hole & ~inside).float()])
    return torch.where(inside, coarse, run(rim[None])[0])
