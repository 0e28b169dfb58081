"""What the protocols of restoration share: the answer beside the input, pairs, clean pictures left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixcli.evaluate import measures
from pixcli.evaluate.datasets import read
from pixcli.evaluate.protocols import Files, Protocol, Row, compare

WORSE = 0.1  # dB under the input from which a picture counts as worse


class Restoration(Protocol):
    """PSNR and SSIM on RGB, those of the input beside them, and the share of pictures that became worse.

    clean: the truth itself is given; PSNR says how far it is left alone.
    """

    takes: tuple[str, ...] = ("clean",)
    figure = "psnr"
    channel = "rgb"

    def __init__(self, clean: bool | None = None) -> None:
        self.clean, self.options = bool(clean), {}
        self.text = "clean pictures in, RGB" if clean else self.about()

    def pair(self) -> None:
        if not self.clean:
            self.paired, self.text = True, f"pairs, {self.channel.upper()}, 8-bit"

    def about(self) -> str:
        """The protocol in words."""
        raise NotImplementedError

    def spoil(self, truth: measures.Array, number: int) -> NDArray[Any]:
        """What is given in place of the truth (H, W, C) in 0..1, the number-th of the set: also in 0..1."""
        raise NotImplementedError

    def degrade(self, truth: NDArray[np.uint8], number: int = 0) -> NDArray[Any]:
        if self.clean:
            return truth
        return eight(self.spoil(truth / 255.0, number))

    def rows(self, files: Sequence[Files]) -> list[Row]:
        rows = compare(self.channel, [(f.out, f.truth) for f in files])
        for row, f in zip(rows, files, strict=True):
            if self.clean:
                continue
            before = self.input_figures(f)
            row |= {f"input_{k}": v for k, v in before.items()}
            row["worse"] = float(row["psnr"] < before["psnr"] - WORSE)
        return rows

    def input_figures(self, files: Files) -> dict[str, float]:
        return {
            k: v for k, v in compare(self.channel, [(files.given, files.truth)])[0].items() if k != "picture"
        }


def eight(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """0..1 as 8-bit pixels, rounded and clipped."""
    return np.asarray(np.rint(picture * 255).clip(0, 255), np.uint8)


def noise_of(number: int) -> np.random.Generator:
    """The chance of one picture of a set, the same on every machine."""
    return np.random.default_rng([0, number])


def aligned(out: Path, truth: Path, most: int = 1) -> float:
    """PSNR at the best shift of up to `most` pixels, the borders left off."""
    a, b = (read(p).astype(np.float64) for p in (out, truth))
    h, w = b.shape[:2]
    inner = b[most : h - most, most : w - most]
    shifts = range(2 * most + 1)
    return max(
        measures.psnr(a[y : y + len(inner), x : x + inner.shape[1]], inner) for y in shifts for x in shifts
    )
