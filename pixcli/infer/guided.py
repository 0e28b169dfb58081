"""Fast guided filter (He & Sun 2015, arXiv:1505.00996): a small map enlarged along a picture's edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def coefficients(guide: Tensor, x: Tensor, radius: int, eps: float) -> Tensor:
    """Local linear model x ≈ a · guide + b: (2C, h, w), the a, then the b, averaged over windows.

    guide: (1, h, w). x: (C, h, w). radius: of the square windows, in pixels of this size. eps: variance of
    the guide under which the map is only averaged.
    """
    import torch
    from torch.nn import functional as F

    def mean(v: Tensor) -> Tensor:  # along columns, then rows: radius times as fast
        for size, pad in (((2 * radius + 1, 1), (radius, 0)), ((1, 2 * radius + 1), (0, radius))):
            v = F.avg_pool2d(v, size, 1, pad, count_include_pad=False)
        return v

    g, m = mean(guide), mean(x)
    a = (mean(guide * x) - g * m) / (mean(guide * guide) - g * g + eps)
    return mean(torch.cat((a, m - a * g)))


def rows(x: Tensor, top: int, bottom: int, height: int, width: int) -> Tensor:
    """Rows top … bottom of x (C, h, w) enlarged bilinearly to (C, height, width): (C, bottom - top, width).

    The rest is never made.
    """
    import torch
    from torch.nn import functional as F

    at = ((torch.arange(top, bottom) + 0.5) * (x.shape[1] / height) - 0.5).clamp(0, x.shape[1] - 1)
    low = at.floor().long()
    part = (at - low)[:, None]
    strip = torch.lerp(x[:, low], x[:, (low + 1).clamp(max=x.shape[1] - 1)], part)
    return F.interpolate(strip[None], size=(bottom - top, width), mode="bilinear", align_corners=False)[0]
