"""SRN: one encoder–decoder runs over three scales, from coarse to fine.

Tao et al., CVPR 2018, arXiv:1802.01770, fig. 3 and 4. Module names are the authors' TensorFlow scopes, and so
are its habits: uneven padding, and resizing that takes the upper left pixel.

In, out: (N, C, H, W) sRGB or grey in [0, 1], H and W multiples of 16, not clipped.
Parameters: 6,881,251; with the LSTM that keeps a state from scale to scale 1,180,160 more.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResnetBlock(nn.Module):
    """conv → ReLU → conv, plus the input."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c, c, 5, padding=2)
        self.conv2 = nn.Conv2d(c, c, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class ConvLSTM(nn.Module):
    """Input, candidate, forget and output gate from one 3 × 3 convolution."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.LSTM_conv = nn.Conv2d(2 * c, 4 * c, 3, padding=1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        c, h = state.chunk(2, 1)
        i, j, f, o = self.LSTM_conv(torch.cat((x, h), 1)).chunk(4, 1)
        c = c * (f + 1).sigmoid() + i.sigmoid() * j.tanh()
        h = c.tanh() * o.sigmoid()
        return h, torch.cat((c, h), 1)


class SRN(nn.Module):
    """`blocks` residual blocks at each of the three resolutions of encoder and decoder."""

    multiple = 16

    def __init__(self, channels: int = 3, features: int = 32, blocks: int = 3, lstm: bool = False) -> None:
        super().__init__()
        f, self.blocks, self.channels = features, blocks, channels
        self.space = "gray" if channels == 1 else "srgb"
        self.reach = 7 * (56 * blocks + 15 + 4 * lstm)  # 7 = 4 + 2 + 1: the scales' steps
        self.enc1_1 = nn.Conv2d(2 * channels, f, 5, padding=2)
        self.enc2_1 = nn.Conv2d(f, 2 * f, 5, 2)
        self.enc3_1 = nn.Conv2d(2 * f, 4 * f, 5, 2)
        self.convLSTM = ConvLSTM(4 * f) if lstm else None
        self.dec2_4 = nn.ConvTranspose2d(4 * f, 2 * f, 4, 2, 1)
        self.dec1_4 = nn.ConvTranspose2d(2 * f, f, 4, 2, 1)
        self.dec1_0 = nn.Conv2d(f, channels, 5, padding=2)
        for level in (1, 2, 3):
            for i in range(blocks):
                self.add_module(f"enc{level}_{i + 2}", ResnetBlock(f << level - 1))
                self.add_module(f"dec{level}_{blocks - i}", ResnetBlock(f << level - 1))

    def enc(self, level: int, x: Tensor) -> Tensor:
        for i in range(self.blocks):
            x = self.get_submodule(f"enc{level}_{i + 2}")(x)
        return x

    def dec(self, level: int, x: Tensor) -> Tensor:
        for i in range(self.blocks):
            x = self.get_submodule(f"dec{level}_{self.blocks - i}")(x)
        return x

    def one_scale(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x1 = self.enc(1, F.relu(self.enc1_1(x)))
        x2 = self.enc(2, F.relu(self.enc2_1(F.pad(x1, (1, 2, 1, 2)))))
        x = self.enc(3, F.relu(self.enc3_1(F.pad(x2, (1, 2, 1, 2)))))
        if self.convLSTM is not None:
            if state is None:
                state = torch.zeros_like(torch.cat((x, x), 1))
            x, state = self.convLSTM(x, state)
        x = self.dec(2, F.relu(self.dec2_4(self.dec(3, x))) + x2)
        x = self.dec(1, F.relu(self.dec1_4(x)) + x1)
        return self.dec1_0(x), state

    def forward(self, x: Tensor) -> Tensor:
        guess, state = x[..., ::4, ::4], None
        for step in (4, 2, 1):
            if step < 4:
                guess = twice(guess)
                state = None if state is None else twice(state)
            guess, state = self.one_scale(torch.cat((x[..., ::step, ::step], guess), 1), state)
        return guess


def twice(x: Tensor) -> Tensor:
    """Twice as large, as TensorFlow 1 did: even pixels are the old ones, odd ones the mean of neighbours."""
    for dim in (2, 3):
        last = x.shape[dim] - 1
        after = torch.cat((x.narrow(dim, 1, last), x.narrow(dim, last, 1)), dim)
        x = torch.stack((x, (x + after) / 2), dim + 1).flatten(dim, dim + 1)
    return x
