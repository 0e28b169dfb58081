"""LiteColour: colour for a grey picture seen as a whole, on an ImageNet encoder.

The idea and the bins are Zhang et al.'s (ECCV 2016: a distribution over 313 ab bins at 1/4 resolution); the
body is EfficientNet-Lite0 with a top-down decoder (as FPN, Lin et al., CVPR 2017: laterals, bilinear
enlargement, sum, 3×3) and the mean over the whole picture added at the top.

In: (N, 1, H, W) lightness L*/100 in [0, 1], H and W multiples of 32. Out: (N, 313, H/4, W/4) logits, or with
bins=0 (N, 2, H/4, W/4) ab / 110. 128 channels: 4,007,097 parameters.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.efficientnet_lite import CHANNELS, EfficientNetLite0


def unit(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


class LiteColour(nn.Module):
    reach, multiple, side, space = None, 32, 288, "lab-l"  # trained at 224; better at 288 all the same

    def __init__(self, channels: int = 128, bins: int = 313) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0()
        self.laterals = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in CHANNELS[1:])
        self.whole = nn.Sequential(
            nn.Linear(CHANNELS[-1], channels), nn.ReLU(), nn.Linear(channels, channels)
        )
        depths = (2, 2, 1)  # units at 1/16, 1/8, 1/4: the last is where the time goes
        self.merge = nn.ModuleList(
            nn.Sequential(*(unit(channels, channels) for _ in range(d))) for d in depths
        )
        self.top = unit(channels, channels)
        self.head = nn.Conv2d(channels, bins or 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))

    def encode(self, x: Tensor) -> list[Tensor]:
        return self.encoder(((x * 255 - 127) / 128).expand(-1, 3, -1, -1))

    def decode(self, levels: list[Tensor]) -> Tensor:
        _, c2, c3, c4, c5 = levels  # 1/4, 1/8, 1/16, 1/32
        p = self.laterals[3](c5) + self.whole(c5.mean((2, 3)))[..., None, None]
        p = self.top(p)
        for c, lateral, merge in zip((c4, c3, c2), reversed(self.laterals[:3]), self.merge, strict=True):
            p = F.interpolate(p, scale_factor=2.0, mode="bilinear", align_corners=False) + lateral(c)
            p = merge(p)
        return self.head(p)


__all__ = ["LiteColour"]
