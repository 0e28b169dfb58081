"""sRGB ↔ CIE Lab (D65, 2° observer), the one place where it is done; constants as in scikit-image's rgb2lab.

Channels are summed one by one instead of by a matrix product: autocast would do that one in bfloat16.
"""

from __future__ import annotations

from functools import cache
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
LIGHTS = 0xFFFF  # steps of linear light in the table of 8 bits


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
    return _bent(lab_to_linear(lightness, ab))


def lab_to_linear(lightness: Tensor, ab: Tensor) -> Tensor:
    """The same as linear light in 0..1."""
    import torch

    lightness, ab = (v if v.dtype == torch.float64 else v.float() for v in (lightness, ab))
    root = (lightness.squeeze(-3) + 16) / 116
    roots = (
        torch.add(root, ab.select(-3, 0), alpha=1 / 500),
        root,
        torch.sub(root, ab.select(-3, 1), alpha=1 / 200),
    )
    x, y, z = _cube(torch.stack(roots, -3)).unbind(-3)  # each by its white
    grey = y.clamp(0, 1)
    dx, dz = x - y, z - y
    chroma = torch.stack(
        [
            torch.add(a * WHITE[0] * dx, dz, alpha=c * WHITE[2]).add(
                y, alpha=a * WHITE[0] + b + c * WHITE[2] - 1
            )
            for a, b, c in RGB_FROM_XYZ
        ],
        -3,
    )
    above, below = chroma.amax(-3), -chroma.amin(-3)
    room = torch.minimum((1 - grey) / above.clamp(min=1e-6), grey / below.clamp(min=1e-6)).clamp(max=1)
    return torch.addcmul(grey.unsqueeze(-3), chroma, room.unsqueeze(-3))


def eight_bits(linear: Tensor) -> Tensor:
    """uint8 sRGB of linear light in 0..1, looked up: a step of the table is 1/20 of a grey level at most."""
    import torch

    steps = (linear * LIGHTS).to(torch.int32).flatten()
    return _table().index_select(0, steps).view(linear.shape)


@cache
def _table() -> Tensor:
    import torch

    middles = (torch.arange(LIGHTS + 1) + 0.5) / LIGHTS
    return (_bent(middles) * 255).round().to(torch.uint8)


def _bent(linear: Tensor) -> Tensor:
    import torch

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

    return torch.where(t > 0.2068966, t * t * t, (t - 16 / 116) / 7.787)
