"""U-Net for depth: the padded network of pixcli.nets.unet with one answer a pixel.

In: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 16. Out: (N, 1, H, W), metres or what it is trained for.
Parameters: 31,031,745.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from pixcli.nets.unet import UNet


class UNetDepth(UNet):
    """answer: "positive" through softplus, "bounded" in 0..`most` through a sigmoid, "log" as it is."""

    def __init__(
        self, width: int = 64, norm: bool = False, answer: str = "positive", most: float = 10.0
    ) -> None:
        if answer not in ("positive", "bounded", "log"):
            raise ValueError(f"answer must be positive, bounded or log, not {answer}")
        super().__init__(3, 1, width, padding=True, norm=norm)
        self.answer, self.most = answer, most

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x).float()
        if self.answer == "positive":
            return F.softplus(y)
        return y.sigmoid() * self.most if self.answer == "bounded" else y
