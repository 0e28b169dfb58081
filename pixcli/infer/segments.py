"""Segments: each pixel in one of them or in none, from maps of centres or from masks that overlap.

A canvas (H, W) holds for each pixel the number of its segment, from 1 on in the order of a list; 0 is void.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pixcli.infer.guided import rows

Canvas = NDArray[np.uint16]
WINDOW = 7  # pixels of the answer within which there is one centre
KINDS = 256  # classes that a map of them can tell
MOST = 200  # centres of a picture
SAME = 0.2  # intersection over union from which a thing is the one of the frame before
STRIP = 1 << 15  # pixels that are worked on together


@dataclass(frozen=True)
class Segment:
    """kind: its class, by number. number: of a thing among its picture's or film's, from 1; 0: it is stuff.

    area in pixels; box: left, top, width, height.
    """

    kind: int
    number: int = 0
    score: float = 1.0
    area: int = 0
    box: tuple[int, int, int, int] = (0, 0, 0, 0)


class Mask(NamedTuple):
    """What is found of a thing: bools (h, w) that begin at top, left of the canvas."""

    found: Segment
    top: int
    left: int
    inside: NDArray[np.bool_]


def claim(canvas: Canvas, masks: Iterable[Mask], overlap: float = 0.5) -> list[Segment]:
    """Things onto an empty canvas: a pixel is the first one's that claims it.

    masks: the surest first; those below the score that is asked for have been left out. A thing of which more
    than `overlap` is claimed already is dropped. Kirillov et al., "Panoptic segmentation", CVPR 2019,
    section 5, and COCO's combine script.
    """
    kept: list[Segment] = []
    for found, top, left, inside in masks:
        part = canvas[top : top + inside.shape[0], left : left + inside.shape[1]]
        free = inside & (part == 0)
        whole = np.count_nonzero(inside)
        if whole == 0 or (whole - np.count_nonzero(free)) / whole > overlap:
            continue
        kept.append(found)
        part[free] = len(kept)
    return kept


def fill(
    canvas: Canvas, segments: list[Segment], labels: NDArray[Any], stuff: Sequence[int], least: float = 0
) -> list[Segment]:
    """The list with one segment more for each class of stuff, on what is left of the canvas.

    labels: (H, W), the classes by number. What has fewer than `least` pixels stays void.
    """
    counts = np.zeros(KINDS, np.int64)
    for line, told in zip(canvas, labels, strict=True):
        counts += np.bincount(told[line == 0], minlength=KINDS)
    table = np.zeros(KINDS, np.uint16)
    made = list(segments)
    for kind in stuff:
        if counts[kind] >= max(least, 1):
            made.append(Segment(kind))
            table[kind] = len(made)
    for line, told in zip(canvas, labels, strict=True):
        line[line == 0] = table[told[line == 0]]
    return made


def measured(canvas: Canvas, segments: Sequence[Segment]) -> tuple[Canvas, list[Segment]]:
    """The same with areas and boxes; segments without a pixel are left out."""
    count = len(segments) + 1
    area = np.zeros(count, np.int64)
    lines = np.zeros((count, canvas.shape[0]), bool)
    columns = np.zeros((count, canvas.shape[1]), bool)
    for y, line in enumerate(canvas):
        area += np.bincount(line, minlength=count)
        lines[line, y] = True
        columns[line, np.arange(len(line))] = True
    table, made = np.zeros(count, np.uint16), []
    for n, segment in enumerate(segments, 1):
        if not area[n]:
            continue
        (top, bottom), (left, right) = (
            np.flatnonzero(seen[n])[[0, -1]].tolist() for seen in (lines, columns)
        )
        box = (left, top, right - left + 1, bottom - top + 1)
        made.append(replace(segment, area=int(area[n]), box=box))
        table[n] = len(made)
    return table[canvas], made


# Centres


def centres(heat: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """(n, 2) rows and columns of the peaks of a map (h, w) above `least`, highest first; their heights."""
    peak = (heat == F.max_pool2d(heat[None], WINDOW, 1, WINDOW // 2)[0]) & (heat > least)
    places = peak.nonzero()
    order = heat[peak].argsort(descending=True, stable=True)[:MOST]
    return places[order], heat[peak][order]


def nearest(points: Tensor, centre: Tensor) -> Tensor:
    """Which of the centres (n, 2) is nearest to each point (m, 2)."""
    far = torch.addmm(centre.square().sum(1), points, centre.T, alpha=-2)
    return far.argmin(1)


def grouped(
    answer: Tensor,
    height: int,
    width: int,
    things: NDArray[np.bool_],
    least: float,
    known: tuple[Tensor, Tensor] | None = None,
) -> tuple[NDArray[np.uint8], Canvas, list[Segment]]:
    """The classes (H, W) by number, and the things on a canvas as large, by the centres that they point to.

    answer: (K + 3, h, w), as LitePanoptic gives it. things: (K,), which classes are counted. least: height
    from which a centre is one. known: what `centres` has found. Pixels of things are their nearest centre's,
    whose class is that of most of them (Cheng et al., "Panoptic-DeepLab", CVPR 2020, section 3.3).
    """
    k = len(things)
    places, heights = centres(answer[k].sigmoid(), least) if known is None else known
    maps = torch.cat((answer[:k], answer[k + 1 :]))
    labels, owner = np.empty((height, width), np.uint8), np.zeros((height, width), np.uint8)
    counted = torch.from_numpy(things)
    across = (torch.arange(width) + 0.5) * (answer.shape[2] / width) - 0.5
    down = (torch.arange(height) + 0.5) * (answer.shape[1] / height) - 0.5
    votes = np.zeros((len(places) + 1, k), np.int64)
    step = max(1, STRIP // width)
    for top in range(0, height, step):
        strip = rows(maps, top, min(height, top + step), height, width)
        bottom = top + strip.shape[1]
        best = strip[:k].max(0).indices  # ten times as fast as argmax
        labels[top:bottom] = best.numpy()
        inside = counted[best]
        if len(places) and inside.any():
            points = torch.stack((strip[k] + down[top:bottom, None], strip[k + 1] + across), -1)[inside]
            mine = nearest(points, places.float()) + 1
            votes += np.bincount(mine * k + best[inside], minlength=votes.size).reshape(votes.shape)
            owner[top:bottom][inside.numpy()] = mine.numpy()
    kinds = votes[1:].argmax(1).tolist()
    found = [Segment(kind, n, s) for n, (kind, s) in enumerate(zip(kinds, heights.tolist(), strict=True), 1)]
    return labels, owner.astype(np.uint16), found


def resolved(
    answer: Tensor, height: int, width: int, things: NDArray[np.bool_], score: float, least: float = 0
) -> tuple[Canvas, list[Segment]]:
    """All segments of LitePanoptic's answer, (K + 3, h, w), on a canvas (height, width)."""
    labels, canvas, found = grouped(answer, height, width, things, score)
    segments = fill(canvas, found, labels, np.flatnonzero(~things).tolist(), least)
    return measured(canvas, segments)


