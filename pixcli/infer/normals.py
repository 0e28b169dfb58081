"""Normals of the surface that a depth map shows.

The inverse depth of a plane is affine in the pixel's place, so a plane's normal is found exactly by least
squares over a window, and its scale does not matter.
Axes: x to the right, y down, z away from the camera; normals face the camera, n · P < 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Camera:
    """A pinhole: focal lengths and the optical centre in pixels; the middle of the first pixel is (0, 0)."""

    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def of_view(cls, width: int, height: int, fov: float) -> Camera:
        """The camera whose picture is `fov` degrees wide."""
        from math import radians, tan

        f = width / 2 / tan(radians(fov) / 2)
        return cls(f, f, (width - 1) / 2, (height - 1) / 2)


def normals_of(
    depth: Tensor,
    camera: Camera,
    radius: int = 2,
    near: float | Tensor = 0.05,
    rounds: int = 0,
    every: int = 1,
) -> tuple[Tensor, Tensor]:
    """Unit normals (N, 3, h, w) of a depth (N, 1, H, W), 0 where unknown; and where they are known.

    depth: along z, not positive or not finite where unknown. radius: of the square window in pixels. near: by
    what share another inverse depth may differ and still count, one or for each pixel (N, 1, H, W): it keeps
    the edges of things apart. rounds: how often the fit is repeated with less weight on what lies off it.
    every: pixels from one normal to the next, from the first on.
    """
    import torch
    from torch.nn import functional as F

    side = 2 * radius + 1
    there = torch.isfinite(depth) & (depth > 0)
    inverse = torch.where(there, depth, 1).float().reciprocal() * there  # 0 where unknown
    centre, there = inverse[..., ::every, ::every], there[..., ::every, ::every]
    n, _, h, w = centre.shape
    apart = centre * (near[..., ::every, ::every] if isinstance(near, torch.Tensor) else near)
    around = F.unfold(inverse, side, padding=radius, stride=every).view(n, side * side, h, w)
    relative = around - centre  # small numbers: float32 suffices
    counts = (around > 0) & (relative.abs() <= apart) & there
    weight = counts.float()

    offset = torch.arange(-radius, radius + 1, device=depth.device, dtype=torch.float32)
    dy, dx = (o.reshape(1, -1, 1, 1) for o in torch.meshgrid(offset, offset, indexing="ij"))
    for again in range(rounds + 1):
        p, q, middle, known = _plane(relative, weight, dx, dy)
        if again < rounds:
            off = (relative - p * dx - q * dy - middle) / (apart / 4).clamp(min=1e-12)
            weight = counts / (1 + off.square()).square()
    x = torch.arange(0, depth.shape[3], every, device=depth.device) - camera.cx
    y = torch.arange(0, depth.shape[2], every, device=depth.device)[:, None] - camera.cy
    normal = -torch.cat((p * camera.fx, q * camera.fy, centre + middle - p * x - q * y), 1)
    known = known & there
    return F.normalize(normal, dim=1) * known, known


def _plane(values: Tensor, weight: Tensor, dx: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Least squares of p * dx + q * dy + r over dimension 1: p, q, r, and where they are known."""
    import torch

    total = weight.sum(1, keepdim=True).clamp(min=1e-6)

    def mean(x: Tensor) -> Tensor:
        return (weight * x).sum(1, keepdim=True) / total

    mx, my, mv = mean(dx), mean(dy), mean(values)
    xx, yy, xy = mean(dx * dx) - mx * mx, mean(dy * dy) - my * my, mean(dx * dy) - mx * my
    xv, yv = mean(dx * values) - mx * mv, mean(dy * values) - my * mv
    area = xx * yy - xy * xy
    known = area > 0.01
    area = torch.where(known, area, 1)
    p, q = (yy * xv - xy * yv) / area, (xx * yv - xy * xv) / area
    return p, q, mv - p * mx - q * my, known
