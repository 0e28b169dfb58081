"""Sets of labels in miniature, laid out as the real ones are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (50, 60)  # rows, columns
COCO = {1: "person", 3: "car", 17: "cat", 187: "sky-other-merged", 193: "grass-merged"}


def _pictures(folder: Path, names: list[str], rng: np.random.Generator, size: tuple[int, int] = SIZE) -> None:
    folder.mkdir(parents=True)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)


def _ids(folder: Path, names: list[str], ids: int, size: tuple[int, int] = SIZE) -> None:
    """Stripes of all ids, those from 0 to ids - 1."""
    folder.mkdir(parents=True)
    stripes = np.arange(size[1]) * ids // size[1]
    for name in names:
        Image.fromarray(np.tile(stripes.astype(np.uint8), (size[0], 1))).save(folder / name)


def make_streets(data: Path) -> None:
    rng, stems = np.random.default_rng(0), [str(n) for n in range(5)]
    names = ["Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car"]
    names += ["Pedestrian", "Bicyclist", "Void"]
    for part in ("train", "val"):
        folder = data / "data/camvid" / part
        _pictures(folder / "images", [f"{s}.webp" for s in stems], rng)
        _ids(folder / "labels", [f"{s}.png" for s in stems], len(names))
    rows = [{"id": n, "name": name} for n, name in enumerate(names)]
    (data / "data/camvid/classes.json").write_text(json.dumps(rows))


def make_coco(data: Path) -> None:
    """12 pictures with panoptic labels a part; twice one picture with a car, a cat and a crowd."""
    rng, folder = np.random.default_rng(1), data / "data/panoptic"
    for part in ("train", "val"):
        _pictures(folder / part / "images", [f"{n:02d}.webp" for n in range(12)], rng)
        (folder / part / "panoptic").mkdir()
    ids = list(range(1000, 1000 + len(COCO)))
    coded = np.array(ids)[np.arange(SIZE[1]) * len(ids) // SIZE[1]]
    png = np.stack([coded % 256, coded // 256 % 256, coded // 65536], -1).astype(np.uint8)
    told = []
    for n in range(12):
        for part in ("train", "val"):
            Image.fromarray(np.tile(png, (SIZE[0], 1, 1))).save(folder / part / f"panoptic/{n:02d}.png")
        segments = [{"id": i, "category_id": c, "iscrowd": 0} for i, c in zip(ids, COCO, strict=True)]
        told.append({"image": f"{n:02d}.webp", "panoptic": f"{n:02d}.png", "segments_info": segments})
    for part in ("train", "val"):
        (folder / part / "segments.json").write_text(json.dumps({"annotations": told}))
    rows = [{"id": i, "name": name, "isthing": int(i < 91)} for i, name in COCO.items()]
    (folder / "categories.json").write_text(json.dumps(rows))
    h, w = SIZE
    car = {"category_id": 3, "iscrowd": 0, "area": 200, "segmentation": [[0, 0, 20, 0, 20, 10, 0, 10]]}
    cat = {"category_id": 17, "iscrowd": 0, "area": 16, "segmentation": [[4, 4, 8, 4, 8, 8, 4, 8]]}
    # by columns: the last ten of them
    crowd = {"size": [h, w], "counts": [h * (w - 10), h * 10]}
    people = {"category_id": 1, "iscrowd": 1, "area": h * 10, "segmentation": crowd}
    annotations = [{"image_id": 5, **a} for a in (cat, car, people)]
    for part in ("coco_mini", "coco_tiny"):
        folder = data / "data/coco_instances" / part
        _pictures(folder / "train2017", ["a.jpg"], rng)
        images = [{"id": 5, "file_name": "a.jpg", "width": w, "height": h}]
        table = json.dumps({"images": images, "annotations": annotations})
        (folder / "instances_train2017.json").write_text(table)


def make_indoors(data: Path) -> None:
    """Two labelled frames that are trained on and three that are held back."""
    folder, stems = data / "data/nyuv2", ["0021", "0028", "0076", "0079", "0084"]
    _pictures(folder / "test/rgb", [f"{s}.webp" for s in stems], np.random.default_rng(2), (240, 320))
    _ids(folder / "test/labels40", [f"{s}.png" for s in stems], 4, (240, 320))
    rows = [{"id": n, "name": name} for n, name in enumerate(("void", "wall", "floor", "mirror"))]
    (folder / "classes.json").write_text(json.dumps({"ids40": rows}))


def make_people(data: Path) -> None:
    folder, stems = data / "data/people_small", [str(n) for n in range(6)]
    _pictures(folder / "images", [f"{s}.webp" for s in stems], np.random.default_rng(3))
    _ids(folder / "labels", [f"{s}.png" for s in stems], 3)
    rows = {str(n): {"name": name, "pixels": 1} for n, name in enumerate(("null", "bag", "coat"))}
    (folder / "classes.json").write_text(json.dumps(rows))


def make_all(data: Path) -> None:
    make_streets(data)
    make_coco(data)
    make_indoors(data)
    make_people(data)
