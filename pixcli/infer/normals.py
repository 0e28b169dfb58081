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


def normals_of(depth: Tensor, camera: Camera, radius: int = 2, near: float = 0.05) -> tuple[Tensor, Tensor]:
    """Unit normals (N, 3, H, W) of a depth (N, 1, H, W), 0 where unknown; and where they are known.

    depth: along z, not positive or not finite where unknown. radius: of the square window in pixels. near: by
    what share another inverse depth may differ and still count: it keeps the edges of things apart.
    """
    import torch
    from torch.nn import functional as F

    n, _, h, w = depth.shape
    side = 2 * radius + 1
    there = torch.isfinite(depth) & (depth > 0)
    inverse = torch.where(there, depth, 1).float().reciprocal() * there  # 0 where unknown
    around = F.unfold(inverse, side, padding=radius).view(n, side * side, h, w)
    counts = (around > 0) & ((around - inverse).abs() <= near * inverse) & there
    weight = counts.float()
    total = weight.sum(1).clamp(min=1)

    def mean(x: Tensor) -> Tensor:
        return (weight * x).sum(1) / total

    offset = torch.arange(-radius, radius + 1, device=depth.device, dtype=torch.float32)
    dy, dx = (o.reshape(1, -1, 1, 1) for o in torch.meshgrid(offset, offset, indexing="ij"))
    mx, my = mean(dx), mean(dy)
    relative = around - inverse  # small numbers: float32 suffices
    md = mean(relative)
    xx, yy, xy = mean(dx * dx) - mx * mx, mean(dy * dy) - my * my, mean(dx * dy) - mx * my
    xd, yd = mean(dx * relative) - mx * md, mean(dy * relative) - my * md
    area = xx * yy - xy * xy
    known = there[:, 0] & (area > 0.01)
    area = torch.where(known, area, 1)
    p, q = (yy * xd - xy * yd) / area, (xx * yd - xy * xd) / area
    at_centre = inverse[:, 0] + md - p * mx - q * my
    x = torch.arange(w, device=depth.device) - camera.cx
    y = torch.arange(h, device=depth.device)[:, None] - camera.cy
    normal = -torch.stack((p * camera.fx, q * camera.fy, at_centre - p * x - q * y), 1)
    known = known[:, None]
    return F.normalize(normal, dim=1) * known, known
