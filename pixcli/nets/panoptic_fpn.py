"""Panoptic FPN: one feature pyramid, Mask R-CNN's heads for things and a light branch for stuff.

Kirillov et al., CVPR 2019, arXiv:1901.02446, fig. 1 and 3. Heads and pyramid are torchvision's, and with a
ResNet the names of their weights too: a file of torchvision's Mask R-CNN fits but for the semantic branch.
In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32. Out: (N, stuff, H/4, W/4) logits, class 0 for all
things; `detect` gives the instances besides.
Parameters, ResNet-50, 91 things of torchvision, 54 of stuff: 44,401,393 and 1,630,774 for the branch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.efficientnet_lite import CHANNELS, EfficientNetLite0
from pixcli.nets.resnet import DEPTHS, ResNet
from pixcli.nets.top_down import lite_input

RATIOS = (0.5, 1.0, 2.0)  # of anchors: height to width


class LiteBody(EfficientNetLite0):
    """The encoder of the compact networks, as a body of the pyramid."""

    widths = CHANNELS[1:]

    def forward(self, x: Tensor) -> list[Tensor]:
        return super().forward(lite_input(x))[1:]


class Pyramid(nn.Module):
    """P2 … P5 at 1/4 … 1/32, by name "0" … "3", and "pool", half of the last."""

    def __init__(self, body: nn.Module, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

        self.body, self.out_channels = body, channels
        self.fpn = FeaturePyramidNetwork(list(widths), channels, LastLevelMaxPool())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.fpn(OrderedDict((str(i), level) for i, level in enumerate(self.body(x))))


class SemanticBranch(nn.Module):
    """Each level to 1/4 by stages of 3 × 3, group norm, ReLU, doubling; their sum; a classifier."""

    def __init__(self, channels: int, classes: int, width: int = 128) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        for doublings in range(4):
            layers: list[nn.Module] = []
            for i in range(max(doublings, 1)):
                conv = nn.Conv2d(width if i else channels, width, 3, padding=1, bias=False)
                layers += [conv, nn.GroupNorm(min(32, width), width), nn.ReLU()]
                if doublings:
                    layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
            self.levels.append(nn.Sequential(*layers))
        self.predictor = nn.Conv2d(width, classes, 1)

    def forward(self, levels: dict[str, Tensor]) -> Tensor:
        y = self.levels[0](levels["0"])
        for i in (1, 2, 3):
            y = y + self.levels[i](levels[str(i)])
        return self.predictor(y)


class LastIsNone(nn.Module):
    """A predictor whose last class is "none", as if it were the first; boxes and masks have none for it."""

    def __init__(self, hidden: int, things: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(hidden, things)
        self.bbox_pred = nn.Linear(hidden, 4 * (things - 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.cls_score(x).roll(1, 1), F.pad(self.bbox_pred(x), (4, 0))


class MasksWithoutNone(nn.Module):
    """The masks of each class but the first, and zeros for that."""

    def __init__(self, channels: int, things: int) -> None:
        super().__init__()
        self.conv5_mask = nn.ConvTranspose2d(channels, channels, 2, 2)
        self.mask_fcn_logits = nn.Conv2d(channels, things - 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(self.mask_fcn_logits(self.conv5_mask(x).relu()), (0, 0, 0, 0, 1, 0))


class AlignedPool(nn.Module):
    """RoIAlign with half a pixel taken off, and as many samples as a bin has pixels; levels by area."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, levels: dict[str, Tensor], boxes: list[Tensor], _sizes: Any) -> Tensor:
        from torchvision.ops import roi_align

        number = torch.cat([b.new_full((len(b), 1), n) for n, b in enumerate(boxes)])
        regions = torch.cat((number, torch.cat(boxes)), 1)
        area = (regions[:, 3] - regions[:, 1]) * (regions[:, 4] - regions[:, 2])
        level = (4 + torch.log2(area.clamp(min=0).sqrt() / 224 + 1e-8)).floor().clamp(2, 5) - 2
        pooled = regions.new_zeros(len(regions), levels["0"].shape[1], self.size, self.size)
        for n in range(4):
            x, here = levels[str(n)], level == n
            at = 1 / (4 << n)
            pooled[here] = roi_align(x, regions[here].to(x.dtype), self.size, at, 0, True).to(pooled.dtype)
        return pooled


class NoBranch(nn.Module):
    """Logits of no class."""

    def forward(self, levels: dict[str, Tensor]) -> Tensor:
        return levels["0"][:, :0]


