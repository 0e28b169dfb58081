"""What panoptic makes of networks' answers: maps of centres, or boxes with masks and a map of stuff."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.infer.guided import rows
from pixcli.infer.segments import STRIP, Canvas, Mask, Segment, claim, grouped

FOUND = 100  # instances of a picture, as Mask R-CNN is trained and measured
FIELDS = 6  # label, score, and the box: left, top, right, bottom
SIDE = 28  # of a mask
ROW = FIELDS + SIDE**2
STRIDE = 4  # pixels of what the network sees for one of its map of stuff
Things = tuple[NDArray[np.uint8], Canvas, list[Segment]]


def planes_for(count: int, height: int, width: int) -> int:
    """How many maps (height, width) it takes to hold so many numbers."""
    return ceil(count / (height * width))


class Packed(nn.Module):
    """PanopticFPN with one tensor for an answer: its logits of stuff, and planes of numbers behind them.

    The planes hold, one after the other, FOUND rows of FIELDS and a mask; the label of what was not found
    is -1.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        logits, found = self.net.find(x)  # type: ignore[operator]
        h, w = logits.shape[2:]
        planes = logits.new_zeros(len(x), planes_for(FOUND * ROW, h, w) * h * w, dtype=torch.float32)
        table = planes[:, : FOUND * ROW].view(len(x), FOUND, ROW)
        table[..., 0] = -1
        for to, one in zip(table, found, strict=True):
            n = len(one["scores"])
            to[:n, 0], to[:n, 1], to[:n, 2:FIELDS] = one["labels"].float(), one["scores"], one["boxes"]
            to[:n, FIELDS:] = one["masks"].flatten(1)
        return torch.cat((logits.float(), planes.view(len(x), -1, h, w)), 1)


class ByCentres:
    """LitePanoptic's answer. things: (K,), which classes are counted.

    maps: how many channels are maps, which can be evened over time.
    """

    def __init__(self, things: NDArray[np.bool_]) -> None:
        self.things, self.maps = things, len(things) + 3

    def channels(self, height: int, width: int) -> int:
        """Of the whole answer, which is (channels, height, width)."""
        return self.maps

    def __call__(self, answer: Tensor, height: int, width: int, score: float, overlap: float) -> Things:
        """Classes (H, W) by number, a canvas as large with the things, and those.

        Their numbers say which of the answer's they are. They never overlap.
        """
        return grouped(answer[: self.maps], height, width, self.things, score)


class ByBoxes:
    """The answer of Packed. things: (K,), the counted classes first; labels from 1 on are they, in order."""

    def __init__(self, things: NDArray[np.bool_], stuff: int) -> None:
        self.things, self.maps = things, stuff

    def channels(self, height: int, width: int) -> int:
        """Of the whole answer, which is (channels, height, width)."""
        return self.maps + planes_for(FOUND * ROW, height, width)

    def __call__(self, answer: Tensor, height: int, width: int, score: float, overlap: float) -> Things:
        """The same as of ByCentres; len(things) stands for no class."""
        labels = np.full((height, width), len(self.things), np.uint8)
        first = int(self.things.sum())
        step = max(1, STRIP // width)
        for top in range(0, height if self.maps else 0, step):
            strip = rows(answer[: self.maps], top, min(height, top + step), height, width)
            best = strip.max(0).indices.numpy()  # ten times as fast as argmax
            labels[top : top + len(best)] = np.where(best == 0, len(self.things), best - 1 + first)
        canvas = np.zeros((height, width), np.uint16)
        return labels, canvas, claim(canvas, self.masks(answer, height, width, score), overlap)

    def masks(self, answer: Tensor, height: int, width: int, score: float) -> Iterator[Mask]:
        """Those that are sure enough, at the picture's size, the surest first; made one by one."""
        from torchvision.models.detection.roi_heads import expand_boxes, expand_masks

        table = answer[self.maps :].reshape(-1)[: FOUND * ROW].view(FOUND, ROW)
        sizes = torch.tensor([width, height] * 2) / (STRIDE * torch.tensor([*answer.shape[:0:-1]] * 2))
        inside, larger = expand_masks(table[:, FIELDS:].view(FOUND, 1, SIDE, SIDE), padding=1)
        boxes = expand_boxes(table[:, 2:FIELDS] * sizes, larger).long()
        for n in table[:, 1].argsort(descending=True, stable=True).tolist():
            label, sure = int(table[n, 0]), float(table[n, 1])
            if label < 1 or sure < score:
                continue
            left, top, right, bottom = boxes[n].tolist()
            full = (max(bottom - top + 1, 1), max(right - left + 1, 1))
            mask = F.interpolate(inside[n][None], size=full, mode="bilinear", align_corners=False)[0, 0]
            part = mask[max(0, -top) : height - top, max(0, -left) : width - left]
            yield Mask(Segment(label - 1, n + 1, sure), max(0, top), max(0, left), (part > 0.5).numpy())


def form_of(net: Any, things: NDArray[np.bool_]) -> ByBoxes | ByCentres:
    """How the answer of a network is to be read."""
    if hasattr(net, "find"):
        return ByBoxes(things, 1 + int((~things).sum()) if (~things).any() else 0)
    return ByCentres(things)
