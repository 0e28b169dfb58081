"""What the recipes of labels share: LiteSegment from ImageNet weights, cross-entropy and soft Jaccard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.efficientnet_lite import EfficientNetLite0
from pixcli.nets.lite_segment import LiteSegment
from pixcli.nets.top_down import lite_input
from pixcli.train import imagenet
from pixcli.train.labelled import VOID, Labelled, jittered, view
from pixcli.train.loop import Batch, Recipe, Schedule

FROZEN = 3  # blocks of the encoder that stay as ImageNet made them
JACCARD = 0.5  # weight of the soft Jaccard index: mean IoU counts a small class as much as a large one
LOG = 1.1  # of the classes' weights 1 / log(LOG + share): mild (ENet has 1.02)


class Labelling(Recipe):
    """A subclass opens `stores` and `held` and says which labels stand for which classes.

    allowed: (256, classes) bools: the classes that a label may mean. One of several is enough, and their
    probabilities are added; all of them, as for VOID, teaches nothing.
    """

    task, network = "segment", "lite-segment"
    schedule = Schedule(steps=100_000, rate=1e-3, batch=8, warmup=100, decay=0.02, ema=0.998, clip=1.0)
    size_hw = (288, 384)
    scales = (0.75, 1.8)
    centred = 0.5  # share of the views that are centred on a rare class
    rare: Sequence[int] = ()
    strength = 1.0  # of the changes of colour
    mixed = 0.0  # share of the views that others are mixed into

    stores: Sequence[Labelled]
    shares: NDArray[Any]  # of the stores, summed up
    held: dict[str, Labelled]
    allowed: Tensor
    weights: Tensor

    def build(self) -> nn.Module:
        net = LiteSegment(**self.arguments)
        imagenet.begin(net.encoder)
        return net

    def groups(self, net: nn.Module) -> list[dict[str, Any]]:
        whole = net.encoder
        assert isinstance(whole, EfficientNetLite0)
        return imagenet.groups(net, whole, FROZEN)

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        image = np.empty((size, 3, *self.size_hw), np.float32)
        finest = self.arguments.get("finest", 2)
        labels = np.empty((size, self.size_hw[0] // finest, self.size_hw[1] // finest), np.int64)
        for i in range(size):
            rgb, codes = self.sample(rng)
            if rng.random() < self.mixed:
                rgb, codes = mixed(rgb, codes, *self.sample(rng), rng)
            image[i] = jittered(rgb, rng, self.strength).transpose(2, 0, 1)
            y, x = rng.integers(finest, size=2)  # any of the pixels that one answer stands for
            labels[i] = codes[y::finest, x::finest]
        return {"image": torch.from_numpy(image), "labels": torch.from_numpy(labels)}

    def sample(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        store = self.stores[int(np.searchsorted(self.shares, rng.random() * self.shares[-1]))]
        rare = [c for c in self.rare if len(store.holding(c))]
        i, centre = int(rng.integers(len(store))), None
        if rare and rng.random() < self.centred:
            label = int(rng.choice(rare))
            i = int(rng.choice(store.holding(label)))
            centre = store.centre(i, label, rng)
        # 1 is the size at which the network is used
        scale = float(np.exp(rng.uniform(*np.log(self.scales)))) * LiteSegment.side / min(store[i].shape[:2])
        return view(store[i], self.size_hw, scale, centre, rng)

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(net, LiteSegment)
        x = lite_input(batch["image"])
        levels = imagenet.encode(net.encoder, x, FROZEN)
        logits = net.heads["labels"](net.decoder(levels)[0])
        return self.label_loss(logits.float(), batch["labels"])

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """logits: (N, K, h, w). labels: (N, h, w), rows of `allowed`."""
        allowed = self.allowed.to(labels.device)[labels].permute(0, 3, 1, 2)
        known = ~allowed.all(1)
        logp = logits.log_softmax(1)
        right = logp.masked_fill(~allowed, -torch.inf).logsumexp(1)
        weight = self.weights.to(labels.device)[labels] * known
        loss = -(right * weight).sum() / weight.sum().clamp(min=1)
        return loss + JACCARD * jaccard_loss(logp.exp(), allowed, known)

    def validate(self, net: nn.Module) -> dict[str, float]:
        """Mean IoU of each set held back, by its name, at the pictures' own size; and their mean."""
        figures = {name: mean_iou(self.counts(net, store)) for name, store in self.held.items()}
        return {"mean_iou": float(np.mean(list(figures.values()))), **figures}

    def counts(self, net: nn.Module, store: Labelled) -> NDArray[np.int64]:
        """(classes, classes) pixels, of a label that may mean several by what was answered if it is one."""
        k = self.allowed.shape[1]
        total = np.zeros((k, k), np.int64)
        allowed = self.allowed.numpy()
        single = np.where(allowed.sum(1) == 1, allowed.argmax(1), VOID).astype(np.uint8)
        for told, labels in answers(net, store):
            truth = single[labels]
            both = truth[truth < k].astype(np.int64) * k + told[truth < k]
            total += np.bincount(both, minlength=k * k).reshape(k, k)
        return total


def mixed(
    rgb: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    other: NDArray[np.uint8],
    its: NDArray[np.uint8],
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One view with half of the classes that another shows laid over it (ClassMix, Olsson et al. 2021)."""
    there = np.setdiff1d(its, (VOID,))
    chosen = rng.permutation(there)[: (len(there) + 1) // 2]
    over = np.isin(its, chosen)
    return np.where(over[..., None], other, rgb), np.where(over, its, codes)


def jaccard_loss(p: Tensor, allowed: Tensor, known: Tensor) -> Tensor:
    """1 - the mean soft Jaccard index of the classes that the batch's unambiguous labels show.

    p: (N, K, h, w) probabilities. allowed: as large, bools. known: (N, h, w).
    """
    sure = (known & (allowed.sum(1) == 1))[:, None]
    truth = (allowed & sure).to(p.dtype)
    p = p * sure
    both = (p * truth).sum((0, 2, 3))
    size = truth.sum((0, 2, 3))
    index = both / (p.sum((0, 2, 3)) + size - both).clamp(min=1)
    there = size > 0
    return 1 - index[there].mean() if bool(there.any()) else p.sum() * 0


def label_weights(counts: NDArray[np.int64]) -> Tensor:
    """(256,) weights of labels, by how many pixels each has; their mean over the pixels is 1."""
    share = counts / counts.sum()
    weight = 1 / np.log(LOG + share)
    return torch.from_numpy(weight / (share * weight).sum()).float()


def answers(net: nn.Module, store: Labelled) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """The classes that the network tells and the labels, both (H, W), of each picture."""
    device = next(net.parameters()).device
    for i in range(len(store)):
        both = store[i]
        h, w = both.shape[:2]
        x = torch.from_numpy(both[..., :3].copy()).permute(2, 0, 1)[None].to(device) / 255
        size = [max(32, round(v * LiteSegment.side / min(h, w) / 32) * 32) for v in (h, w)]
        x = F.interpolate(x, size=size, mode="bilinear", antialias=True)
        logits = net(x.contiguous(memory_format=torch.channels_last)).float()
        full = F.interpolate(logits, size=(h, w), mode="bilinear", align_corners=False)
        yield full[0].argmax(0).to(torch.uint8).cpu().numpy(), both[..., 3]


def mean_iou(counts: NDArray[np.int64]) -> float:
    """Over the classes that the truth shows."""
    right, truth, told = np.diag(counts), counts.sum(1), counts.sum(0)
    there = truth > 0
    return float((right / np.maximum(truth + told - right, 1))[there].mean())
