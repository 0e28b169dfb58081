"""torchvision's own networks under its own names: of segmentation, of instances, of motion.

FCN (Long et al. 2015), DeepLabV3 (Chen et al. 2017), LR-ASPP (Howard et al. 2019), Mask R-CNN (He et al.
2017), RAFT (Teed & Deng 2020). Their weights keep torchvision's names; what serves training alone is left
out.
In: sRGB in [0, 1]; sides multiples of 8 (RAFT, segmentation) or 32 (Mask R-CNN).
Parameters as published: fcn_resnet50 35,322,218, fcn_resnet101 54,314,346, deeplabv3_resnet50 42,004,074,
deeplabv3_resnet101 60,996,202, deeplabv3_mobilenet_v3_large 11,029,328, all with an auxiliary classifier that
is left out here; lraspp_mobilenet_v3_large 3,221,538; maskrcnn_resnet50_fpn 44,401,393 and _v2 46,359,409;
raft_small 990,162, raft_large 5,257,536.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.resnet import imagenet_input

SEGMENT = (
    *("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"),
    *("fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101"),
)
INSTANCES = ("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2")
FLOW = ("raft_small", "raft_large")
LEAST = 128  # pixels of a side: RAFT compares features at 1/64


def known(name: str, names: tuple[str, ...]) -> str:
    """The name, if it is one of these: it comes from a file, and torchvision has other functions too."""
    if name not in names:
        raise ValueError(f"{name!r} is none of {', '.join(names)}")
    return name


class TorchvisionSegment(nn.Module):
    """Out: (N, classes, H/8, W/8) logits."""

    reach, multiple, side = None, 8, 520

    def __init__(self, name: str = "lraspp_mobilenet_v3_large", classes: int = 21) -> None:
        super().__init__()
        from torchvision.models import segmentation

        net = getattr(segmentation, known(name, SEGMENT))(
            weights=None, weights_backbone=None, num_classes=classes
        )
        self.backbone, self.classifier = net.backbone, net.classifier
        self.by_level = name.startswith("lraspp")

    def forward(self, x: Tensor) -> Tensor:
        levels = self.backbone(imagenet_input(x))
        return self.classifier(levels if self.by_level else levels["out"])


def freeze(net: nn.Module) -> None:
    """Make each batch norm the frozen one that the first Mask R-CNN was trained and published with."""
    from torchvision.ops import FrozenBatchNorm2d

    for parent in [*net.modules()]:
        for name, norm in [*parent.named_children()]:
            if isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, FrozenBatchNorm2d(norm.num_features, eps=0.0))


class TorchvisionMaskRCNN(nn.Module):
    """Out: (N, anchors, H/4, W/4) logits that a thing is there; `find` gives the things.

    classes: one, the first, for none. unused: numbers that stand for no class; labels do not count them.
    """

    reach, multiple, side = None, 32, 800

    def __init__(
        self, name: str = "maskrcnn_resnet50_fpn", classes: int = 91, unused: Sequence[int] = ()
    ) -> None:
        super().__init__()
        from torchvision.models import detection

        net = getattr(detection, known(name, INSTANCES))(
            weights=None, weights_backbone=None, num_classes=classes
        )
        self.backbone: Any = net.backbone
        self.rpn, self.roi_heads = net.rpn, net.roi_heads
        if not name.endswith("v2"):
            freeze(self.backbone)
        self.table: Tensor
        table = torch.zeros(classes, dtype=torch.long)
        used = [n for n in range(1, classes) if n not in unused]
        table[used] = torch.arange(1, len(used) + 1)
        self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.rpn.head([self.backbone(imagenet_input(x))["0"]])[0][0]

    def find(self, x: Tensor) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """No map (N, 0, H/4, W/4), and of each picture boxes (n, 4), labels (n,), scores (n,) and masks.

        Boxes are left, top, right, bottom in pixels; masks (n, 1, 28, 28), in their boxes, in [0, 1]; scores
        from high to low; labels from 1 on, 0 for what is unused.
        """
        from torchvision.models.detection.image_list import ImageList

        levels, sizes = self.backbone(imagenet_input(x)), [(x.shape[2], x.shape[3])] * len(x)
        proposals, _ = self.rpn(ImageList(x, sizes), levels)
        found, _ = self.roi_heads(levels, proposals, sizes)
        for one in found:
            one["labels"] = self.table[one["labels"]]
        return x.new_zeros(len(x), 0, x.shape[2] // 4, x.shape[3] // 4), found


class TorchvisionRAFT(nn.Module):
    """In: (N, 6, H, W), two pictures. Out: (N, 2, H, W), how far each pixel moves to the right and down.

    updates: of the flow, one after the other.
    """

    reach, multiple = None, 8

    def __init__(self, name: str = "raft_small", updates: int = 12) -> None:
        super().__init__()
        from torchvision.models import optical_flow

        self.net: Any = getattr(optical_flow, known(name, FLOW))(weights=None)
        self.updates = updates

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = F.pad(x, (0, max(0, LEAST - width), 0, max(0, LEAST - height)), mode="replicate")
        first, second = (2 * x - 1).chunk(2, 1)
        return self.net(first, second, num_flow_updates=self.updates)[-1][..., :height, :width]
