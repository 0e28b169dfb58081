"""ResNet's four levels, of torchvision's blocks and under its names, for the networks that stand on it.

He et al., CVPR 2016. In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32.
Out: at 1/4, 1/8, 1/16, 1/32 (or 1/16 again where the last level is dilated), 4, 8, 16, 32 times `width`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

DEPTHS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
CAFFE_MEAN = (103.53, 116.28, 123.675)  # blue, green, red


def imagenet_input(x: Tensor) -> Tensor:
    mean, deviation = (x.new_tensor(s).view(3, 1, 1) for s in (MEAN, DEVIATION))
    return (x - mean) / deviation


def caffe_input(x: Tensor) -> Tensor:
    """What the networks are fed that descend from Caffe: blue first, 0..255 less ImageNet's mean."""
    return 255 * x.flip(1) - x.new_tensor(CAFFE_MEAN).view(3, 1, 1)


class ResNet(nn.Module):
    """depths: blocks of each level. stride: 32, or 16 or 8 with the last level or two dilated instead.

    frozen: batch norm that never changes, as Mask R-CNN is trained. caffe: the first ResNet's rules, its
    input and the step in the first convolution of a block.
    """

    def __init__(
        self,
        depths: Sequence[int],
        width: int = 64,
        stride: int = 32,
        frozen: bool = False,
        caffe: bool = False,
    ) -> None:
        super().__init__()
        self.input = caffe_input if caffe else imagenet_input
        from torchvision.models.resnet import Bottleneck
        from torchvision.ops import FrozenBatchNorm2d

        norm = FrozenBatchNorm2d if frozen else nn.BatchNorm2d
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = norm(width)
        self.widths = tuple(4 * width << i for i in range(len(depths)))
        c, dilation = width, 1
        for level, blocks in enumerate(depths):
            planes, step, before = width << level, 2 if level else 1, dilation
            if 4 * 2**level > stride:
                dilation, step = 2 * dilation, 1
            down = nn.Sequential(nn.Conv2d(c, 4 * planes, 1, step, bias=False), norm(4 * planes))
            layers = [Bottleneck(c, planes, step, down, dilation=before, norm_layer=norm)]
            c = 4 * planes
            layers += [Bottleneck(c, planes, dilation=dilation, norm_layer=norm) for _ in range(blocks - 1)]
            if caffe:
                layers[0].conv1.stride, layers[0].conv2.stride = (step, step), (1, 1)
            self.add_module(f"layer{level + 1}", nn.Sequential(*layers))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def stem(self, x: Tensor) -> Tensor:
        """At 1/2."""
        return F.relu(self.bn1(self.conv1(self.input(x))))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.max_pool2d(self.stem(x), 3, 2, 1)
        levels = []
        for i in range(1, len(self.widths) + 1):
            levels.append(x := self.get_submodule(f"layer{i}")(x))
        return levels
