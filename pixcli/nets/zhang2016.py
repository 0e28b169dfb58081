"""Colorful Image Colorization: 313 classes of colour for each pixel.

Zhang et al., ECCV 2016, arXiv:1603.08511, fig. 2.

Module names are those of the published weights. Batch norms follow ReLU, so they cannot be folded exactly.
In: (N, 1, H, W) lightness L of CIE Lab (D65) over 100, in [0, 1]; H and W multiples of 8, 256 when trained.
Out: logits (N, 313, H/4, W/4) over the colours of pixcli.nets.ab_bins; with `model_out` a and b themselves,
(N, 2, H, W), about ±110.
Parameters: 32,235,385; 32,236,011 with `model_out`.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.ab_bins import bins


def block(c_in: int, c_out: int, convs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """3×3 convolutions with ReLU, the last one with the stride, and a batch norm."""
    layers: list[nn.Module] = []
    for i in range(convs):
        s = stride if i == convs - 1 else 1
        layers += [nn.Conv2d(c_in, c_out, 3, s, dilation, dilation), nn.ReLU()]
        c_in = c_out
    return nn.Sequential(*layers, nn.BatchNorm2d(c_out))


class Zhang2016(nn.Module):
    """The published network; its softmax is left to the caller, who anneals it."""

    reach = None
    multiple = 8
    side = 256
    space = "lab-l"

    def __init__(self, model_out: bool = False) -> None:
        super().__init__()
        self.model1 = block(1, 64, 2, stride=2)
        self.model2 = block(64, 128, 2, stride=2)
        self.model3 = block(128, 256, 3, stride=2)
        self.model4 = block(256, 512, 3)
        self.model5 = block(512, 512, 3, dilation=2)
        self.model6 = block(512, 512, 3, dilation=2)
        self.model7 = block(512, 512, 3)
        self.model8 = nn.Sequential(
            *(nn.ConvTranspose2d(512, 256, 4, 2, 1), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
            nn.Conv2d(256, 313, 1),
        )
        self.model_out: nn.Conv2d | None = None
        if model_out:
            self.model_out = nn.Conv2d(313, 2, 1, bias=False)
            self.model_out.weight.data.copy_(bins().T.view(2, 313, 1, 1) / 110)

    def forward(self, x: Tensor) -> Tensor:
        x = x - 0.5
        x = self.model3(self.model2(self.model1(x)))  # (N, 256, H/8, W/8)
        x = self.model7(self.model6(self.model5(self.model4(x))))
        x = self.model8(x)  # (N, 313, H/4, W/4)
        if self.model_out is None:
            return x
        return F.interpolate(self.model_out(x.softmax(1)), scale_factor=4, mode="bilinear") * 110
