"""RestoreUNet: one compact encoder–decoder for pictures that come out as large as they went in.

After DRUNet (Zhang et al., TPAMI 2021: residual U-Net without biases, strided 2 × 2 convolutions, summed
skips) with FFDNet's (Zhang et al., TIP 2018) reversible halving at the door, so that no work is done at full
resolution. No biases: the answer follows the input's brightness and contrast.

    x, maps ─ unshuffle 2 ─ conv ─ blocks ─┬─ down ─ blocks ─┬─ down ─ blocks ─ up ─(+)─ blocks ─ up ─(+)─ blocks ─ conv ─ shuffle 2 ─(+)─ answer
                                           │                 └───────────────────────┘                 │                               │
                                           └───────────────────────────────────────────────────────────┘                               x
In: (N, colours + maps, H, W) sRGB in [0, 1] and what else is known of each pixel; H and W multiples of 8.
Out: (N, colours, H, W), not clipped. 64, 96, 128 channels, one map: 1,711,872 parameters; reach 91.
"""  # noqa: E501

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.subpixel import Block, conv


class RestoreUNet(nn.Module):
    def __init__(
        self,
        maps: int = 0,
        channels: tuple[int, ...] | list[int] = (64, 96, 128),
        blocks: tuple[int, ...] | list[int] = (2, 2, 2),
        colours: int = 3,
    ) -> None:
        super().__init__()
        self.channels, self.maps, self.multiple = colours, maps, 2 ** len(channels)
        # two 3 × 3 convolutions a block, at 1/2, 1/4, …; all but the deepest level twice, head and tail once
        levels = [2 * n * 2**i for i, n in enumerate(blocks, 1)]
        self.reach = 4 + 2 * sum(levels[:-1]) + levels[-1] + self.multiple - 1
        steps = list(pairwise(channels))
        self.head = conv(4 * (colours + maps), channels[0])
        self.encoder = nn.ModuleList(stack(c, n) for c, n in zip(channels, blocks, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in steps)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2, bias=False) for a, b in steps)
        self.decoder = nn.ModuleList(stack(c, n) for c, n in zip(channels[:-1], blocks[:-1], strict=True))
        self.tail = conv(channels[0], 4 * colours)
        nn.init.zeros_(self.tail.weight)  # it begins as the identity

    def forward(self, x: Tensor) -> Tensor:
        return x[:, : self.channels].float() + F.pixel_shuffle(self.tail(self.features(x)), 2).float()

    def features(self, x: Tensor) -> Tensor:  # (N, colours + maps, H, W) → (N, C, H / 2, W / 2)
        f: Tensor = self.head(F.pixel_unshuffle(x, 2))
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=False):
            skips.append(f := blocks(f))
            f = down(f)
        f = self.encoder[-1](f)
        for blocks, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            f = blocks(up(f) + skips.pop())
        return f


def stack(channels: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(Block(channels) for _ in range(blocks)))
