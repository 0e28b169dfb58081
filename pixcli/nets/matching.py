"""What networks of motion are made of: sampling along a flow, and the comparison of two sets of features.

Flow is (N, 2, H, W) in pixels of its own resolution: u to the right, v down, from the first picture to the
second. All of this is done in float32: bfloat16 knows no fraction of a pixel beyond 128.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 32  # pixels of a row that are compared in one matrix product


def grid(h: int, w: int, device: torch.device | None = None) -> Tensor:
    """(1, 2, h, w): x and y of each pixel."""
    y, x = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
    return torch.stack((x, y))[None].float()


def warp(x: Tensor, flow: Tensor, padding: str = "border") -> Tensor:
    """x (N, C, H, W) at each pixel's place plus its flow, bilinear, float32.

    padding: what lies outside, "border" for the nearest pixel or "zeros".
    """
    h, w = x.shape[2:]
    size = torch.tensor([w - 1, h - 1], device=x.device).clamp(min=1).view(1, 2, 1, 1)
    places = (grid(h, w, x.device) + flow.float()) * (2 / size) - 1
    return F.grid_sample(x.float(), places.permute(0, 2, 3, 1), padding_mode=padding, align_corners=True)


def warp_seen(x: Tensor, flow: Tensor) -> Tensor:
    """`warp`, but zero wherever part of what is looked at lies outside."""
    seen = warp(torch.ones_like(x[:, :1], dtype=torch.float32), flow, "zeros") >= 0.9999
    return warp(x, flow, "zeros") * seen


def correlation(a: Tensor, b: Tensor, reach: int, step: int = 1) -> Tensor:
    """(N, (2 reach / step + 1)², H, W): the mean product of a's features and b's at each displacement.

    Displacements go row by row from (-reach, -reach); what lies outside of b is zero. float32.
    Each row of a meets a row of b in one matrix product, BLOCK pixels at a time, of which a band is kept:
    many products are thrown away, yet on a processor it takes a third of the time of one map a displacement.
    """
    n, c, h, w = a.shape
    blocks = -(-w // BLOCK)
    wide = BLOCK + 2 * reach
    with torch.autocast(a.device.type, enabled=False):
        a = F.pad(a.float() / c, (0, blocks * BLOCK - w)).permute(0, 2, 3, 1).reshape(n, h, blocks, BLOCK, c)
        b = F.pad(b.float(), (reach, reach + blocks * BLOCK - w, reach, reach))
        b = b.permute(0, 2, 1, 3).unfold(3, wide, BLOCK).permute(0, 1, 3, 2, 4)  # (N, H, blocks, C, wide)
        rows = [band(a @ b[:, y : y + h], 2 * reach + 1)[..., ::step] for y in range(0, 2 * reach + 1, step)]
    return torch.cat(rows, -1).reshape(n, h, blocks * BLOCK, -1)[:, :, :w].permute(0, 3, 1, 2)


def band(x: Tensor, k: int) -> Tensor:
    """(..., B, B + k - 1) → (..., B, k): of row i what stands from i on."""
    rows, columns = x.shape[-2:]
    flat = F.pad(x.flatten(-2), (0, rows))  # rows longer by one begin one later each
    return flat.unflatten(-1, (rows, columns + 1))[..., :k]
