"""Sliding window: networks on patches, whose overlapping answers are averaged.

Shared by burger.py, ssda.py and koehler.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SlidingWindow(nn.Module):
    """Windows of `window` pixels every `stride` pixels, each answered by a patch of `patch` in its middle.

    `answer` of subclasses takes (N, C, H', W'), every window of it, and gives (N, c · patch², h, w): a patch
    each, as torch's unfold would lay it out. Beyond the border the last row or column is repeated. spread:
    standard deviation of the Gaussian by which a patch's pixels are weighted in the average; None: all alike.
    """

    weights: Tensor

    def __init__(self, window: int, patch: int, stride: int, spread: float | None = None) -> None:
        super().__init__()
        if (window - patch) % 2 or patch > window:
            raise ValueError("window and patch are both even or both odd, and the patch is no larger")
        self.window, self.patch, self.stride, self.multiple = window, patch, stride, stride
        self.reach = (window + patch) // 2 - 1
        away = torch.arange(patch) - (patch - 1) / 2
        row = torch.exp(-away.square() / (2 * spread**2)) if spread else torch.ones(patch)
        self.register_buffer("weights", torch.outer(row, row).view(1, 1, -1, 1), persistent=False)

    def answer(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def slide(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, c, H, W)."""
        (height, width), s, p = x.shape[2:], self.stride, self.patch
        lead = -(-(p - 1) // s) * s  # so that the windows' grid begins at the picture's corner
        high, wide = ((n - 1) // s * s + p for n in (height, width))  # where the last patches end
        e = (self.window - p) // 2
        x = F.pad(x, (lead + e, wide - width + e, lead + e, high - height + e), mode="replicate")
        y = self.answer(x).float().flatten(2)  # (N, c · patch², windows)
        size = (lead + high, lead + wide)
        y = F.fold((y.unflatten(1, (-1, p * p)) * self.weights).flatten(1, 2), size, p, stride=s)
        w = self.weights[0].expand(1, -1, self._windows(size)).contiguous()
        return (y / F.fold(w, size, p, stride=s))[..., lead : lead + height, lead : lead + width]

    def _windows(self, size: tuple[int, int]) -> int:
        high, wide = ((n - self.patch) // self.stride + 1 for n in size)
        return high * wide
