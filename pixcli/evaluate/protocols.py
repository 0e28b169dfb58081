"""How papers measure a task: what the network is given, and how its 8-bit answer is compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixcli.errors import InputError, UsageError
from pixcli.evaluate import measures
from pixcli.evaluate.datasets import DataSet, read
from pixcli.models import Card

Pixels = NDArray[np.uint8]
Row = dict[str, Any]  # "picture": its stem; all else floats

CHANNELS = ("y", "rgb", "gray")
KINDS = (*CHANNELS, "color")


@dataclass(frozen=True)
class Files:
    """One picture of a run: what was given, what came out, what should have."""

    given: Path
    out: Path
    truth: Path


class Protocol:
    """How one task is measured.

    takes: the names of the constructor's options, all of which may be None. paired: whether the set brings
    its own inputs. text: the protocol in words, for tables and cards. figure: what counts most. options:
    what the task is to be made with. model: whose figures they are, where it is not the task's network.
    """

    takes: tuple[str, ...] = ()
    paired = False
    text: str
    figure: str
    options: dict[str, Any]
    model: str | None = None

    def pair(self) -> None:
        """The set brings its own inputs. Raises UsageError where that is of no use."""
        raise UsageError("this task is not measured on pairs", "name a folder of pictures")

    def meet(self, card: Card, pictures: DataSet) -> None:
        """The model that is measured and the set, before the first picture. Raises UsageError."""

    def truth(self, picture: Pixels) -> Pixels:
        """The picture as it is compared with: (H, W, 3), or (H, W) for grey."""
        return picture

    def degrade(self, truth: Pixels, number: int = 0) -> NDArray[Any]:
        """What the task is given of the number-th picture: (h, w, 3), (h, w) for grey, (h, w, 4) with alpha.

        8-bit, or float32 with 0..1 for what must be neither rounded nor clipped.
        """
        raise NotImplementedError

    def rows(self, files: Sequence[Files]) -> list[Row]:
        """The measures of each picture, baselines beside them."""
        raise NotImplementedError

    def means(self, rows: Sequence[Row]) -> dict[str, float]:
        """The measures of the set."""
        return measures.means(rows)


class SuperRes(Protocol):
    """The truth cut to a multiple of the scale and reduced by bicubic (a = -0.5, antialiased as MATLAB).

    PSNR and SSIM on the 8-bit answer, `scale` pixels at each border left off; enlarging by bicubic beside
    it. Bicubic itself comes out at 33.68 / 30.41 / 28.43 dB on Set5 x2 / x3 / x4; papers, which reduce the
    luma instead of RGB, have 33.66 / 30.39 / 28.42.
    """

    takes = ("scale", "channel")
    figure = "psnr"

    def __init__(self, scale: float | str | None = None, channel: str | None = None) -> None:
        factor, channel = float(scale or 4), channel or "y"
        if factor != int(factor) or factor < 2:
            raise UsageError(f"superres is measured at whole scales from 2 on, not {factor:g}")
        scale = int(factor)
        if channel not in CHANNELS:
            raise UsageError(f"{channel!r} is no channel to measure on: {', '.join(CHANNELS)}")
        self.scale, self.channel = scale, channel
        self.options = {"scale": scale}
        self.text = f"x{scale}, {channel.upper()}, border {scale}, 8-bit, antialiased bicubic down"

    def truth(self, picture: Pixels) -> Pixels:
        height, width = (n // self.scale * self.scale for n in picture.shape[:2])
        return picture[:height, :width]

    def degrade(self, truth: Pixels, number: int = 0) -> Pixels:
        return bicubic(truth, truth.shape[0] // self.scale, truth.shape[1] // self.scale)

    def rows(self, files: Sequence[Files]) -> list[Row]:
        rows = compare(self.channel, [(f.out, f.truth) for f in files], self.scale)
        for row, f in zip(rows, files, strict=True):
            truth = read(f.truth)
            enlarged = bicubic(read(f.given), *truth.shape[:2])
            plain = _fidelity(self.channel, enlarged, truth, self.scale)
            row |= {f"bicubic_{k}": v for k, v in plain.items()}
        return rows


class Colorize(Protocol):
    """Grey of the truth's own lightness (L of Lab, ab = 0, 8 bit) is given; ab of the answer is measured."""

    figure = "ab_rmse"
    text = "grey of the truth's L in, 8-bit; RMSE of ab"

    def __init__(self) -> None:
        self.options = {}

    def degrade(self, truth: Pixels, number: int = 0) -> Pixels:
        import torch

        from pixcli.infer.lab import lab_to_rgb, rgb_to_lab

        lightness, ab = rgb_to_lab(torch.from_numpy(truth).movedim(-1, 0).double() / 255)
        gray = lab_to_rgb(lightness, torch.zeros_like(ab))[1]
        return (gray * 255).round().to(torch.uint8).numpy()

    def rows(self, files: Sequence[Files]) -> list[Row]:
        return compare("color", [(f.out, f.truth) for f in files])


def compare(kind: str, files: Sequence[tuple[Path, Path]], border: int = 0) -> list[Row]:
    """One row for each pair (output, truth) of 8-bit files. kind: "y", "rgb", "gray" or "color".

    Raises InputError when a pair differs in size or cannot be read.
    """
    tint = (
        np.mean([measures.lab(b)[..., 1:].mean((0, 1)) for _, b in _open(files)], 0)
        if kind == "color"
        else None
    )
    rows = []
    for (path, _), (out, truth) in zip(files, _open(files), strict=True):
        try:
            row = (
                measures.colour(out, truth, tint) if tint is not None else _fidelity(kind, out, truth, border)
            )
        except ValueError as e:
            raise InputError(f"{path}: cannot be measured: {e}") from e
        rows.append({"picture": path.stem, **row})
    return rows


def pairs(out: Path, truth: Path) -> list[tuple[Path, Path]]:
    """(output, truth), paired by stem. Raises InputError unless each truth has exactly one output."""
    found = []
    for t in sorted(p for p in truth.iterdir() if p.is_file()):
        hits = [o for o in out.iterdir() if o.stem == t.stem and o.is_file()]
        if len(hits) != 1:
            raise InputError(f"{out}: {len(hits)} outputs for {t.name}")
        found.append((hits[0], t))
    return found


def bicubic(picture: Pixels, height: int, width: int) -> Pixels:
    """The picture resized as by MATLAB's imresize (to 0.002 dB on Set5): a = -0.5, antialiased."""
    import torch

    from pixcli.infer.resize import resize

    x = torch.from_numpy(np.ascontiguousarray(picture)).movedim(-1, 0)
    return resize(x, height, width).movedim(0, -1).numpy()


def _open(files: Sequence[tuple[Path, Path]]) -> Iterator[tuple[measures.Array, measures.Array]]:
    for out, truth in files:
        yield read(out).astype(np.float64), read(truth).astype(np.float64)


def _fidelity(kind: str, out: NDArray[Any], truth: NDArray[Any], border: int) -> dict[str, float]:
    if kind == "y":
        return measures.fidelity(measures.luma(out), measures.luma(truth), border)
    if kind == "gray":
        return measures.fidelity(_gray(out), _gray(truth), border)
    return measures.fidelity(out.astype(np.float64), truth.astype(np.float64), border)


def _gray(rgb: NDArray[Any]) -> measures.Array:
    """(H, W): 8-bit grey, rounded as Pillow's "L"; what is grey already stays as it is."""
    from PIL import Image

    return np.asarray(Image.fromarray(rgb.astype(np.uint8)).convert("L"), np.float64)
