"""See-in-the-Dark: a U-Net from a camera's raw numbers, multiplied, to the picture.

Chen et al., CVPR 2018, arXiv:1805.01934, fig. 3 and section 4.1.

In: (N, 4, H/2, W/2) packed Bayer numbers, (N, 9, H/3, W/3) X-Trans, or (N, 3, H, W) sRGB; of pack_bayer and
pack_xtrans, in [0, 1]; both sides multiples of 16. Out: (N, 3, H, W) sRGB, not clipped.
Parameters: Bayer 7,760,268; X-Trans 7,762,203; RGB 7,759,683.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BAYER = ("RGGB", "BGGR", "GRBG", "GBRG")
SENSORS = {"bayer": (4, 2), "xtrans": (9, 3), "rgb": (3, 1)}  # channels, side of a cell


class SeeInTheDark(nn.Module):
    """`features` channels at the first of five resolutions, twice as many at each further one."""

    multiple = 16
    reach = 102

    def __init__(self, sensor: str = "bayer", features: int = 32) -> None:
        super().__init__()
        if sensor not in SENSORS:
            raise ValueError(f"sensor is one of {', '.join(SENSORS)}")
        channels, self.scale = SENSORS[sensor]
        self.channels = channels
        self.space = "srgb" if sensor == "rgb" else f"raw-{sensor}"
        widths = [channels, *(features << i for i in range(5))]
        for i in range(1, 6):
            self.add_module(f"conv{i}_1", nn.Conv2d(widths[i - 1], widths[i], 3, padding=1))
            self.add_module(f"conv{i}_2", nn.Conv2d(widths[i], widths[i], 3, padding=1))
        for i in range(6, 10):
            c = widths[10 - i]
            self.add_module(f"up{i}", nn.ConvTranspose2d(2 * c, c, 2, 2, bias=False))
            self.add_module(f"conv{i}_1", nn.Conv2d(2 * c, c, 3, padding=1))
            self.add_module(f"conv{i}_2", nn.Conv2d(c, c, 3, padding=1))
        self.conv10 = nn.Conv2d(features, 3 * self.scale**2, 1)

    def pair(self, i: int, x: Tensor) -> Tensor:
        for name in (f"conv{i}_1", f"conv{i}_2"):
            x = F.leaky_relu(self.get_submodule(name)(x), 0.2)
        return x

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for i in range(1, 5):
            skips.append(self.pair(i, x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.pair(5, x)
        for i in range(6, 10):
            x = self.pair(i, torch.cat((self.get_submodule(f"up{i}")(x), skips.pop()), 1))
        return F.pixel_shuffle(self.conv10(x), self.scale)


def pack_bayer(mosaic: Tensor, pattern: str, black: float, white: float, ratio: float = 1) -> Tensor:
    """(…, H, W) raw numbers → (…, 4, H/2, W/2) in [0, 1]: red, green of its row, blue, green of its row.

    pattern: the colours of a cell of 2 × 2 by rows, "RGGB", "BGGR", "GRBG" or "GBRG": never the same for all
    cameras. ratio: how many times longer the exposure should have been; the authors go up to 300. An odd last
    row or column is left off. Raises ValueError for another pattern.
    """
    if pattern not in BAYER:
        raise ValueError(f"{pattern!r} is no Bayer pattern")
    red, blue = divmod(pattern.index("R"), 2), divmod(pattern.index("B"), 2)
    cells = (red, (red[0], 1 - red[1]), blue, (blue[0], 1 - blue[1]))
    high, wide = (n // 2 * 2 for n in mosaic.shape[-2:])
    return _exposed([mosaic[..., y:high:2, x:wide:2] for y, x in cells], black, white, ratio)


def pack_xtrans(mosaic: Tensor, black: float, white: float, ratio: float = 1) -> Tensor:
    """(…, H, W) raw numbers of Fuji's 6 × 6 pattern → (…, 9, H/3, W/3) in [0, 1], as the authors packed them.

    The pattern's corner as theirs: green is at (0, 2), (0, 5) and (1, 0). What is no whole cell is left off.
    """
    high, wide = (n // 6 * 6 for n in mosaic.shape[-2:])
    channels = []
    for places in XTRANS:
        out = mosaic.new_zeros(*mosaic.shape[:-2], high // 3, wide // 3)
        for i, (y, x) in enumerate(places):
            out[..., i // 2 :: 2, i % 2 :: 2] = mosaic[..., y:high:6, x:wide:6]
        channels.append(out)
    return _exposed(channels, black, white, ratio)


# for each channel the pixel of a 6 × 6 cell that stands at (0, 0), (0, 1), (1, 0), (1, 1) of the packed 2 × 2
XTRANS = (
    ((0, 0), (0, 4), (3, 1), (3, 3)),
    ((0, 2), (0, 5), (3, 2), (3, 5)),
    ((0, 1), (0, 3), (3, 0), (3, 4)),
    ((1, 2), (2, 5), (5, 2), (4, 5)),
    ((2, 2), (1, 5), (4, 2), (5, 5)),
    *(((y, x), (y, x + 3), (y + 3, x), (y + 3, x + 3)) for y in (1, 2) for x in (0, 1)),
)


def _exposed(channels: list[Tensor], black: float, white: float, ratio: float) -> Tensor:
    packed = torch.stack(channels, -3).float()
    return ((packed - black).clamp(min=0) / (white - black) * ratio).clamp(max=1)
