"""Schuler's blind deblurring: stages that find features, the kernel in closed form, and the picture.

Schuler, Hirsch, Harmeling, Schölkopf, arXiv:1406.7444 (2014), PAMI 2016, Learning to Deblur, fig. 2. The
layers' sizes are ours where the paper varies them.

In, out: (N, 3, H, W) sRGB in [0, 1], any size, not clipped. One kernel for the whole picture, of `kernel`
pixels; the picture is taken as periodic after its border was drawn out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.fft import irfft2, rfft2
from torch.nn import functional as F


class Stage(nn.Module):
    """One turn of feature extraction, kernel estimation and deconvolution."""

    def __init__(self, filters: int, features: int, window: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.bank = nn.Conv2d(2, filters, window, padding=window // 2, padding_mode="replicate")
        self.sharp = nn.Conv2d(
            filters, features, 1, bias=False
        )  # of tanh: what the sharp picture may look like
        self.blurred = nn.Conv2d(
            filters, features, 1, bias=False
        )  # of the plain filters: the same of the input
        self.log_beta = nn.Parameter(torch.tensor([-2.0, -4.0]))  # regularise kernel and picture
        with torch.no_grad():  # a kernel is found from the first step on
            self.blurred.weight.copy_(self.sharp.weight)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """y: what was given; x: the best guess, both (N, 3, H, W). Returns the next guess."""
        f = self.bank(torch.cat((x.mean(1, keepdim=True), y.mean(1, keepdim=True)), 1) - 0.5).float()
        sharp, blurred = self.sharp(f.tanh()).float(), self.blurred(f).float()
        beta_k, beta_x = self.log_beta.exp().unbind()
        size = y.shape[2:]
        k = as_filter(deconvolve(sharp, blurred, beta_k, sum_channels=True), self.kernel)
        spread = y.new_zeros(len(y), 1, *size)
        r = self.kernel // 2
        spread[..., : self.kernel, : self.kernel] = k
        spread = spread.roll((-r, -r), (2, 3))
        return deconvolve(spread, y, beta_x)


class Schuler(nn.Module):
    """`stages` turns, each on what the one before made; `filters` of `window` pixels."""

    def __init__(
        self, stages: int = 3, filters: int = 32, features: int = 4, window: int = 9, kernel: int = 17
    ) -> None:
        super().__init__()
        self.margin = 2 * kernel
        self.stages = nn.ModuleList(Stage(filters, features, window, kernel) for _ in range(stages))

    def forward(self, x: Tensor) -> Tensor:
        y = F.pad(x.float(), (self.margin,) * 4, mode="replicate")
        guess = y
        for stage in self.stages:
            guess = stage(y, guess).clamp(-1, 2)
        m = self.margin
        return guess[..., m:-m, m:-m]


def deconvolve(by: Tensor, x: Tensor, beta: Tensor, sum_channels: bool = False) -> Tensor:
    """F⁻¹[conj(F by) F x / (|F by|² + β)]; with sum_channels both products are summed over the channels."""
    with torch.autocast(x.device.type, enabled=False):
        b, f = rfft2(by.float()), rfft2(x.float())
        above, below = b.conj() * f, b.abs().square()
        if sum_channels:
            above, below = above.sum(1, keepdim=True), below.sum(1, keepdim=True)
            beta = beta * below.mean((2, 3), keepdim=True) + 1e-12  # relative to what the features hold
        return irfft2(above / (below + beta), s=x.shape[2:])


def as_filter(k: Tensor, size: int) -> Tensor:
    """The middle `size` × `size` of a kernel centred on (0, 0): nothing small or negative, of sum 1."""
    r = size // 2
    k = k.roll((r, r), (2, 3))[..., :size, :size]
    k = k * (k > 0.05 * k.amax((2, 3), keepdim=True).clamp(min=0))
    centre = torch.zeros_like(k[:1, :1])
    centre[..., r, r] = 1e-6  # where nothing is left: no blur
    k = k + centre
    return k / k.sum((2, 3), keepdim=True)