# Films


def numbered(before: NDArray[Any], now: NDArray[Any], count: int, used: int) -> tuple[list[int], int]:
    """Numbers of the `count` things on a canvas, by what lay there before; and the highest in use.

    before: (h, w) numbers, 0 for none. now: (h, w), 1 … count. The pairs with the greatest share of common
    pixels find each other first; what finds nobody is new.
    """
    share = np.zeros((count + 1, used + 1))
    both = now.astype(np.int64) * (used + 1) + before
    common = np.bincount(both.ravel(), minlength=share.size).reshape(share.shape).astype(float)
    size_now, size_before = common.sum(1, keepdims=True), common.sum(0, keepdims=True)
    share = common / np.maximum(size_now + size_before - common, 1)
    share[0], share[:, 0] = 0, 0
    found = [0] * count
    while share.max() > SAME:
        n, old = divmod(int(share.argmax()), used + 1)
        found[n - 1] = old
        share[n], share[:, old] = 0, 0
    for place in range(count):
        if not found[place]:
            used += 1
            found[place] = used
    return found, used


# Quality

Counts = dict[int, NDArray[np.float64]]  # by class: sum of IoU, true positives, false positives, misses


def agreement(
    out: NDArray[np.integer[Any]],
    truth: NDArray[np.integer[Any]],
    told: dict[int, int],
    real: dict[int, int],
    crowds: Iterable[int] = (),
) -> Counts:
    """How far two maps of ids (H, W) agree; id 0 is void. Kirillov et al. 2019, as COCO's evaluator counts.

    told, real: the class of each id of the answer and of the truth. crowds: ids of the truth that are many
    things at once; they match nobody. ValueError when shapes differ.
    """
    if out.shape != truth.shape:
        raise ValueError(f"shapes {out.shape} and {truth.shape} differ")
    pairs, pixels = np.unique(
        out.astype(np.int64).ravel() * (1 << 24) + truth.astype(np.int64).ravel(), return_counts=True
    )
    common = {divmod(int(k), 1 << 24): int(n) for k, n in zip(pairs, pixels, strict=True)}
    size_out: dict[int, int] = {}
    size_truth: dict[int, int] = {}
    for (a, b), n in common.items():
        size_out[a] = size_out.get(a, 0) + n
        size_truth[b] = size_truth.get(b, 0) + n
    crowds = set(crowds)
    counts: Counts = {kind: np.zeros(4) for kind in {*told.values(), *real.values()}}
    met: set[tuple[str, int]] = set()
    for (a, b), n in common.items():
        if a in told and b in real and b not in crowds and told[a] == real[b]:
            iou = n / (size_out[a] + size_truth[b] - n - common.get((a, 0), 0))
            if iou > 0.5:
                counts[real[b]] += (iou, 1, 0, 0)
                met |= {("out", a), ("truth", b)}
    for b, kind in real.items():
        if ("truth", b) not in met and b not in crowds:
            counts[kind][3] += 1
    crowd_of = {real[b]: b for b in real if b in crowds}  # the last of a class, as COCO's evaluator has it
    for a, kind in told.items():
        if ("out", a) in met or a not in size_out:
            continue
        forgiven = common.get((a, 0), 0)
        if kind in crowd_of:
            forgiven += common.get((a, crowd_of[kind]), 0)
        if forgiven / size_out[a] <= 0.5:
            counts[kind][2] += 1
    return counts


