"""Losses of depth, normals and motion, as their papers give them.

Maps are (N, 1, H, W) unless told; `known` is a map of bools, or None where all is known. What is not known
counts nowhere, and a difference between neighbours counts where both are known. Where nothing is known the
loss is 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pixcli.nets.matching import grid

FLOW_WEIGHTS = (0.005, 0.01, 0.02, 0.08, 0.32)  # of FlowNet's levels, 1/4 to 1/64
STEREO_SSIM, STEREO_SMOOTH = 0.85, 0.1


def mean_known(x: Tensor, known: Tensor | None) -> Tensor:
    """The mean of x where it is known."""
    if known is None:
        return x.mean()
    return inside(x, known).sum() / known.expand_as(x).sum().clamp(min=1)


def inside(x: Tensor, known: Tensor | None) -> Tensor:
    """x, 0 where it is not known: what is no number there must not reach a gradient."""
    return x if known is None else torch.where(known, x, 0)


def steps(x: Tensor) -> tuple[Tensor, Tensor]:
    """Each pixel's right neighbour minus it, and the one below minus it."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def pairs(known: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Where both of two neighbours are known, sideways and downwards."""
    if known is None:
        return None, None
    return known[..., 1:] & known[..., :-1], known[..., 1:, :] & known[..., :-1, :]


def scale_invariant(
    log_depth: Tensor, truth: Tensor, known: Tensor | None = None, share: float = 0.5, gradients: float = 1.0
) -> Tensor:
    """Mean squared error of the log depth, less `share` of its mean's square, plus that of its gradients.

    Eigen et al. 2014 with gradients 0; Eigen & Fergus 2015 with 1. share 1 forgives a factor wholly.
    """
    known = torch.ones_like(truth, dtype=torch.bool) if known is None else known
    d = inside(log_depth - truth, known)
    n = known.sum((1, 2, 3)).clamp(min=1)
    loss = (d.square().sum((1, 2, 3)) / n - share * (d.sum((1, 2, 3)) / n).square()).mean()
    if not gradients:
        return loss
    slopes = [mean_known(s.square(), k) for s, k in zip(steps(d), pairs(known), strict=True)]
    return loss + gradients * torch.stack(slopes).sum()


def ssim(a: Tensor, b: Tensor, peak: float = 1.0, size: int = 3, every: int = 1) -> Tensor:
    """Structural similarity in square windows that lie wholly inside: (N, C, H - size + 1, W - size + 1).

    every: pixels from one window to the next.
    """

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, size, every)

    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    return (2 * ma * mb + c1) * (2 * vab + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))


def dense_depth(y: Tensor, truth: Tensor, peak: float = 100.0) -> Tensor:
    """DenseDepth's: a tenth of L1, L1 of the gradients, and half of what SSIM (7 × 7 here) lacks.

    y, truth: 10 m over the depth, 1 … `peak`.
    """
    slopes = [(a - b).abs().mean() for a, b in zip(steps(y), steps(truth), strict=True)]
    likeness = ((1 - ssim(y, truth, peak, 7)) / 2).clamp(0, 1).mean()
    return 0.1 * (y - truth).abs().mean() + torch.stack(slopes).sum() + likeness


def berhu(y: Tensor, truth: Tensor, known: Tensor | None = None, part: float = 0.2) -> Tensor:
    """L1, but squares for what errs by more than `part` of the batch's largest error (Laina et al. 2016)."""
    e = inside(y - truth, known).abs()
    c = (part * e.detach().max()).clamp(min=1e-6)
    return mean_known(torch.where(e <= c, e, (e * e + c * c) / (2 * c)), known)


def normals_dot(normals: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Minus the mean dot product of two maps of unit normals (N, 3, H, W): -1 where all agree."""
    return -mean_known((normals * truth).sum(1, keepdim=True), known)


def left_right(left: Tensor, right: Tensor, levels: Sequence[Tensor]) -> Tensor:
    """monodepth's: how well each view explains the other, how smooth and how much alike the disparities are.

    left, right: (N, 3, H, W) rectified views in [0, 1]. levels: (N, 2, h, w) disparities of both views, in
    shares of the width, finest first, each half as large as the last.
    """
    loss = left.new_zeros(())
    for i, disparities in enumerate(levels):
        size = disparities.shape[2:]
        views = [F.interpolate(v, size=size, mode="bilinear", antialias=True) for v in (left, right)]
        d = disparities.split(1, 1)
        for here, sign in ((0, -1.0), (1, 1.0)):
            made = shifted(views[1 - here], sign * d[here])
            unlike = ((1 - ssim(made, views[here])) / 2).clamp(0, 1).mean()
            off = (made - views[here]).abs().mean()
            edges = [s.abs().mean(1, keepdim=True) for s in steps(views[here])]
            rough = [(s.abs() * (-e).exp()).mean() for s, e in zip(steps(d[here]), edges, strict=True)]
            differ = (d[here] - shifted(d[1 - here], sign * d[here])).abs().mean()
            loss = loss + STEREO_SSIM * unlike + (1 - STEREO_SSIM) * off + differ
            loss = loss + STEREO_SMOOTH / 2**i * torch.stack(rough).sum()
    return loss


def shifted(x: Tensor, shift: Tensor) -> Tensor:
    """x at each pixel's place plus `shift` (N, 1, H, W), in shares of the width to the right."""
    h, w = x.shape[2:]
    at = grid(h, w, x.device) + torch.cat((shift * w, torch.zeros_like(shift)), 1)
    size = torch.tensor([w, h], device=x.device).view(1, 2, 1, 1)
    places = ((2 * at + 1) / size - 1).permute(0, 2, 3, 1)
    return F.grid_sample(x, places, padding_mode="border", align_corners=False)


def end_point_error(flow: Tensor, truth: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean length of the flow's error in pixels; flow, truth: (N, 2, H, W)."""
    e = inside(flow - truth, known)
    return mean_known((e.square().sum(1, keepdim=True) + 1e-8).sqrt(), known)


def multiscale_flow(
    levels: Sequence[Tensor],
    truth: Tensor,
    known: Tensor | None = None,
    weights: Sequence[float] = FLOW_WEIGHTS,
) -> Tensor:
    """FlowNet's: the end-point error at each level against the truth's mean over the level's cells, weighted.

    levels: (N, 2, h, w) finest first, flow in pixels of the truth (N, 2, H, W), H and W multiples of h and w.
    """
    known = torch.ones_like(truth[:, :1], dtype=torch.bool) if known is None else known
    sums = torch.cat((inside(truth, known), known.to(truth)), 1)
    loss = truth.new_zeros(())
    for flow, weight in zip(levels, weights, strict=False):
        mean = F.avg_pool2d(sums, truth.shape[2] // flow.shape[2])
        share = mean[:, 2:]
        loss = loss + weight * end_point_error(flow, mean[:, :2] / share.clamp(min=1e-6), share > 0)
    return loss