def exact_anchors(side: int) -> Tensor:
    """(3, 4) boxes of this area round the origin, by RATIOS of height to width."""
    half = [(side / r**0.5 / 2, side * r**0.5 / 2) for r in RATIOS]
    return torch.tensor([(-w, -h, w, h) for w, h in half], device="cpu")  # no buffer: always there


class PanopticFPN(nn.Module):
    """body: "resnet50", "resnet101", or "lite0" for EfficientNet-Lite0.

    things: their classes and one, the first, for none. stuff: its classes and one, the first, for all things;
    0: no semantic branch, which leaves Mask R-CNN.
    channels: of the pyramid; width: of the semantic branch; hidden: of the boxes' head. published: the rules
    of the weights that the authors have published with detectron2: Caffe's ResNet, anchors that are not
    rounded, RoIAlign's second form, "none" as the last class.
    """

    reach, multiple, side = None, 32, 800

    def __init__(
        self,
        body: str = "resnet50",
        things: int = 91,
        stuff: int = 54,
        channels: int = 256,
        width: int = 128,
        hidden: int = 1024,
        published: bool = False,
    ) -> None:
        super().__init__()
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
        from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor

        net: Any = LiteBody() if body == "lite0" else ResNet(DEPTHS[body], frozen=True, caffe=published)
        anchors = AnchorGenerator(tuple((32 << i,) for i in range(5)), (RATIOS,) * 5)
        parts = MaskRCNN(
            Pyramid(net, net.widths, channels),
            rpn_anchor_generator=anchors,
            box_head=TwoMLPHead(channels * 7 * 7, hidden),
            box_predictor=(LastIsNone if published else FastRCNNPredictor)(hidden, things),
            mask_head=MaskRCNNHeads(channels, (channels,) * 4, 1),
            mask_predictor=MasksWithoutNone(channels, things)
            if published
            else MaskRCNNPredictor(channels, channels, things),
        )
        if published:
            anchors.cell_anchors = [exact_anchors(32 << i) for i in range(5)]
            parts.roi_heads.box_roi_pool, parts.roi_heads.mask_roi_pool = AlignedPool(7), AlignedPool(14)
        self.backbone, self.rpn, self.roi_heads = parts.backbone, parts.rpn, parts.roi_heads
        self.semantic = SemanticBranch(channels, stuff, width) if stuff else NoBranch()

    def forward(self, x: Tensor) -> Tensor:
        return self.semantic(self.backbone(x))

    def find(self, x: Tensor) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """The answer of `forward`, and of each picture boxes (n, 4), labels (n,), scores (n,) and masks.

        Boxes are left, top, right, bottom in pixels; masks (n, 1, 28, 28), in their boxes, in [0, 1]; scores
        from high to low.
        """
        from torchvision.models.detection.image_list import ImageList

        levels, sizes = self.backbone(x), [(x.shape[2], x.shape[3])] * len(x)
        proposals, _ = self.rpn(ImageList(x, sizes), levels)
        found, _ = self.roi_heads(levels, proposals, sizes)
        return self.semantic(levels), found

    def detect(self, x: Tensor) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """What `find` gives, with masks (n, H, W) of the whole picture."""
        from torchvision.models.detection.roi_heads import paste_masks_in_image

        logits, found = self.find(x)
        for one in found:
            one["masks"] = paste_masks_in_image(one["masks"], one["boxes"], x.shape[2:])[:, 0]
        return logits, found

    def losses(
        self, x: Tensor, targets: list[dict[str, Tensor]], stuff: Tensor, weight: float = 0.5
    ) -> dict[str, Tensor]:
        """Each loss by name, to be summed; the network in training mode.

        targets: boxes, labels (from 1) and masks (n, H, W, uint8) of each picture. stuff: (N, H, W) classes,
        255 where unknown. weight: of the semantic loss beside the instances'.
        """
        from torchvision.models.detection.image_list import ImageList

        levels, sizes = self.backbone(x), [(x.shape[2], x.shape[3])] * len(x)
        proposals, first = self.rpn(ImageList(x, sizes), levels, targets)
        _, second = self.roi_heads(levels, proposals, sizes, targets)
        logits = F.interpolate(self.semantic(levels), size=sizes[0], mode="bilinear", align_corners=False)
        known = (stuff != 255).sum().clamp_min(1)
        semantic = F.cross_entropy(logits, stuff, ignore_index=255, reduction="sum") / known
        return {**first, **second, "loss_semantic": weight * semantic}


__all__ = ["AlignedPool", "LastIsNone", "PanopticFPN", "SemanticBranch", "exact_anchors"]