def quality(counts: Counts) -> dict[int, tuple[float, float, float]]:
    """PQ, SQ and RQ of each class that the truth or the answer has."""
    found = {}
    for kind, (iou, right, wrong, missed) in counts.items():
        if whole := right + wrong / 2 + missed / 2:
            found[kind] = (iou / whole, iou / max(right, 1.0), right / whole)
    return found


def joined(
    rows: Iterable[tuple[int, int | None, bool]], things: Sequence[bool] | NDArray[np.bool_]
) -> tuple[dict[int, int], dict[int, int], set[int]]:
    """A truth of fine classes as one of coarser ones: new ids by old ones, their classes, which are crowds.

    rows: (id, class or None, whether it is one thing) of each segment. What is not one thing is one with the
    rest of its class: where things are counted in that, a crowd, else a segment of stuff. None becomes void.
    """
    new: dict[int, int] = {}
    real: dict[int, int] = {}
    crowds: set[int] = set()
    for n, (old, kind, alone) in enumerate(rows):
        if kind is None:
            new[old] = 0
            continue
        one = bool(things[kind]) and alone
        new[old] = len(things) + 1 + n if one else kind + 1
        real[new[old]] = kind
        if things[kind] and not one:
            crowds.add(kind + 1)
    return new, real, crowds


def added(a: Counts, b: Counts) -> Counts:
    return {kind: a.get(kind, np.zeros(4)) + b.get(kind, np.zeros(4)) for kind in a.keys() | b.keys()}
