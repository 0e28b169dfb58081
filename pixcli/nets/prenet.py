"""PReNet: rain is taken off in turns by one recurrent network.

Ren et al., CVPR 2019, arXiv:1901.09221, fig. 2 and 3. Module names are those of the published weights.

In, out: (N, 3, H, W) sRGB in [0, 1], any size, not clipped.
Parameters: PReNet 168,963; PReNet_r (`shared`) 94,979; PRN (no `lstm`) 95,107; PRN_r (both) 21,123.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(c_in: int, c_out: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, padding=1)


def gate(features: int, activation: nn.Module) -> nn.Sequential:
    """One gate of the LSTM, of what comes in and what was kept."""
    return nn.Sequential(conv(2 * features, features), activation)


class PReNet(nn.Module):
    """`turns` is T of the paper.

    shared: one residual block serves five times. lstm: a state is kept from turn to turn.
    """

    def __init__(
        self,
        turns: int = 6,
        features: int = 32,
        blocks: int = 5,
        shared: bool = False,
        lstm: bool = True,
    ) -> None:
        super().__init__()
        self.turns, self.features, self.lstm = turns, features, lstm
        self.reach = turns * (2 + lstm + 2 * blocks)
        self.blocks = [f"res_conv{1 if shared else i + 1}" for i in range(blocks)]
        self.conv0 = nn.Sequential(conv(6, features), nn.ReLU())
        for name in dict.fromkeys(self.blocks):
            self.add_module(
                name, nn.Sequential(conv(features, features), nn.ReLU(), conv(features, features), nn.ReLU())
            )
        if lstm:
            self.conv_i = gate(features, nn.Sigmoid())
            self.conv_f = gate(features, nn.Sigmoid())
            self.conv_g = gate(features, nn.Tanh())
            self.conv_o = gate(features, nn.Sigmoid())
        self.conv = nn.Sequential(conv(features, 3))

    def forward(self, rainy: Tensor) -> Tensor:
        x = rainy
        h = c = rainy.new_zeros(len(rainy), self.features, *rainy.shape[2:])
        for _ in range(self.turns):
            f = self.conv0(torch.cat((rainy, x), 1))
            if self.lstm:
                f = torch.cat((f, h), 1)
                c = self.conv_f(f) * c + self.conv_i(f) * self.conv_g(f)
                f = h = self.conv_o(f) * c.tanh()
            for name in self.blocks:
                f = F.relu(f + self.get_submodule(name)(f))
            x = rainy + self.conv(f)
        return x
