"""sRGB ↔ CIE Lab (D65, 2° observer), the one place where it is done; constants as in scikit-image's rgb2lab.

Channels are summed one by one instead of by a matrix product: autocast would do that one in bfloat16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
RGB_FROM_XYZ = (
    (3.2404813432, -1.5371515163, -0.4985363262),
    (-0.9692549500, 1.8759900015, 0.0415559266),
    (0.0556466391, -0.2040413384, 1.0573110696),
)
WHITE = (0.95047, 1.0, 1.08883)


def rgb_to_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """L (..., 1, H, W) in 0..100 and ab (..., 2, H, W), about -108..99, of sRGB (..., 3, H, W) in 0..1.

    Computed in float32 at least. Differentiable everywhere, black included.
    """
    import torch

    rgb = rgb if rgb.dtype == torch.float64 else rgb.float()
    linear = _linear(rgb)
    x, y, z = (_root(_weigh(linear, row) / white) for row, white in zip(XYZ_FROM_RGB, WHITE, strict=True))
    return (116 * y - 16).unsqueeze(-3), torch.stack((500 * (x - y), 200 * (y - z)), -3)


def lightness_of(rgb: Tensor) -> Tensor:
    """L (..., 1, H, W) in 0..100 of sRGB (..., 3, H, W) or of grey (..., 1, H, W) in 0..1."""
    linear = _linear(rgb)
    y = linear if rgb.shape[-3] == 1 else _weigh(linear, XYZ_FROM_RGB[1]).unsqueeze(-3)
    return 116 * _root(y) - 16


def lab_to_rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """sRGB (..., 3, H, W) of lightness (..., 1, H, W) in 0..100 and ab (..., 2, H, W).

    A colour outside sRGB is drawn towards grey, which leaves its lightness as it is; not clipped by channels.
    """
    import torch

    lightness, ab = (v if v.dtype == torch.float64 else v.float() for v in (lightness, ab))
    y = (lightness.squeeze(-3) + 16) / 116
    x, z = ab.select(-3, 0) / 500 + y, y - ab.select(-3, 1) / 200
    grey = _cube(y).unsqueeze(-3).clamp(0, 1)
    xyz = torch.stack([_cube(v) * white for v, white in zip((x, y, z), WHITE, strict=True)], -3)
    chroma = torch.stack([_weigh(xyz, row) for row in RGB_FROM_XYZ], -3) - grey  # of linear light
    room = torch.where(chroma > 0, 1 - grey, grey) / chroma.abs().clamp(min=1e-6)
    linear = grey + chroma * room.amin(-3, keepdim=True).clamp(max=1)
    bent = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bent, 12.92 * linear).clamp(0, 1)


def _linear(rgb: Tensor) -> Tensor:
    """Linear light of sRGB."""
    import torch

    return torch.where(rgb > 0.04045, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def _weigh(x: Tensor, row: tuple[float, float, float]) -> Tensor:
    """(..., H, W): the weighted sum of the three channels of (..., 3, H, W)."""
    r, g, b = x.unbind(-3)
    return row[0] * r + row[1] * g + row[2] * b


def _root(t: Tensor) -> Tensor:
    import torch

    return torch.where(t > 0.008856, t.clamp(min=0.008856) ** (1 / 3), 7.787 * t + 16 / 116)


def _cube(t: Tensor) -> Tensor:
    import torch

    return torch.where(t > 0.2068966, t**3, (t - 16 / 116) / 7.787)
