"""panoptic: LitePanoptic on COCO's pictures, with things of other pictures pasted into each view."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.infer.segments import Counts, added, agreement, joined, quality, resolved
from pixcli.nets.lite_panoptic import STEP, LitePanoptic
from pixcli.nets.top_down import lite_input
from pixcli.tasks import everyday
from pixcli.train import coco, imagenet
from pixcli.train.labelled import VOID, jittered
from pixcli.train.labelling import FROZEN, Labelling, label_weights
from pixcli.train.loop import Batch, Schedule
from pixcli.train.scenes import Scenes, View, targets
from pixcli.train.store import Source

CATEGORIES = "data/panoptic/categories.json"
CLASSES: tuple[dict[str, Any], ...] = tuple(
    {"id": n, "name": c.name, "color": list(c.color), "thing": c.thing}
    for n, c in enumerate(everyday.CLASSES, 1)
)
FINEST = 4
PASTED = 7  # fewer things than this are pasted into a view
SCORES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)  # of a centre, from which it is one
COCO = "annotations CC BY 4.0, pictures by their Flickr authors under the licences listed with them"


class Panoptic(Labelling):
    name, task, network = "panoptic", "panoptic", "lite-panoptic"
    title = "Fifteen everyday classes; each person, animal, vehicle and object by itself"
    schedule = Schedule(steps=100_000, rate=1e-3, batch=8, warmup=100, decay=0.02, ema=0.998, clip=5.0)
    arguments = {"classes": len(everyday.CLASSES), "finest": 2}  # noqa: RUF012
    sources = ()
    beside = (
        Source(
            "data/panoptic/train",
            0.6,
            hold_every=10,
            title="100 pictures of COCO train2017 with panoptic labels",
            licence=COCO,
        ),
        *(
            Source(
                f"data/coco_instances/{folder}",
                0.2,
                title=f"80 pictures of COCO train2017 with masks of their things ({repository})",
                licence=COCO,
            )
            for folder, repository in (
                ("coco_mini", "public repository Obmutescence/COCO-MINI, 644f29e"),
                ("coco_tiny", "public repository zzowenzz/COCO_Tiny, e7a689f"),
            )
        ),
    )
    classes = CLASSES
    scales = (0.5, 1.5)

    def open(self, data: Path, cache: Path) -> None:
        rows = json.loads((data / CATEGORIES).read_text(encoding="utf-8"))
        names = {row["id"]: row["name"] for row in rows} | {coco.NO_THING: "no thing"}
        self.codes, k = everyday.codes("coco", names), len(everyday.CLASSES)
        merges = [np.flatnonzero(self.codes == n).tolist() for n in range(k)]
        self.classes = tuple(row | {"merges": m} for row, m in zip(CLASSES, merges, strict=True))
        self.counted = np.array([c.thing for c in everyday.CLASSES])
        alone = np.isin(self.codes, np.flatnonzero(self.counted))
        self.allowed = torch.from_numpy(everyday.ALLOWED)
        full = coco.panoptic(data / self.beside[0].folder)
        sets = [full, *(coco.instances(data / s.folder) for s in self.beside[1:])]
        every = self.beside[0].hold_every
        sets[0] = [scene for n, scene in enumerate(full) if n % every]
        self.scenes = [Scenes(s, alone, cache) for s in sets]
        self.kept = Scenes(full[::every], alone, cache)
        self.shares = np.cumsum([s.share for s in self.beside])
        self.weights = torch.ones(VOID + 1)
        counts = np.bincount(self.codes, np.sum([s.pixels() for s in self.scenes], 0), VOID + 1)[:k]
        self.weights[:k] = label_weights(counts)
        self.weights[k:] = self.weights[:k].min()
        found: dict[int, list[tuple[Scenes, int, int]]] = {}
        for scenes in self.scenes:
            for i, n in scenes.things:
                found.setdefault(int(self.codes[scenes.categories[i][n]]), []).append((scenes, i, n))
        self.things = list(found.values())

    def build(self) -> nn.Module:
        net = LitePanoptic(**self.arguments)
        imagenet.begin(net.encoder)
        return net

    def adopt(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Of LiteSegment: its decoder for both; that of instances lacks the first lateral, of 1/2."""
        if "centre.weight" in weights:  # of LitePanoptic itself
            return weights
        found = dict(weights)
        for name, value in weights.items():
            if lateral := re.fullmatch(r"decoder\.laterals\.(\d)(\..+)", name):
                found[f"instances.laterals.{int(lateral[1]) - 1}{lateral[2]}"] = value
            elif name.startswith("decoder."):
                found[name.replace("decoder", "instances", 1)] = value
        return found

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        image, rows = np.empty((size, 3, *self.size_hw), np.float32), []
        for i in range(size):
            seen = self.view(rng)
            image[i] = jittered(seen.rgb, rng).transpose(2, 0, 1)
            rows.append(targets(seen, FINEST, rng))
        labels, heat, steps = (torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True))
        image_, codes = torch.from_numpy(image), torch.from_numpy(self.codes)[labels.long()].long()
        return {"image": image_, "labels": codes, "heat": heat, "steps": steps}

    def view(self, rng: np.random.Generator) -> View:
        """A part of a picture with things pasted in, each class as often as the next."""
        scenes = self.scenes[int(np.searchsorted(self.shares, rng.random() * self.shares[-1]))]
        scale = float(np.exp(rng.uniform(*np.log(self.scales))))
        seen = View(scenes, int(rng.integers(len(scenes))), self.size_hw, scale, rng)
        for _ in range(int(rng.integers(PASTED)) if self.things else 0):
            kind = self.things[int(rng.integers(len(self.things)))]
            seen.paste(*kind[int(rng.integers(len(kind)))], scale * rng.uniform(0.5, 1.4), rng)
        return seen

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(net, LitePanoptic)
        answer = net.decode(imagenet.encode(net.encoder, lite_input(batch["image"]), FROZEN)).float()
        k = len(self.classes)
        weight = batch["steps"][:, 2:]
        wrong = (answer[:, k + 1 :] - batch["steps"][:, :2]).abs() / STEP * weight
        steps = wrong.sum() / weight.sum().clamp(min=1e-3)
        return (
            self.label_loss(answer[:, :k], batch["labels"]) + centre_loss(answer[:, k], batch["heat"]) + steps
        )

    def validate(self, net: nn.Module) -> dict[str, float]:
        """Panoptic quality over all classes, things and stuff, on pictures held back, at their own size."""
        return self.figures(self.answers(net), SCORES[1])

    def calibrate(self, net: nn.Module) -> dict[str, float]:
        """The height of a centre that gives the things held back the best quality."""
        answers = self.answers(net)
        return {"score": max(SCORES, key=lambda s: self.figures(answers, s)["pq_things"])}

    def answers(self, net: nn.Module) -> list[Tensor]:
        """(K + 3, h, w) of each picture held back, at the size that users' pictures are brought to."""
        device, found = next(net.parameters()).device, []
        for i in range(len(self.kept)):
            x = torch.from_numpy(self.kept.store[i][..., :3].copy()).permute(2, 0, 1)[None].to(device) / 255
            f = LitePanoptic.side / min(x.shape[2:])
            size = [max(32, round(v * f / 32) * 32) for v in x.shape[2:]]
            x = F.interpolate(x, size=size, mode="bilinear", antialias=True)
            with torch.inference_mode():
                found.append(net(x.contiguous(memory_format=torch.channels_last))[0].float().cpu())
        return found

    def figures(self, answers: list[Tensor], score: float) -> dict[str, float]:
        counts: Counts = {}
        for i, answer in enumerate(answers):
            ids, real, crowds = self.truth(i)
            canvas, segments = resolved(answer, ids.shape[0], ids.shape[1], self.counted, score)
            told = {n: s.kind for n, s in enumerate(segments, 1)}
            counts = added(counts, agreement(canvas, ids, told, real, crowds))
        found = quality(counts)
        figures = {}
        for name, kinds in (("pq", (True, False)), ("pq_things", (True,)), ("pq_stuff", (False,))):
            group = [q[0] for kind, q in found.items() if self.counted[kind] in kinds]
            figures[name] = float(np.mean(group)) if group else 0.0
        return figures

    def truth(self, i: int) -> tuple[NDArray[np.int64], dict[int, int], set[int]]:
        """Ids (H, W) of a picture held back, their classes, and which are crowds."""
        rows: list[tuple[int, int | None, bool]] = []
        for n in np.flatnonzero(self.kept.store.counts[i][:VOID]).tolist():
            code = int(self.codes[self.kept.categories[i][n]])
            kind = code if code < len(self.counted) else None
            rows.append((n, kind, bool(self.kept.countable[i][n])))
        new, real, crowds = joined(rows, self.counted)
        table = np.array([new.get(n, 0) for n in range(VOID + 1)])
        return table[self.kept.store[i][..., 3]], real, crowds


def centre_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """(N, h, w) both. Law & Deng, "CornerNet", ECCV 2018, eq. 1: a focal loss, mild near a centre."""
    p, here = logits.sigmoid(), heat > 0.999
    right = F.logsigmoid(logits) * (1 - p) ** 2
    wrong = F.logsigmoid(-logits) * p**2 * (1 - heat) ** 4
    return -torch.where(here, right, wrong).sum() / here.sum().clamp(min=1)


RECIPE = Panoptic()
