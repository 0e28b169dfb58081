"""What the papers measure of maps: labels, depth, normals, flow; from files that hold exact values."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixcli.errors import InputError
from pixcli.evaluate.measures import Array

Counts = NDArray[np.int64]
NEAREST, FARTHEST = 1e-3, 80.0  # metres that an answer is clipped to
EIGEN = (45 / 480, 471 / 480, 41 / 640, 601 / 640)  # top, bottom, left, right of the crop, parts of the sides
FLO = 202021.25  # the first number of a .flo file
UNKNOWN = 1e9  # of a .flo file: larger numbers


def confusion(out: NDArray[np.integer], truth: NDArray[np.integer], classes: int, void: set[int]) -> Counts:
    """(classes, classes) pixels, rows by truth; ids from `classes` on and of `void` do not count.

    An answer of no class counts as the first one. ValueError when shapes differ.
    """
    if out.shape != truth.shape:
        raise ValueError(f"shapes {out.shape} and {truth.shape} differ")
    a, b = out.astype(np.int64), truth.astype(np.int64)
    kept = (b < classes) & ~np.isin(b, list(void))
    a = np.where(a < classes, a, 0)
    return np.bincount(b[kept] * classes + a[kept], minlength=classes**2).reshape(classes, classes)


def labels(counts: Counts, astray: Counts | None = None) -> dict[str, float]:
    """Long et al. 2015: of the classes that the truth has at all. astray: as for `ious`."""
    right, truth, iou = np.diag(counts), counts.sum(1), ious(counts, astray)
    there = truth > 0
    return {
        "mean_iou": float(iou[there].mean()) if there.any() else 0.0,
        "pixel_accuracy": float(right.sum() / max(counts.sum(), 1)),
        "mean_accuracy": float((right[there] / truth[there]).mean()) if there.any() else 0.0,
        "fw_iou": float((truth * iou).sum() / max(counts.sum(), 1)),
    }


def ious(counts: Counts, astray: Counts | None = None) -> Array:
    """(classes,) intersection over union of each, 0 where there is neither.

    astray: (classes,) answers of each that are wrong where the truth is not one class alone.
    """
    right, truth, told = np.diag(counts), counts.sum(1), counts.sum(0) + (0 if astray is None else astray)
    return np.asarray(right / np.maximum(truth + told - right, 1), np.float64)


def depth(out: Array, truth: Array, crop: str = "none", align: str = "none") -> dict[str, float]:
    """Eigen et al. 2014; metres, a truth of 0 is a hole. ValueError when shapes differ or nothing is known.

    crop: "eigen" or "none". align: the answer is brought to the truth by "median" (a factor), "lsq" (factor
    and offset) or "none".
    """
    if out.shape != truth.shape:
        raise ValueError(f"shapes {out.shape} and {truth.shape} differ")
    known = truth > 0
    if crop == "eigen":
        height, width = truth.shape
        top, bottom, left, right = (
            int(part * n) for part, n in zip(EIGEN, (height, height, width, width), strict=True)
        )
        box = np.zeros_like(known)
        box[top:bottom, left:right] = True
        known &= box
    if not known.any():
        raise ValueError("the truth has no known depth")
    a, b = out[known], truth[known]
    if align == "median":
        a = a * np.median(b) / max(np.median(a), 1e-6)
    elif align == "lsq":
        factor, offset = np.linalg.lstsq(np.stack([a, np.ones_like(a)], 1), b, rcond=None)[0]
        a = factor * a + offset
    a = np.clip(a, NEAREST, FARTHEST)
    ratio, log = np.maximum(a / b, b / a), np.log(a) - np.log(b)
    return {
        **{f"delta{n}": float((ratio < 1.25**n).mean()) for n in (1, 2, 3)},
        "abs_rel": float((np.abs(a - b) / b).mean()),
        "sq_rel": float(((a - b) ** 2 / b).mean()),
        "rmse": float(np.sqrt(((a - b) ** 2).mean())),
        "rmse_log": float(np.sqrt((log**2).mean())),
        "scale_inv": float(np.sqrt(max((log**2).mean() - log.mean() ** 2, 0))),
    }


def angles(out: Array, truth: Array) -> Array:
    """Degrees between normals coded as RGB in 0..255, (n + 1) / 2, where the truth is not black."""
    if out.shape != truth.shape:
        raise ValueError(f"shapes {out.shape} and {truth.shape} differ")
    known = truth.sum(-1) > 0
    cosine = (_unit(out[known] / 127.5 - 1) * _unit(truth[known] / 127.5 - 1)).sum(-1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))), np.float64)


def normals(degrees: Array) -> dict[str, float]:
    """Fouhey et al. 2013: over all pixels of a set."""
    shares = {f"under_{d:g}": float((degrees < d).mean()) for d in (11.25, 22.5, 30)}
    return {"mean": float(degrees.mean()), "median": float(np.median(degrees)), **shares}


def flow(out: Array, truth: Array, known: NDArray[np.bool_]) -> dict[str, float]:
    """The mean end-point error in pixels, and KITTI's share of pixels off by more than 3 and by 5 %."""
    if out.shape != truth.shape:
        raise ValueError(f"shapes {out.shape} and {truth.shape} differ")
    error = np.linalg.norm(out - truth, axis=-1)[known]
    length = np.linalg.norm(truth, axis=-1)[known]
    return {"epe": float(error.mean()), "fl_all": float(((error > 3) & (error > 0.05 * length)).mean())}


def read_flow(path: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(H, W, 2) pixels to the right and down, and where they are known: .flo, KITTI's PNG, or npz.

    Read without our own reader: a fault there must show in the figures. Raises InputError.
    """
    try:
        if path.suffix == ".flo":
            data = path.read_bytes()
            mark, width, height = struct.unpack("<fii", data[:12])
            if mark != FLO:
                raise InputError(f"{path}: is no .flo file")
            found = np.frombuffer(data[12:], "<f4").reshape(height, width, 2)
            return found, np.asarray((np.abs(found) < UNKNOWN).all(-1))
        if path.suffix == ".npz":
            with np.load(path) as file:
                found = file["flow"].astype(np.float32)
                known = file["valid"].astype(bool) if "valid" in file else np.isfinite(found).all(-1)
                return found, known
        import imagecodecs

        coded = imagecodecs.png_decode(path.read_bytes()).astype(np.float32)
        return ((coded[..., :2] - 2**15) / 64).astype(np.float32), coded[..., 2] > 0
    except (OSError, ValueError, LookupError, struct.error, RuntimeError) as e:
        raise InputError(f"{path}: not readable as flow: {e}") from e


def _unit(n: Array) -> Array:
    return np.asarray(n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-6), np.float64)
