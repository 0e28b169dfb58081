"""DamageUNet: where a photograph or a film frame is scratched, cracked, torn or dusty.

RestoreUNet with one answer, a logit, in place of a picture. A map of ones at its door stands for biases:
without them the logits of a faded picture would be those of a strong one, weakened.

In: (N, 3, H, W) sRGB in [0, 1]; H and W multiples of 8. Out: (N, 1, H, W), the probability of damage.
40, 64, 96 channels: 927,008 parameters; reach 99.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from pixcli.nets.restore_unet import RestoreUNet
from pixcli.nets.subpixel import conv

GAIN = 8.0  # of the logits: with steps of one length it is soon sure of what is plain to see


class DamageUNet(RestoreUNet):
    def __init__(
        self,
        channels: tuple[int, ...] | list[int] = (40, 64, 96),
        blocks: tuple[int, ...] | list[int] = (1, 2, 3),
    ) -> None:
        super().__init__(1, channels, blocks)
        self.maps = 0  # the ones are its own
        self.tail = conv(channels[0], 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x).sigmoid()

    def logits(self, x: Tensor) -> Tensor:
        """(N, 1, H, W), before the sigmoid."""
        f = self.features(torch.cat([x, torch.ones_like(x[:, :1])], 1))
        return GAIN * F.pixel_shuffle(self.tail(f), 2).float()
