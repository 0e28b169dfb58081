"""How inpaint is measured: strokes of a brush over whole pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pixcli.errors import UsageError
from pixcli.evaluate import damage, measures
from pixcli.evaluate.datasets import read
from pixcli.evaluate.protocols import Files, Protocol, Row, compare
from pixcli.evaluate.restoration import noise_of
from pixcli.tasks.inpaint import FINDER

Fill = Callable[[NDArray[np.uint8], NDArray[np.bool_]], NDArray[np.uint8]]


class Inpaint(Protocol):
    """Strokes over 10 to 30 % of each picture are made transparent black, seed 0, and filled by --mask alpha.

    hole_psnr: over the hole alone; ssim: of the whole picture; outside_equal: 1 when no other pixel changed.
    peers: the same for Telea's and the Navier-Stokes filling of OpenCV and scikit-image's biharmonic one.

    damage: scratches, specks and cracks are drawn over instead, for --mask auto to find (damage.py). clean:
    whole pictures are given to --mask auto. Either measures the model that finds.
    """

    takes = ("peers", "damage", "clean")
    figure = "hole_psnr"
    text = "strokes over 10 to 30 %, seed 0, RGB"

    def __init__(
        self, peers: bool | None = None, damage: bool | None = None, clean: bool | None = None
    ) -> None:
        self.options = {"mask": "alpha"}
        self.peers = classical() if peers else {}
        self.clean, self.seeks = bool(clean), bool(damage or clean)
        if self.seeks:
            self.options = {"mask": "auto", "save_mask": True}
            self.model = FINDER
            self.figure = "found" if clean else "recall"
            self.text = "clean pictures in" if clean else "scratches, specks and cracks drawn over, seed 0"

    def degrade(self, truth: NDArray[np.uint8], number: int = 0) -> NDArray[Any]:
        if self.seeks:
            return truth if self.clean else damage.spoilt(truth, number)
        height, width = truth.shape[:2]
        hole = strokes(height, width, noise_of(number))[..., None]
        return np.concatenate([np.where(hole, 0, truth), np.where(hole, 0, 255)], 2).astype(np.uint8)

    def rows(self, files: Sequence[Files]) -> list[Row]:
        if self.seeks:
            return damage.judged(files, clean=self.clean)
        rows = compare("rgb", [(f.out, f.truth) for f in files])
        for row, f in zip(rows, files, strict=True):
            with Image.open(f.given) as image:
                hole = np.asarray(image)[..., 3] == 0
            truth, out = read(f.truth), read(f.out)
            row |= {
                "hole_psnr": hole_psnr(out, truth, hole),
                "hole_share": float(hole.mean()),
                "outside_equal": float((out[~hole] == truth[~hole]).all()),
            }
            for name, fill in self.peers.items():
                other = fill(read(f.given), hole)
                row[f"{name}_hole_psnr"] = hole_psnr(other, truth, hole)
                row[f"{name}_ssim"] = measures.ssim(other.astype(np.float64), truth.astype(np.float64))
        return rows


def hole_psnr(out: NDArray[np.uint8], truth: NDArray[np.uint8], hole: NDArray[np.bool_]) -> float:
    return measures.psnr(out[hole].astype(np.float64), truth[hole].astype(np.float64))


def strokes(height: int, width: int, chance: np.random.Generator) -> NDArray[np.bool_]:
    """(H, W): strokes of a brush led by a hand, until 10 to 30 % of the picture are covered."""
    wanted = chance.uniform(0.1, 0.28) * height * width
    image = Image.new("1", (width, height))
    draw = ImageDraw.Draw(image)
    reach = min(height, width) / 8
    while np.asarray(image).sum() < wanted:
        thick = int(chance.integers(4, 17))
        x, y, turn = chance.uniform(0, width), chance.uniform(0, height), chance.uniform(0, 2 * np.pi)
        for _ in range(int(chance.integers(2, 7))):
            turn += chance.normal(0, 0.7)
            away = chance.uniform(0.2, 1) * reach
            to = x + away * np.cos(turn), y + away * np.sin(turn)
            draw.line((x, y, *to), fill=1, width=thick)
            r = thick / 2
            draw.ellipse((to[0] - r, to[1] - r, to[0] + r, to[1] + r), fill=1)
            x, y = to
    return np.asarray(image)


def classical() -> dict[str, Fill]:
    """The classical fillings, of libraries. Raises UsageError where these are not installed."""
    try:
        import cv2
        from skimage.restoration import inpaint_biharmonic
    except ImportError as e:
        raise UsageError(
            f"no peers without {e.name}", "pip install opencv-python-headless scikit-image"
        ) from None

    def by_cv2(method: int) -> Fill:
        return lambda rgb, hole: np.asarray(cv2.inpaint(rgb, hole.astype(np.uint8), 3, method), np.uint8)

    def biharmonic(rgb: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
        filled = inpaint_biharmonic(rgb / 255, hole, split_into_regions=True, channel_axis=2)
        return np.asarray(np.rint(filled * 255).clip(0, 255), np.uint8)

    return {
        "telea": by_cv2(cv2.INPAINT_TELEA),
        "navier_stokes": by_cv2(cv2.INPAINT_NS),
        "biharmonic": biharmonic,
    }
