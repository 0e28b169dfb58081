"""The frame of the early super-resolution networks: enlarge bicubically, then mend the luma.

In: (N, 3, H, W) sRGB values in [0, 1]. Out: (N, 3, sH, sW), not clipped.
"""

from __future__ import annotations

from torch import Tensor, nn

from pixcli.nets.subpixel import enlarge

# R'G'B' in 0..1 to MATLAB's Y of rgb2ycbcr (16..235) in 0..1, on which these networks were trained
LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
FOOT = 16 / 255


class OnLuma(nn.Module):
    """A network on the enlarged picture; `mend` of subclasses takes and gives (N, channels, sH, sW).

    channels 1: it sees Y, and Cb and Cr are those of the bicubic enlargement. channels 3: it sees R, G and B.
    `extent` is the number of enlarged pixels in each direction that one output pixel depends on.
    """

    def __init__(self, channels: int, scale: int, extent: int) -> None:
        super().__init__()
        if channels not in (1, 3) or scale < 2:
            raise ValueError("channels is 1 or 3, scale at least 2")
        self.channels, self.scale = channels, scale
        self.reach = (scale - 1 + extent) // scale + 2  # bicubic adds 2

    def mend(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor, scale: int | None = None) -> Tensor:
        big = enlarge(x.float(), scale or self.scale)  # (N, 3, sH, sW)
        if self.channels == 3:
            return self.mend(big)
        y = (big * big.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True) + FOOT
        # with Cb and Cr kept, a change of Y is the same change in R, G and B; 219 is Y's range of 255
        return big + (self.mend(y) - y) * (255 / 219)


def same(c_in: int, c_out: int, kernel: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=bias)
