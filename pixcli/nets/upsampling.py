"""Ways to enlarge features: by a transposed convolution, or without checkerboards by resizing before one.

Odena et al., Distill 2016: a transposed convolution gives neighbouring pixels different numbers of terms
where its kernel is no multiple of its stride, and may learn different weights for them where it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def bilinear_kernel(k: int) -> Tensor:
    """(k, k) weights of bilinear enlargement by ceil(k / 2), as Caffe's filler of that name."""
    f = (k + 1) // 2
    centre = (2 * f - 1 - f % 2) / (2 * f)
    w = 1 - (torch.arange(k) / f - centre).abs()
    return w[:, None] * w


class BilinearUp(nn.ConvTranspose2d):
    """A transposed convolution without bias that begins as bilinear enlargement of each channel by itself.

    padding: 0 as Caffe's networks have it, which crop afterwards. fixed: it stays as it is.
    """

    def __init__(
        self, channels: int, kernel: int, stride: int, padding: int = 0, fixed: bool = False
    ) -> None:
        super().__init__(channels, channels, kernel, stride, padding, bias=False)
        with torch.no_grad():
            self.weight.zero_()
            for c in range(channels):
                self.weight[c, c] = bilinear_kernel(kernel)
        self.weight.requires_grad_(not fixed)


class ResizeConv(nn.Module):
    """Resize, then a 3 × 3 convolution with replicated borders: flat features stay flat."""

    def __init__(self, c_in: int, c_out: int, factor: int = 2, mode: str = "nearest") -> None:
        super().__init__()
        self.factor, self.mode = factor, mode
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1, padding_mode="replicate")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=self.factor, mode=self.mode))


def crop(x: Tensor, like: Tensor, offset: int) -> Tensor:
    """Caffe's Crop: as large as `like`, from row and column `offset`."""
    return x[..., offset : offset + like.shape[2], offset : offset + like.shape[3]]
