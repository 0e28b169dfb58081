"""How denoise is measured: white Gaussian noise, neither clipped nor rounded, as papers do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from pixcli.errors import UsageError
from pixcli.evaluate import measures
from pixcli.evaluate.datasets import read
from pixcli.evaluate.protocols import Files, Row
from pixcli.evaluate.restoration import Restoration


class Denoise(Restoration):
    """Noise of one level on RGB, or on grey; seed 0 for each picture. The answer is rounded to 8 bits.

    The noisy picture goes through a file of float32 (a file of 8 bits would round and clip it). The network
    sees the level for itself unless --sigma tells it. peers: BM3D, which is told the level, beside it.
    """

    takes = ("noise", "channel", "clean", "peers")

    def __init__(
        self,
        noise: Any = None,
        channel: str | None = None,
        clean: bool | None = None,
        peers: bool | None = None,
    ) -> None:
        self.noise, self.channel = float(25 if noise is None else noise), channel or "rgb"
        if self.channel not in ("rgb", "gray"):
            raise UsageError(f"denoise is measured on rgb or gray, not {self.channel}")
        if not 0 < self.noise <= 100:
            raise UsageError(f"--noise {self.noise:g} is not within 0 … 100")
        self.bm3d = bm3d() if peers else None
        super().__init__(clean)

    def about(self) -> str:
        return f"sigma {self.noise:g}, {self.channel.upper()}, not clipped, seed 0"

    def truth(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.channel == "rgb":
            return picture
        from PIL import Image

        return np.asarray(Image.fromarray(picture).convert("L"))

    def degrade(self, truth: NDArray[np.uint8], number: int = 0) -> NDArray[Any]:
        if self.clean:
            return truth
        noise = np.random.default_rng(0).standard_normal(truth.shape)
        return ((truth + self.noise * noise) / 255).astype(np.float32)

    def rows(self, files: Sequence[Files]) -> list[Row]:
        rows = super().rows(files)
        if self.bm3d is not None and not self.clean:
            for row, f in zip(rows, files, strict=True):
                answer = np.rint(self.bm3d(tifffile.imread(f.given), self.noise / 255) * 255).clip(0, 255)
                truth = read(f.truth).astype(np.float64)
                row["bm3d_psnr"] = measures.psnr(answer, truth if answer.ndim == 3 else truth[..., 0])
        return rows

    def input_figures(self, files: Files) -> dict[str, float]:
        given = tifffile.imread(files.given).astype(np.float64) * 255
        truth = read(files.truth).astype(np.float64)
        return {"psnr": measures.psnr(given, truth if given.ndim == 3 else truth[..., 0])}


def bm3d() -> Callable[[NDArray[Any], float], NDArray[Any]]:
    """BM3D (Dabov et al. 2007) of a picture (H, W[, 3]) and its sigma, in one unit. Raises UsageError."""
    try:
        from bm3d import bm3d as grey
        from bm3d import bm3d_rgb
    except ImportError:
        raise UsageError("no peer without bm3d", "pip install bm3d (not for commercial use)") from None

    def filtered(noisy: NDArray[Any], sigma: float) -> NDArray[Any]:
        wide = noisy.astype(np.float64)
        return np.asarray(bm3d_rgb(wide, sigma) if noisy.ndim == 3 else grey(wide, sigma)).reshape(
            noisy.shape
        )

    return filtered
