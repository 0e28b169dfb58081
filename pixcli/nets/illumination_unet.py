"""IlluminationUNet: light for dark photographs, decided by looking at the whole picture.

After DeepUPE (Wang et al., CVPR 2019: predict the light that the picture lacks, not the picture) in the
compact form of RestoreUNet: a U-Net at 1/2 to 1/16 with a mean over the whole picture at its bottom, for how
much light a scene wants can only be told from all of it. Answer = x · gain + cleaning, both smooth where the
network wishes; the gain is the exponential of what it predicts, so it is never negative.

In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 16. Out: (N, 3, H, W), not clipped.
32, 48, 64, 96 channels: 718,872 parameters.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(c_in: int, c_out: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, padding=1)


class Block(nn.Module):
    """conv → ReLU → conv, residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(channels, channels), conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class IlluminationUNet(nn.Module):
    multiple = 16
    side, multiple = 288, 16  # the shorter side that it was trained at

    def __init__(self, channels: tuple[int, ...] | list[int] = (32, 48, 64, 96)) -> None:
        super().__init__()
        steps = list(pairwise(channels))
        self.head = conv(4 * 6, channels[0])
        self.encoder = nn.ModuleList(Block(c) for c in channels)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in steps)
        self.scene = nn.Sequential(
            nn.Linear(channels[-1], channels[-1]), nn.ReLU(), nn.Linear(channels[-1], channels[-1])
        )
        self.bottom = Block(channels[-1])
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in steps)
        self.decoder = nn.ModuleList(Block(c) for c in channels[:-1])
        self.tail = conv(channels[0], 4 * 6)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.get_parameter("bias"))

    def forward(self, x: Tensor) -> Tensor:
        lifted = x.clamp(min=0).float().sqrt().to(x.dtype)  # tells the darks apart
        f = self.head(F.pixel_unshuffle(torch.cat([x, lifted], 1), 2))
        skips = []
        for block, down in zip(self.encoder, self.down, strict=False):
            skips.append(f := block(f))
            f = down(f)
        f = self.encoder[-1](f)
        f = f + self.scene(f.float().mean((2, 3)).to(f.dtype))[..., None, None]
        f = self.bottom(f)
        for block, up in zip(reversed(self.decoder), reversed(self.up), strict=True):
            f = block(up(f) + skips.pop())
        gain, cleaning = F.pixel_shuffle(self.tail(F.relu(f)), 2).float().chunk(2, 1)
        return x.float() * gain.clamp(-2, 4).exp() + cleaning
