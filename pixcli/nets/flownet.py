"""FlowNetSimple and FlowNetCorr: motion between two pictures, learnt as a whole.

Dosovitskiy et al., ICCV 2015, arXiv:1504.06852, fig. 2 and 3; leaky ReLU of 0.1, as released.
Module names are those of the weights published for PyTorch, which have no biases in the decoder.

In: (N, 6, H, W), the first picture, then the second, sRGB in [0, 1]; H and W multiples of 64.
Out: (N, 2, H/4, W/4) flow in pixels of the input. `levels` gives the flow at 1/4 … 1/64, all so.
Parameters: FlowNetSimple 38,676,514, FlowNetCorr 39,175,298; 978 fewer without the decoder's biases.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.nets.matching import correlation

MEAN = (0.45, 0.432, 0.411)
DIV_FLOW = 20.0  # the layers give flow over this


def conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2), nn.LeakyReLU(0.1))


class Refining(nn.Module):
    """The part that both have: from conv3_1 on to 1/64, and up to 1/4 again with a flow at each resolution.

    `width` is 64 in the paper.
    """

    reach, multiple = None, 64
    mean: Tensor

    def __init__(self, c_in: int, bias: bool, width: int) -> None:
        super().__init__()
        w = width
        self.conv3_1 = conv(c_in, 4 * w)
        self.conv4, self.conv4_1 = conv(4 * w, 8 * w, stride=2), conv(8 * w, 8 * w)
        self.conv5, self.conv5_1 = conv(8 * w, 8 * w, stride=2), conv(8 * w, 8 * w)
        self.conv6, self.conv6_1 = conv(8 * w, 16 * w, stride=2), conv(16 * w, 16 * w)
        below = 16 * w
        for level, skip, c in ((5, 8 * w, 8 * w), (4, 8 * w, 4 * w), (3, 4 * w, 2 * w), (2, 2 * w, w)):
            up = nn.ConvTranspose2d(below, c, 4, 2, 1, bias=bias)
            flow_up = nn.ConvTranspose2d(2, 2, 4, 2, 1, bias=bias)
            self.add_module(f"predict_flow{level + 1}", nn.Conv2d(below, 2, 3, padding=1, bias=bias))
            self.add_module(f"deconv{level}", nn.Sequential(up, nn.LeakyReLU(0.1)))
            self.add_module(f"upsampled_flow{level + 1}_to_{level}", flow_up)
            below = skip + c + 2
        self.predict_flow2 = nn.Conv2d(below, 2, 3, padding=1, bias=bias)
        mean = torch.tensor(MEAN * 2).view(1, 6, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is skipped at 1/4, and what conv3_1 is given."""
        raise NotImplementedError

    def levels(self, x: Tensor) -> list[Tensor]:
        conv2, x = self.encode(x - self.mean)
        skips = [conv2, self.conv3_1(x)]
        skips.append(self.conv4_1(self.conv4(skips[-1])))
        skips.append(self.conv5_1(self.conv5(skips[-1])))
        x = self.conv6_1(self.conv6(skips[-1]))
        flows = [self.get_submodule("predict_flow6")(x)]
        for level in (5, 4, 3, 2):
            wide = self.get_submodule(f"deconv{level}")(x)
            flow = self.get_submodule(f"upsampled_flow{level + 1}_to_{level}")(flows[0])
            x = torch.cat((skips.pop(), wide, flow), 1)
            flows.insert(0, self.get_submodule(f"predict_flow{level}")(x))
        return [flow.float() * DIV_FLOW for flow in flows]

    def forward(self, x: Tensor) -> Tensor:
        return self.levels(x)[0]


class FlowNetSimple(Refining):
    def __init__(self, bias: bool = True, width: int = 64) -> None:
        super().__init__(4 * width, bias, width)
        self.conv1 = conv(6, width, 7, 2)
        self.conv2 = conv(width, 2 * width, 5, 2)
        self.conv3 = conv(2 * width, 4 * width, 5, 2)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        conv2 = self.conv2(self.conv1(x))
        return conv2, self.conv3(conv2)


class FlowNetCorr(Refining):
    """reach, step: displacements that are compared, in cells of 8 pixels."""

    def __init__(self, bias: bool = True, width: int = 64, reach: int = 20, step: int = 2) -> None:
        self.displacement, self.step = reach, step
        compared = (2 * reach // step + 1) ** 2
        super().__init__(compared + width // 2, bias, width)
        self.conv1 = conv(3, width, 7, 2)
        self.conv2 = conv(width, 2 * width, 5, 2)
        self.conv3 = conv(2 * width, 4 * width, 5, 2)
        self.conv_redir = conv(4 * width, width // 2, 1)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second = x.chunk(2, 1)
        conv2 = self.conv2(self.conv1(first))
        a, b = self.conv3(conv2), self.conv3(self.conv2(self.conv1(second)))
        compared = F.leaky_relu(correlation(a, b, self.displacement, self.step), 0.1)
        return conv2, torch.cat((self.conv_redir(a), compared), 1)
