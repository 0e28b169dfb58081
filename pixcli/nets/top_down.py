"""TopDown: the plain decoder that the compact networks share, and what their encoder is fed.

After FPN (Lin et al., CVPR 2017: 1 × 1 laterals, enlargement, sum, 3 × 3), with batch norm and ReLU after
each 3 × 3 and, at the top, the mean over the whole picture through two small layers, as in LiteColour.
In: features at 1/2, 1/4, … 1/32, as EfficientNetLite0 gives them. Out: as many maps as the decoder goes down
to, all of `channels` channels, finest first.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.efficientnet_lite import CHANNELS


def lite_input(x: Tensor) -> Tensor:
    """sRGB in [0, 1] as the ImageNet weights of EfficientNet-Lite expect it; grey becomes three channels."""
    return ((x * 255 - 127) / 128).expand(-1, 3, -1, -1)


def unit(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


class TopDown(nn.Module):
    """widths: channels of the encoder's levels, finest first. finest: the answer is at 1 / finest, 2 or 4.

    depths: how many units after each sum, from 1/16 down. The last is where the time goes.
    """

    def __init__(
        self,
        widths: Sequence[int] = CHANNELS,
        channels: int = 64,
        finest: int = 4,
        depths: Sequence[int] = (2, 2, 1, 1),
    ) -> None:
        super().__init__()
        if finest not in (2, 4):
            raise ValueError(f"finest must be 2 or 4, not {finest}")
        used = widths[finest // 2 - 1 :]
        self.laterals = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in used)
        self.whole = nn.Sequential(nn.Linear(widths[-1], channels), nn.ReLU(), nn.Linear(channels, channels))
        self.top = unit(channels, channels)
        self.merge = nn.ModuleList(
            nn.Sequential(*(unit(channels, channels) for _ in range(d))) for d in depths[: len(used) - 1]
        )

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        *finer, c5 = levels[-len(self.laterals) :]
        p = self.laterals[-1](c5) + self.whole(c5.mean((2, 3)))[..., None, None]
        maps = [self.top(p)]
        for c, lateral, merge in zip(reversed(finer), reversed(self.laterals[:-1]), self.merge, strict=True):
            p = F.interpolate(maps[0], scale_factor=2.0, mode="bilinear", align_corners=False)
            maps.insert(0, merge(p + lateral(c)))
        return maps
