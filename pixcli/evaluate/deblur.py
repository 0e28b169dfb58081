"""How deblur is measured: kernels that no recipe has seen, or real pairs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixcli.evaluate import datasets, measures
from pixcli.evaluate.protocols import Files, Row
from pixcli.evaluate.restoration import Restoration, aligned, noise_of

LARGEST = 37  # pixels: side of the kernels that are taken
NOISE = 1 / 255


class Deblur(Restoration):
    """Each picture blurred by one of seven kernels estimated from real photographs (`estim_…`, up to 37 px).

    They are kept back for this; where they are not, seven arcs are drawn. Noise of 1 of 255 is added. Real
    pairs are compared at the best shift of one pixel too: `aligned`.
    """

    def about(self) -> str:
        kind = "kernels of real photographs" if kept() else "drawn arcs"
        return f"blurred by seven {kind}, noise 1, 8-bit, RGB"

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
    """Those that are kept for measuring, in the order of their names, or else the arcs."""
    file = kept()
    if file is None:
        return [arc(n) for n in range(7)]
    with np.load(file) as found:
        named = [found[name] for name in sorted(found) if name.startswith("estim_")]
    return [k.astype(np.float64) for k in named if len(k) <= LARGEST]


def kept() -> Path | None:
    """The file of kernels in PIXCLI_DATA."""
    path = Path(os.environ.get(datasets.VARIABLE, "")) / "data/blur/kernels.npz"
    return path if datasets.VARIABLE in os.environ and path.is_file() else None


def arc(number: int) -> measures.Array:
    """(37, 37): an even movement along a bent line of 8 to 26 pixels, each number in another direction."""
    along = np.linspace(-0.5, 0.5, 400)
    z = (8 + 3 * number) * (along + 1j * (number - 3) / 3 * (along**2 - 1 / 12)) * np.exp(2.4j * number)
    edges = np.arange(LARGEST + 1) - LARGEST / 2
    drawn: measures.Array = np.histogram2d(z.imag, z.real, bins=(edges, edges))[0]
    drawn /= drawn.sum()
    return drawn


def blur(plane: measures.Array, kernel: measures.Array) -> measures.Array:
    """(H, W) correlated with a kernel (k, k), k odd; mirrored at the border."""
    r = len(kernel) // 2
    padded = np.pad(plane, r, mode="reflect")
    size = [n + 2 * r for n in padded.shape]
    product = np.fft.rfft2(padded, size) * np.fft.rfft2(kernel[::-1, ::-1], size)
    wide = np.fft.irfft2(product, size)
    return wide[2 * r : 2 * r + plane.shape[0], 2 * r : 2 * r + plane.shape[1]]
