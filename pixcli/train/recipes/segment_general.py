"""segment-general: the everyday classes, from five sets that each know some of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from pixcli.tasks import everyday
from pixcli.tasks.everyday import VOID
from pixcli.train import coco
from pixcli.train.labelled import Codes, Labelled, pairs, read_labels
from pixcli.train.labelling import Labelling, label_weights
from pixcli.train.store import Source

COCO = "annotations CC BY 4.0; pictures under Flickr users' licences"
PANOPTIC = Source("data/panoptic/train", 0.34, title="COCO panoptic, 100 pictures of train2017", licence=COCO)
THINGS = tuple(
    Source(f"data/coco_instances/{part}", 0.11, title=f"COCO things, 80 pictures ({of})", licence=COCO)
    for part, of in (
        ("coco_mini", "train2017 of the public repository Obmutescence/COCO-MINI, 644f29e"),
        ("coco_tiny", "train2017 of the public repository zzowenzz/COCO_Tiny, e7a689f"),
    )
)
ROOMS = Source(
    "data/nyuv2",
    0.26,
    title="NYU Depth v2, three quarters of 380 labelled frames, by room",
    licence="research",
)
STREETS = Source(
    "data/camvid/train", 0.08, title="CamVid, 367 training frames", licence="offered for research"
)
PEOPLE = Source(
    "data/people_small", 0.10, title="Clothing Co-Parsing, 92 photographs", licence="Apache-2.0 (repository)"
)
HELD_STREETS = Source("data/camvid/val")
INNER = (slice(23, 236), slice(21, 301))  # of the rooms' frames: their white rim is left out
NEAR = 49  # pixels: farther from somebody, those in the background of the clothes' set have no label
BAGS = {"bag", "purse", "wallet"}
SIDE = 400  # pixels that the stored pictures' shorter sides have at most
Items = list[tuple[Path, Callable[[], Codes]]]


class SegmentGeneral(Labelling):
    name = "segment_general"
    title = "Everyday scenes: 15 classes, indoors and outdoors"
    arguments = {"heads": {"labels": len(everyday.CLASSES)}, "channels": 64, "finest": 2}  # noqa: RUF012
    sources = ()
    beside = (PANOPTIC, *THINGS, ROOMS, STREETS, PEOPLE, HELD_STREETS)
    classes = tuple({"name": c.name, "color": list(c.color)} for c in everyday.CLASSES)
    rare = range(len(everyday.CLASSES))
    strength, mixed = 1.4, 0.3

    def open(self, data: Path, cache: Path) -> None:
        rooms, people = rooms_of(data / ROOMS.folder), people_of(data / PEOPLE.folder)
        whole = scenes(coco.panoptic(data / PANOPTIC.folder), data)
        held = {
            "panoptic": whole[::10],
            "nyuv2": [item for item in rooms if everyday.held_room(item[0].stem)][::3],
            "camvid": streets_of(data / HELD_STREETS.folder)[::5],
            "people": people[::5],
        }
        sets = [
            [item for n, item in enumerate(whole) if n % 10],
            *(scenes(coco.instances(data / s.folder), data) for s in THINGS),
            [item for item in rooms if not everyday.held_room(item[0].stem)],
            streets_of(data / STREETS.folder),
            [item for n, item in enumerate(people) if n % 5],
        ]
        version = repr(everyday.CLASSES)
        self.stores = [Labelled(items, cache, version, SIDE) for items in sets]
        self.held = {name: Labelled(items, cache, version, SIDE) for name, items in held.items()}
        shares = [s.share for s in self.beside if s is not HELD_STREETS]
        self.shares = np.cumsum(shares)
        self.allowed = torch.from_numpy(everyday.ALLOWED)
        k = len(everyday.CLASSES)
        self.weights = torch.ones(VOID + 1)
        counts = [
            s * store.counts[:, :k].sum(0) / store.counts.sum()
            for s, store in zip(shares, self.stores, strict=True)
        ]
        self.weights[:k] = label_weights(np.sum(counts, 0))
        self.weights[k:] = self.weights[:k].min()


def scenes(found: list[coco.Scene], data: Path) -> Items:
    """COCO's pictures with codes of the everyday classes."""
    rows = json.loads((data / "data/panoptic/categories.json").read_text(encoding="utf-8"))
    names = {row["id"]: row["name"] for row in rows} | {coco.NO_THING: "no thing"}
    table = everyday.codes("coco", names)
    return [(s.path, partial(_scene, s, table)) for s in found]


def _scene(scene: coco.Scene, table: NDArray[np.uint8]) -> Codes:
    return table[scene.categories][scene.read()]


def rooms_of(folder: Path) -> Items:
    """The labelled frames of NYU Depth v2, in the order of their numbers."""
    rows = json.loads((folder / "classes.json").read_text(encoding="utf-8"))["ids40"]
    table = everyday.codes("nyuv2", {row["id"]: row["name"] for row in rows})
    labels = sorted((folder / "test/labels40").iterdir())
    return [(folder / "test/rgb" / f"{p.stem}.webp", partial(_room, p, table)) for p in labels]


def _room(path: Path, table: NDArray[np.uint8]) -> Codes:
    codes = np.full_like(found := read_labels(path), VOID)
    codes[INNER] = table[found[INNER]]
    return codes


def streets_of(folder: Path) -> Items:
    rows = json.loads((folder.parent / "classes.json").read_text(encoding="utf-8"))
    table = everyday.codes("camvid", {row["id"]: row["name"] for row in rows})
    return pairs(folder, lambda path: table[read_labels(path)])


def people_of(folder: Path) -> Items:
    """One person a picture; of others behind it, and what is far from it, nothing is said."""
    rows = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    names = {int(n): row["name"] for n, row in rows.items()}
    worn = {n: name if n == 0 or name in BAGS else "worn" for n, name in names.items()}
    table = everyday.codes("clothes", worn)

    def read(path: Path) -> Codes:
        ids = read_labels(path)
        near = maximum_filter((ids > 0).astype(np.uint8), NEAR) > 0
        return np.where(near, table[ids], VOID).astype(np.uint8)

    return pairs(folder, read)


RECIPE = SegmentGeneral()
