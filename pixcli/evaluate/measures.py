"""What the papers measure, on 8-bit pixels as they lie in files.

Pictures are (H, W, 3) or (H, W) arrays, float64 in 0..255. ValueError when shapes differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LARGEST_PSNR = 100.0  # dB, for equal pictures: infinity would spoil every mean


def luma(rgb: Array) -> Array:
    """(H, W): BT.601 studio-range luma, 16..235, MATLAB's rgb2ycbcr as super-resolution papers use it."""
    weighted: Array = rgb @ np.array([65.481, 128.553, 24.966])
    return np.round(16 + weighted / 255, 6)


def crop(picture: Array, border: int) -> Array:
    """The picture without `border` pixels at each side."""
    return picture[border:-border, border:-border] if border else picture


def psnr(a: Array, b: Array) -> float:
    """Peak signal-to-noise ratio in dB with a peak of 255; 100 for equal pictures."""
    _same(a, b)
    mse = float(np.mean((a - b) ** 2))
    return float(10 * np.log10(255**2 / mse)) if mse > 0 else LARGEST_PSNR


def ssim(a: Array, b: Array) -> float:
    """Structural similarity (Wang et al. 2004), mean over channels; 11 x 11 Gaussian window of sigma 1.5.

    The same as scikit-image's with gaussian_weights=True, use_sample_covariance=False, data_range=255.
    Raises ValueError for pictures under 11 pixels.
    """
    _same(a, b)
    if min(a.shape[:2]) < 11:
        raise ValueError(f"no SSIM of {a.shape[1]} x {a.shape[0]} pixels: the window is 11 x 11")
    if a.ndim == 3:
        return float(np.mean([ssim(a[..., c], b[..., c]) for c in range(a.shape[2])]))
    ua, ub = _blur(a), _blur(b)
    va, vb, vab = _blur(a * a) - ua * ua, _blur(b * b) - ub * ub, _blur(a * b) - ua * ub
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = (2 * ua * ub + c1) * (2 * vab + c2) / ((ua**2 + ub**2 + c1) * (va + vb + c2))
    return float(score.mean())


def fidelity(out: Array, truth: Array, border: int = 0) -> dict[str, float]:
    """PSNR and SSIM, `border` pixels at each side left off."""
    out, truth = crop(out, border), crop(truth, border)
    return {"psnr": psnr(out, truth), "ssim": ssim(out, truth)}


def lab(rgb: Array) -> Array:
    """(H, W, 3): CIE Lab of an sRGB picture."""
    import torch

    from pixcli.infer.lab import rgb_to_lab

    both = torch.cat(rgb_to_lab(torch.from_numpy(rgb / 255).movedim(-1, 0)))
    return both.movedim(0, -1).numpy()


def colour(out: Array, truth: Array, set_tint: Array) -> dict[str, float]:
    """How near the colours are, and how much colour there is; Lab units.

    ab_rmse beside three answers that see nothing: grey, the one tint that suits the whole set best
    (`set_tint`, its mean (a, b)), and each picture's own mean tint, which no method can know. chroma is the
    mean distance from grey, variety the spread of ab within the picture; both beside the truth's.
    """
    _same(out, truth)
    a, b = lab(out), lab(truth)
    ab, want = a[..., 1:], b[..., 1:]
    return {
        "ab_rmse": _rms(ab - want),
        "ab_rmse_gray": _rms(want),
        "ab_rmse_set_tint": _rms(want - set_tint),
        "ab_rmse_own_tint": _rms(want - want.mean((0, 1))),
        "chroma": float(np.linalg.norm(ab, axis=-1).mean()),
        "chroma_truth": float(np.linalg.norm(want, axis=-1).mean()),
        "variety": float(np.sqrt(ab.var((0, 1)).sum())),
        "variety_truth": float(np.sqrt(want.var((0, 1)).sum())),
        "lightness_diff": float(np.abs(a[..., 0] - b[..., 0]).mean()),
    }


def means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Each number's mean over the rows; shares of chroma and variety are ratios of means."""
    numbers = [k for k, v in rows[0].items() if isinstance(v, float)]
    mean = {k: float(np.mean([r[k] for r in rows])) for k in numbers}
    for name in ("chroma", "variety"):
        if f"{name}_truth" in mean:
            mean[f"{name}_share"] = mean[name] / max(mean[f"{name}_truth"], 1e-6)
    return mean


def _rms(ab: Array) -> float:
    return float(np.sqrt((ab**2).sum(-1).mean()))


def _blur(x: Array) -> Array:
    """(H - 10, W - 10): the Gaussian mean wherever the window lies wholly inside."""
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights /= weights.sum()
    rows = sum(w * x[i : x.shape[0] - 10 + i] for i, w in enumerate(weights))
    return np.asarray(sum(w * rows[:, i : x.shape[1] - 10 + i] for i, w in enumerate(weights)), np.float64)


def _same(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ")
