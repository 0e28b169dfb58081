"""How deblur is measured: kernels that no recipe has seen, or real pairs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixcli.errors import UsageError
from pixcli.evaluate import datasets, measures
from pixcli.evaluate.protocols import Files, Row
from pixcli.evaluate.restoration import Restoration, aligned, noise_of

LARGEST = 37  # pixels: side of the kernels that are taken
NOISE = 1 / 255


class Deblur(Restoration):
    """Each picture blurred by one of seven kernels estimated from real photographs (`estim_…`, up to 37 px).

    They are kept back for this; noise of 1 of 255 is added. Real pairs are compared at the best shift of one
    pixel too: `aligned`.
    """

    def about(self) -> str:
        return "blurred by seven kernels of real photographs, noise 1, 8-bit, RGB"

    def spoil(self, truth: measures.Array, number: int) -> NDArray[Any]:
        kernel = kernels()[number % len(kernels())]
        blurred = np.stack([blur(truth[..., c], kernel) for c in range(truth.shape[2])], 2)
        return blurred + NOISE * noise_of(number).standard_normal(blurred.shape)

    def rows(self, files: Sequence[Files]) -> list[Row]:
        rows = super().rows(files)
        if self.paired:
            for row, f in zip(rows, files, strict=True):
                row |= {"aligned": aligned(f.out, f.truth), "input_aligned": aligned(f.given, f.truth)}
        return rows


def kernels() -> list[measures.Array]:
    """The kernels that are kept for measuring, in the order of their names. Raises UsageError."""
    path = Path(os.environ.get(datasets.VARIABLE, "")) / "data/blur/kernels.npz"
    if datasets.VARIABLE not in os.environ or not path.is_file():
        raise UsageError("the kernels to blur with are not here", f"set {datasets.VARIABLE}")
    with np.load(path) as file:
        found = {name: file[name] for name in sorted(file) if name.startswith("estim_")}
    return [k.astype(np.float64) for k in found.values() if len(k) <= LARGEST]


def blur(plane: measures.Array, kernel: measures.Array) -> measures.Array:
    """(H, W) correlated with a kernel (k, k), k odd; mirrored at the border."""
    r = len(kernel) // 2
    padded = np.pad(plane, r, mode="reflect")
    size = [n + 2 * r for n in padded.shape]
    product = np.fft.rfft2(padded, size) * np.fft.rfft2(kernel[::-1, ::-1], size)
    wide = np.fft.irfft2(product, size)
    return wide[2 * r : 2 * r + plane.shape[0], 2 * r : 2 * r + plane.shape[1]]
