"""How panoptic is measured: COCO's panoptic quality, from the PNGs and the JSON that the command writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixcli.errors import InputError, UsageError
from pixcli.evaluate.geometry import Maps
from pixcli.evaluate.protocols import Files, Row
from pixcli.infer.segments import Counts, added, agreement, joined, quality

CODE = (1, 256, 65536)  # what red, green and blue are worth in an id
GROUPS = {"": (True, False), "things_": (True,), "stuff_": (False,)}


class Panoptic(Maps):
    """PQ, SQ and RQ: the means over the classes, the things and the stuff of the set; PQ of each class.

    The truth is a folder of COCO's PNGs and a JSON beside it: segments.json, or with the folder's own name.
    Where a class of the model stands for several of the truth's, those are one in the truth too; what of them
    is not one thing becomes a crowd. Kept are truth/ and truth.json as other evaluators read them.
    """

    figure = "pq"
    text = "COCO's panoptic quality, void and crowds forgiven"

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counts = {}
        self.things: dict[int, bool] = {}
        self.set: dict[str, Any] = {}

    def lay(self, files: Files, picture: Path, given: Path | None) -> bool:
        if not self.set:
            self.set = truth_of(picture.parent)
        if picture.name not in self.set["annotations"]:
            raise InputError(f"{picture}: the list of segments does not name it")
        return super().lay(files, picture, given)

    def rows(self, files: Sequence[Files]) -> list[Row]:
        told_path = files[0].out.parent / "panoptic.json"
        told = json.loads(told_path.read_text(encoding="utf-8"))
        by_name = {Path(row["file_name"]).stem: row for row in told["annotations"]}
        categories = {int(c["id"]): c for c in told["categories"]}
        self.things = {n: bool(c["isthing"]) for n, c in categories.items()}
        class_of = {m: n for n, c in categories.items() for m in c.get("merges", [n])}
        kept, rows = [], []
        for f in files:
            out, answer = by_name[f.out.stem], read_coded(f.out)
            row, ids = self.set["annotations"][f"{f.truth.stem}.png"], read_coded(f.truth)
            ids, truth = self.merged(ids, row["segments_info"], class_of)
            Image.fromarray((ids[..., None] // CODE % 256).astype(np.uint8)).save(f.truth, compress_level=1)
            kept.append({"image_id": out["image_id"], "file_name": f.truth.name, "segments_info": truth})
            segments = {s["id"]: s["category_id"] for s in out["segments_info"]}
            real = {s["id"]: s["category_id"] for s in truth}
            crowds = [s["id"] for s in truth if s["iscrowd"]]
            try:
                counts = agreement(answer, ids, segments, real, crowds)
            except ValueError as e:
                raise InputError(f"{f.out}: cannot be measured: {e}") from e
            self.counts = added(self.counts, counts)
            rows.append({"picture": f.truth.stem, **self.figures(counts)})
        words = {"images": told["images"], "annotations": kept, "categories": told["categories"]}
        path = files[0].truth.parent.with_suffix(".json")
        path.write_text(json.dumps(words), encoding="utf-8")
        self.names = {n: str(c["name"]) for n, c in categories.items()}
        return rows

    def figures(self, counts: Counts) -> dict[str, float]:
        """The means over classes, things and stuff; of what neither the truth nor the answer has, none."""
        found, means = quality(counts), {}
        for name, kinds in GROUPS.items():
            group = [q for n, q in found.items() if self.things[n] in kinds]
            for i, figure in enumerate(("pq", "sq", "rq") if group else ()):
                means[f"{name}{figure}"] = float(np.mean([q[i] for q in group]))
        return means

    def means(self, rows: Sequence[Row]) -> dict[str, float]:
        found = quality(self.counts)
        each = {f"pq_{name}": found[n][0] for n, name in self.names.items() if n in found}
        return self.figures(self.counts) | each

    def merged(
        self, ids: NDArray[np.int64], rows: list[dict[str, Any]], class_of: dict[int, int]
    ) -> tuple[NDArray[np.int64], list[dict[str, Any]]]:
        """A truth in the model's classes: its ids (H, W) and its segments."""
        known = self.set["things"]
        fine = [
            (s["id"], class_of.get(s["category_id"]), s["category_id"] in known and not s.get("iscrowd", 0))
            for s in rows
        ]
        if all(class_of.get(n) == n for n in class_of):  # the truth's own classes
            return ids, [
                {"id": s["id"], "category_id": s["category_id"], "iscrowd": s.get("iscrowd", 0)}
                | {"area": int(np.count_nonzero(ids == s["id"]))}
                for s in rows
            ]
        order = sorted(self.things)
        place = {n: i for i, n in enumerate(order)}
        new, real, crowds = joined(
            [(old, None if kind is None else place[kind], alone) for old, kind, alone in fine],
            [self.things[n] for n in order],
        )
        olds, where = np.unique(ids, return_inverse=True)
        ids = np.array([new.get(int(old), 0) for old in olds])[where].reshape(ids.shape)
        sizes = dict(zip(*(v.tolist() for v in np.unique(ids, return_counts=True)), strict=True))
        return ids, [
            {"id": n, "category_id": order[kind], "iscrowd": int(n in crowds), "area": sizes[n]}
            for n, kind in real.items()
            if n in sizes
        ]


def read_coded(path: Path) -> NDArray[np.int64]:
    """(H, W) ids of a PNG in COCO's coding."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.int64) @ CODE


def truth_of(folder: Path) -> dict[str, Any]:
    """A set's list of segments by the name of the PNG, and which categories are things. Raises UsageError."""
    places = (folder.with_name(f"{folder.name}.json"), folder.parent / "segments.json")
    path = next((p for p in places if p.is_file()), None)
    if path is None:
        raise UsageError(f"{folder} has no list of segments", f"it would be {places[0]}")
    told = json.loads(path.read_text(encoding="utf-8"))
    table = told.get("categories")
    if table is None:
        table = json.loads((folder.parent.parent / "categories.json").read_text(encoding="utf-8"))
    return {
        "annotations": {row.get("file_name", row.get("panoptic")): row for row in told["annotations"]},
        "things": {row["id"] for row in table if row.get("isthing", 1)},
    }
