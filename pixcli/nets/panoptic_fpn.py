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

from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.efficientnet_lite import CHANNELS, EfficientNetLite0
from pixcli.nets.resnet import DEPTHS, ResNet
from pixcli.nets.top_down import lite_input


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


class NoBranch(nn.Module):
    """Logits of no class."""

    def forward(self, levels: dict[str, Tensor]) -> Tensor:
        return levels["0"][:, :0]


class PanopticFPN(nn.Module):
    """body: "resnet50", "resnet101", or "lite0" for EfficientNet-Lite0.

    things: their classes and one, the first, for none. stuff: its classes and one, the first, for all things;
    0: no semantic branch, which leaves Mask R-CNN.
    channels: of the pyramid; width: of the semantic branch; hidden: of the boxes' head.
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
    ) -> None:
        super().__init__()
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
        from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor

        net: Any = LiteBody() if body == "lite0" else ResNet(DEPTHS[body], frozen=True)
        anchors = AnchorGenerator(tuple((32 << i,) for i in range(5)), ((0.5, 1.0, 2.0),) * 5)
        parts = MaskRCNN(
            Pyramid(net, net.widths, channels),
            rpn_anchor_generator=anchors,
            box_head=TwoMLPHead(channels * 7 * 7, hidden),
            box_predictor=FastRCNNPredictor(hidden, things),
            mask_head=MaskRCNNHeads(channels, (channels,) * 4, 1),
            mask_predictor=MaskRCNNPredictor(channels, channels, things),
        )
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


__all__ = ["PanopticFPN", "SemanticBranch"]
