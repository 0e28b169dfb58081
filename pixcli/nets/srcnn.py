"""SRCNN: three convolutions on the bicubic enlargement.

Dong et al., ECCV 2014 and PAMI 2016, arXiv:1501.00092, fig. 2.

Changed: zero padding instead of valid convolutions, as the authors do at test time.
In: (N, 3, H, W) sRGB values in [0, 1]. Out: (N, 3, sH, sW).
Parameters, one channel: 9-1-5 8,129; 9-3-5 24,513; 9-5-5 57,281. Three channels: 9-1-5 20,099.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pixcli.nets.luma import OnLuma, same


class SRCNN(OnLuma):
    """Patches, mapping, reconstruction; `kernels` are f1, f2, f3 and `features` n1, n2 of the paper."""

    def __init__(
        self,
        scale: int = 3,
        kernels: Sequence[int] = (9, 1, 5),
        features: Sequence[int] = (64, 32),
        channels: int = 1,
    ) -> None:
        super().__init__(channels, scale, extent=sum(k // 2 for k in kernels))
        (f1, f2, f3), (n1, n2) = kernels, features
        self.conv1 = same(channels, n1, f1)
        self.conv2 = same(n1, n2, f2)
        self.conv3 = same(n2, channels, f3)
        self.relu = nn.ReLU()

    def mend(self, x: Tensor) -> Tensor:
        return self.conv3(self.relu(self.conv2(self.relu(self.conv1(x)))))
