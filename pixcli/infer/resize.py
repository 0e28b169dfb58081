"""Antialiased bicubic resampling of tensors, the same everywhere: a = -0.5 as MATLAB and Pillow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def resize(x: Tensor, height: int, width: int) -> Tensor:
    """(C, H, W) → (C, height, width) of one type; integers are rounded and clipped, floats may overshoot."""
    import torch
    from torch.nn import functional as F

    if x.shape[1:] == (height, width):
        return x
    y = F.interpolate(
        x[None].float(), size=(height, width), mode="bicubic", antialias=True, align_corners=False
    )[0]
    if x.dtype.is_floating_point:
        return y
    return y.round_().clamp_(0, torch.iinfo(x.dtype).max).to(x.dtype)
