"""FCN-32s, 16s and 8s: VGG-16 as a network of convolutions, whose scores are enlarged and summed with finer ones.

Long, Shelhamer & Darrell, CVPR 2015 and PAMI 2016. Module names are those of the published Caffe files.
In: (N, 3, H, W) sRGB in [0, 1]; any size with Caffe's rules, else H and W multiples of 32.
Out: (N, classes, H, W) logits. Parameters that are learnt, 21 classes: 134,346,581 (32s), 134,357,354 (16s),
134,362,751 (8s).
"""  # noqa: E501

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.upsampling import BilinearUp, crop
from pixcli.nets.vgg import VGG16, caffe_input, score

OFFSETS = {32: 19, 16: 27, 8: 31}  # where the picture begins in the last enlargement
SKIP_OFFSETS = {4: 5, 3: 9}  # where the scores begin in pool4's and pool3's


class FCN(nn.Module):
    """stride: 32, 16 or 8, of the finest scores. at_once: pool4 and pool3 are scaled, as trained in one go.

    caffe: 100 pixels of padding, pooled sizes rounded up, crops: exactly as the published files were made.
    Without it every layer keeps its place, and a pixel's score depends on its surroundings alone.
    fixed: the transposed convolutions stay bilinear.
    """

    def __init__(
        self,
        classes: int = 21,
        stride: int = 8,
        caffe: bool = True,
        at_once: bool = False,
        fixed: bool = True,
        width: int = 64,
        hidden: int = 4096,
    ) -> None:
        super().__init__()
        if stride not in OFFSETS:
            raise ValueError(f"stride must be 32, 16 or 8, not {stride}")
        self.stride, self.caffe, self.at_once = stride, caffe, at_once
        self.multiple, self.reach = 1 if caffe else 32, None if caffe else 240
        self.trunk = VGG16(width, first=100 if caffe else 1)
        self.fc6 = nn.Conv2d(8 * width, hidden, 7, padding=0 if caffe else 3)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.score_fr = score(hidden, classes)
        if stride < 32:
            self.upscore2 = BilinearUp(classes, 4, 2, 0 if caffe else 1, fixed)
            self.score_pool4 = score(8 * width, classes)
        if stride < 16:
            self.upscore_pool4 = BilinearUp(classes, 4, 2, 0 if caffe else 1, fixed)
            self.score_pool3 = score(4 * width, classes)
        self.upscore = BilinearUp(classes, 2 * stride, stride, 0 if caffe else stride // 2, fixed)

    def forward(self, x: Tensor) -> Tensor:
        pools = []
        y = caffe_input(x)
        for stage in range(1, 6):
            y = F.max_pool2d(self.trunk.stage(stage, y)[-1], 2, ceil_mode=self.caffe)
            pools.append(y)
        y = F.dropout(F.relu(self.fc6(y)), 0.5, self.training)
        y = self.score_fr(F.dropout(F.relu(self.fc7(y)), 0.5, self.training))
        if self.stride < 32:
            y = self.fuse(self.upscore2(y), self.score_pool4(pools[3] * (0.01 if self.at_once else 1)), 4)
        if self.stride < 16:
            finer = self.score_pool3(pools[2] * (0.0001 if self.at_once else 1))
            y = self.fuse(self.upscore_pool4(y), finer, 3)
        y = self.upscore(y)
        return crop(y, x, OFFSETS[self.stride]) if self.caffe else y

    def fuse(self, coarse: Tensor, fine: Tensor, pool: int) -> Tensor:
        return coarse + (crop(fine, coarse, SKIP_OFFSETS[pool]) if self.caffe else fine)
