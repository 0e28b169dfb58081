"""EfficientNet-Lite0 without its classifier: an encoder with five levels.

Tan & Le, ICML 2019; the Lite variant of TensorFlow's TPU release: squeeze-excitation is left out and swish is
ReLU6. Strided layers pad as TensorFlow's SAME does: on even sizes one pixel more at the bottom and right.
In: (N, 3, H, W) RGB as (x - 127) / 128 of 0..255, H and W multiples of 32.
Out: features at 1/2, 1/4, 1/8, 1/16, 1/32 with 16, 24, 40, 112, 320 channels.
Parameters: 2,958,848.
"""

from torch import Tensor, nn
from torch.nn import functional as F

STAGES = (  # kernel, stride, expansion, channels, repeats
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
CHANNELS = (16, 24, 40, 112, 320)
TAPS = (0, 2, 4, 10, 15)  # the last block at 1/2, 1/4, 1/8, 1/16, 1/32


class SameConv(nn.Conv2d):
    """Convolution without bias, padded as TensorFlow's SAME."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            c_in, c_out, kernel, stride, padding=kernel // 2 if stride == 1 else 0, groups=groups, bias=False
        )
        self.early, self.late = (kernel - 2) // 2, (kernel - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] == 2:
            x = F.pad(x, (self.early, self.late, self.early, self.late))
        return super().forward(x)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class MBConv(nn.Module):
    """1×1 expand → depthwise → 1×1 project, not activated at the end; residual where the shape stays."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = c_in * expansion
        self.expand = (
            nn.Sequential(SameConv(c_in, wide, 1), norm(wide), nn.ReLU6()) if expansion > 1 else nn.Identity()
        )
        self.depthwise = nn.Sequential(
            SameConv(wide, wide, kernel, stride, groups=wide), norm(wide), nn.ReLU6()
        )
        self.project = nn.Sequential(SameConv(wide, c_out, 1), norm(c_out))
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv(3, 32, 3, 2), norm(32), nn.ReLU6())
        blocks, c = [], 32
        for kernel, stride, expansion, channels, repeats in STAGES:
            for i in range(repeats):
                blocks.append(MBConv(c, channels, kernel, stride if i == 0 else 1, expansion))
                c = channels
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = []
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                levels.append(x)
        return levels


def from_published(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The released classifier's tensors under this module's names; its head and classifier are left out."""
    parts = {
        "_expand_conv": "expand.0",
        "_bn0": "expand.1",
        "_depthwise_conv": "depthwise.0",
        "_bn1": "depthwise.1",
        "_project_conv": "project.0",
        "_bn2": "project.1",
    }
    own: dict[str, Tensor] = {}
    for key, value in weights.items():
        name, *rest = key.split(".")
        if name == "_conv_stem":
            own["stem.0." + rest[0]] = value
        elif name == "_bn0":
            own["stem.1." + rest[0]] = value
        elif name == "_blocks":
            number, part, leaf = rest
            own[f"blocks.{number}.{parts[part]}.{leaf}"] = value
    return own


__all__ = ["CHANNELS", "EfficientNetLite0", "from_published"]
