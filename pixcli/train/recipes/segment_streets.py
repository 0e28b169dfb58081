"""segment-streets: the eleven classes of CamVid, from its 367 training frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pixcli.models.label_names import LABELS
from pixcli.train.labelled import VOID, Labelled, pairs, read_labels
from pixcli.train.labelling import Labelling, label_weights
from pixcli.train.store import Source

CLASSES = LABELS["camvid"][:-1]  # all but void
TRAIN, VAL = (
    Source(f"data/camvid/{part}", title=title, licence="offered for research")
    for part, title in (("train", "CamVid, 367 training frames with 11 classes"), ("val", ""))
)
EVERY = 3  # frames of the validation part, which are neighbours in a film


class SegmentStreets(Labelling):
    name = "segment_streets"
    title = "Streets: the 11 classes of CamVid"
    arguments = {"heads": {"labels": len(CLASSES)}, "channels": 64, "finest": 2}  # noqa: RUF012
    sources = ()
    beside = (TRAIN, VAL)
    classes = CLASSES
    rare = (2, 6, 7, 9, 10)

    def open(self, data: Path, cache: Path) -> None:
        train, val = (pairs(data / s.folder, read_labels) for s in self.beside)
        self.stores = [Labelled(train, cache, "camvid")]
        self.shares = np.ones(1)
        self.held = {"camvid_val": Labelled(val[::EVERY], cache, "camvid")}
        k = len(CLASSES)
        self.allowed = torch.ones(VOID + 1, k, dtype=torch.bool)
        self.allowed[:k] = torch.eye(k, dtype=torch.bool)
        counts = self.stores[0].counts.sum(0)
        counts[k:] = 0
        self.weights = label_weights(counts)


RECIPE = SegmentStreets()
