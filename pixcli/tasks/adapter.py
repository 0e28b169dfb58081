"""A network of the same-size tasks as they all call it, whatever number of channels it was made for."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Adapter(nn.Module):
    """Takes (N, C + maps, H, W), C = 1 or 3 colours and then `maps` of the task; answers (N, C, H, W).

    colours: that the network takes, 3 (grey is repeated, and the mean of the answer taken) or 1 (each colour
    goes through it alone). level: the value of one more map, the same for all pixels, or None. strength: the
    network's share in the answer, the rest is the input's.
    """

    def __init__(
        self, net: nn.Module, colours: int, maps: int = 0, level: float | None = None, strength: float = 1.0
    ) -> None:
        super().__init__()
        self.net, self.colours, self.maps, self.level, self.strength = net, colours, maps, level, strength

    def forward(self, x: Tensor) -> Tensor:
        own, maps = x[:, : x.shape[1] - self.maps], x[:, x.shape[1] - self.maps :]
        count, given = own.shape[:2]
        seen = own
        if self.colours == 1:
            seen = own.reshape(count * given, 1, *x.shape[2:])
            maps = maps.repeat_interleave(given, 0)
        elif given == 1:
            seen = own.expand(-1, 3, -1, -1)
        parts = [seen, maps]
        if self.level is not None:
            parts.append(torch.full_like(seen[:, :1], self.level))
        answer: Tensor = self.net(torch.cat(parts, 1)).float()
        if self.colours == 1:
            answer = answer.reshape(own.shape)
        elif given == 1:
            answer = answer.mean(1, keepdim=True)
        return answer if self.strength == 1 else torch.lerp(own, answer, self.strength)
