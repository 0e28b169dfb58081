"""How segment, depth, normals and flow are measured: pictures in, maps out, maps for truths."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixcli.errors import InputError, UsageError
from pixcli.evaluate import everyday_sets, maps
from pixcli.evaluate.datasets import DataSet, two_of
from pixcli.evaluate.protocols import Files, Protocol, Row
from pixcli.models import Card
from pixcli.tasks import everyday

CLASSES = 256
LEAST = 1e-3  # pixels: what a motion without any error counts as
CROPS, ALIGNS = ("none", "eigen"), ("none", "median", "lsq")


class Maps(Protocol):
    """The pictures of the set are given as they are; its maps are the truth."""

    text = ""

    def __init__(self) -> None:
        self.options = {}

    def pair(self) -> None:
        self.paired = True

    def files(self, folder: Path, truth: Path) -> Files:
        """Where those of one picture lie in the folder of a run."""
        given, out, right = (folder / name / f"{truth.stem}.png" for name in ("input", "output", "truth"))
        return Files(given, out, right)

    def lay(self, files: Files, picture: Path, given: Path | None) -> bool:
        """Write what is given and the truth; False where a picture cannot be measured on."""
        if given is None:
            raise UsageError("this task is measured on pairs", "a folder with the folders input and truth")
        with Image.open(given) as image:
            image.convert("RGB").save(files.given, compress_level=1)
        files.truth.write_bytes(picture.read_bytes())
        return True

    def rows(self, files: Sequence[Files]) -> list[Row]:
        rows = []
        for f in files:
            try:
                rows.append({"picture": f.truth.stem, **self.row(f)})
            except ValueError as e:
                raise InputError(f"{f.out}: cannot be measured: {e}") from e
        return rows

    def row(self, files: Files) -> dict[str, float]:
        """The measures of one picture. Raises ValueError."""
        raise NotImplementedError


class Segment(Maps):
    """Ids against ids, at the truth's size; one confusion matrix for the set. void: ids without a score.

    255 is void everywhere, and so is what classes.json beside the set calls so. A model of everyday classes
    is measured in these; a label that may mean several counts only against an answer that is none of them.
    """

    takes = ("void",)
    figure = "mean_iou"

    def __init__(self, void: str | None = None) -> None:
        super().__init__()
        try:
            self.void = {255, *(int(v) for v in (void or "").split(",") if v)}
        except ValueError:
            raise UsageError(f"--void {void}: no ids", "for instance 11 or 0,255") from None
        self.counts = np.zeros((CLASSES, CLASSES), np.int64)
        self.astray = np.zeros(CLASSES, np.int64)
        self.merged = ""
        self.text = "ids, one confusion matrix for the set, void left out"

    def meet(self, card: Card, pictures: DataSet) -> None:
        self.names = {int(row.get("id", n)): str(row["name"]) for n, row in enumerate(card.classes)}
        if tuple(self.names.values()) == everyday.NAMES:
            self.merged = pictures.labels
            self.text = f"everyday classes, {self.text}" if self.merged else self.text
        elif pictures.labels not in ("", "camvid"):
            raise UsageError(
                f"{pictures.name} is measured in everyday classes, which {card.name} does not tell"
            )

    def lay(self, files: Files, picture: Path, given: Path | None) -> bool:
        if not self.merged:
            self.void |= void_of(picture.resolve().parents[2] / "classes.json")
            return super().lay(files, picture, given)
        super().lay(files, picture, given)
        Image.fromarray(everyday_sets.truth(self.merged, picture)).save(files.truth)
        return True

    def row(self, files: Files) -> dict[str, float]:
        out, truth = read_ids(files.out), read_ids(files.truth)
        if self.merged:
            several = (truth >= len(everyday.CLASSES)) & (out < len(everyday.CLASSES))
            wrong = out[several][~everyday.ALLOWED[truth[several], out[several]]]
            self.astray += np.bincount(wrong, minlength=CLASSES)
            truth = np.where(truth < len(everyday.CLASSES), truth, everyday.VOID)
        counts = maps.confusion(out, truth, CLASSES, self.void)
        self.counts += counts
        return {"pixel_accuracy": maps.labels(counts)["pixel_accuracy"]}

    def means(self, rows: Sequence[Row]) -> dict[str, float]:
        found, truth = maps.ious(self.counts, self.astray), self.counts.sum(1)
        each = {f"iou_{name}": float(found[n]) for n, name in self.names.items() if truth[n]}
        return maps.labels(self.counts, self.astray) | each


class Depth(Maps):
    """Metres against metres, the mean over pictures.

    Files of 16 bits hold millimetres, 0 is a hole. 8-bit truths are parts of each picture's largest depth,
    which depth_scale.csv of the set says; pictures without one are left out.
    """

    takes = ("crop", "align")
    figure = "delta1"

    def __init__(self, crop: str | None = None, align: str | None = None) -> None:
        super().__init__()
        self.crop, self.align = crop or "eigen", align or "none"
        if self.crop not in CROPS or self.align not in ALIGNS:
            raise UsageError(f"--crop is one of {', '.join(CROPS)}, --align one of {', '.join(ALIGNS)}")
        self.text = f"metres, crop {self.crop}, align {self.align}"

    def lay(self, files: Files, picture: Path, given: Path | None) -> bool:
        with Image.open(picture) as image:
            if image.mode != "L":
                return super().lay(files, picture, given)
            values = np.asarray(image, np.float64)
        farthest = scales(picture).get((picture.parent.parent.name, picture.stem), 0.0)
        if not farthest:
            return False
        super().lay(files, picture, given)
        metres = (values + 0.5) * farthest / 255
        files.truth.unlink()
        np.save(files.truth.with_suffix(".npy"), metres)
        return True

    def row(self, files: Files) -> dict[str, float]:
        exact = files.truth.with_suffix(".npy")
        truth = np.load(exact) if exact.exists() else read_ids(files.truth) / 1000
        with Image.open(files.out) as image:
            unit = getattr(image, "text", {}).get("unit", "millimetres")
            values = np.asarray(image).astype(np.float64)
        if unit != "millimetres":
            raise ValueError("the model's depth is relative: metres are measured here")
        return maps.depth(values / 1000, truth, self.crop, self.align)


class Normals(Maps):
    """Degrees between RGB-coded normals where the truth is not black, over all pixels of the set."""

    figure = "mean"
    text = "8-bit RGB, degrees over all known pixels"

    def __init__(self) -> None:
        super().__init__()
        self.degrees: list[Any] = []

    def row(self, files: Files) -> dict[str, float]:
        self.degrees.append(maps.angles(read_rgb(files.out), read_rgb(files.truth)))
        return {"mean": float(self.degrees[-1].mean())}

    def means(self, rows: Sequence[Row]) -> dict[str, float]:
        return maps.normals(np.concatenate(self.degrees))


class Flow(Maps):
    """Pixels of motion where the truth is known, those that are hidden in the second picture included.

    The mean over scenes, and the geometric mean of the end-point error, in which none outweighs the rest.
    """

    figure = "epe_geometric"
    text = "end-point error in pixels, Fl-all, all known pixels"

    def files(self, folder: Path, truth: Path) -> Files:
        scene = truth.parent.name
        out = folder / "output" / scene / "1_2.flo"
        return Files(folder / "input" / scene / "1.png", out, folder / "truth" / f"{scene}{truth.suffix}")

    def lay(self, files: Files, picture: Path, given: Path | None) -> bool:
        if given is None or picture.stem != "flow":
            raise UsageError(
                "flow is measured on scenes", "a folder of folders with two pictures and flow.png"
            )
        files.given.parent.mkdir()
        for n, path in enumerate(two_of(picture.parent), 1):
            with Image.open(path) as image:
                image.convert("RGB").save(files.given.with_stem(str(n)), compress_level=1)
        files.truth.write_bytes(picture.read_bytes())
        return True

    def row(self, files: Files) -> dict[str, float]:
        (out, _), (truth, known) = (maps.read_flow(path) for path in (files.out, files.truth))
        return maps.flow(out.astype(np.float64), truth.astype(np.float64), known)

    def means(self, rows: Sequence[Row]) -> dict[str, float]:
        errors = [max(row["epe"], LEAST) for row in rows]
        return super().means(rows) | {"epe_geometric": float(np.exp(np.mean(np.log(errors))))}


def scales(picture: Path) -> dict[tuple[str, str], float]:
    """Largest depth in metres by (split, name), where the set has a table of them."""
    table = picture.parents[2] / "depth_scale.csv"
    if not table.exists():
        raise UsageError(f"{picture} has 8 bits, and there is no {table}")
    with table.open(newline="") as file:
        return {(row["split"], row["name"]): float(row["max_m"]) for row in csv.DictReader(file)}


def void_of(table: Path) -> set[int]:
    """The ids that a set's own list of classes calls void."""
    if not table.exists():
        return set()
    rows = json.loads(table.read_text(encoding="utf-8"))
    rows = rows["classes"] if isinstance(rows, dict) else rows
    return {int(row["id"]) for row in rows if row.get("ignore") or str(row["name"]).lower() == "void"}


def read_ids(path: Path) -> Any:
    """(H, W) as they lie in the file: indices of palettes, 8 or 16 bits."""
    with Image.open(path) as image:
        return np.asarray(image)


def read_rgb(path: Path) -> Any:
    """(H, W, 3) float64 in 0..255."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float64)
