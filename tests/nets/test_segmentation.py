"""What the networks of segmentation promise beyond what every network must hold."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixcli.nets import build
from pixcli.nets.deeplab_v1 import DeepLabV1
from pixcli.nets.dilation import Context, Dilation, identity_, mirrored
from pixcli.nets.fcn import FCN
from pixcli.nets.segnet import SegNet
from pixcli.nets.unet import UNet
from pixcli.nets.upsampling import BilinearUp, ResizeConv


def test_heads_come_apart_by_name() -> None:
    net = build("lite-segment", {"heads": {"street": 11, "room": 13}, "channels": 8}).eval()
    with torch.inference_mode():
        y = net(torch.rand(1, 3, 32, 64))
        parts = net.by_head(y)
    assert {name: tuple(part.shape) for name, part in parts.items()} == {
        "street": (1, 11, 16, 32),
        "room": (1, 13, 16, 32),
    }
    assert torch.equal(torch.cat(list(parts.values()), 1), y)


def test_sizes_are_those_of_the_papers() -> None:
    with torch.device("meta"):
        for stride in (32, 16, 8):
            assert FCN(stride=stride)(torch.empty(1, 3, 500, 333)).shape == (1, 21, 500, 333)
        assert UNet()(torch.empty(1, 1, 572, 188)).shape == (1, 2, 388, 4)
        assert Dilation().front(torch.empty(1, 3, 900, 900)).shape == (1, 21, 66, 66)
        assert Context(large=True)(torch.empty(1, 21, 66, 66)).shape == (1, 21, 66, 66)
        deeplab = DeepLabV1(caffe=True, scales=True)
        assert deeplab(torch.empty(1, 3, 321, 321)).shape == (1, 21, 41, 41)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_fcn_by_caffes_rules_sees_as_far_to_one_side_as_to_the_other(stride: int) -> None:
    net = FCN(8, stride, width=2, hidden=4).eval()
    x = torch.rand(1, 3, 640, 16)
    x[..., 320, :] = torch.nan
    with torch.inference_mode():
        rows = net(x).isnan().any(1).any(2).nonzero()[:, 1]
    assert abs((rows.min() + rows.max()) / 2 - 320) < 16


def test_bilinear_transposed_convolution_is_bilinear_enlargement() -> None:
    x = torch.rand(1, 2, 6, 5)
    for s in (2, 8, 16):
        y = BilinearUp(2, 2 * s, s, s // 2)(x)
        expected = nn.functional.interpolate(x, scale_factor=s, mode="bilinear", align_corners=False)
        assert (y - expected)[..., s:-s, s:-s].abs().max() < 1e-5


def test_segnet_puts_values_back_where_they_came_from() -> None:
    net = SegNet(8, width=2).eval()
    sizes: list[tuple[int, ...]] = []
    for stage in net.decoder:
        stage.register_forward_hook(lambda _m, i, _o: sizes.append(tuple(i[0].shape[2:])))
    with torch.inference_mode():
        net(torch.rand(1, 3, 45, 60))
    assert sizes == [(3, 4), (6, 8), (12, 15), (23, 30), (45, 60)]


@pytest.mark.parametrize("large", [False, True])
def test_the_context_module_begins_as_the_identity(large: bool) -> None:
    scores = torch.rand(1, 5, 6, 9)
    assert torch.allclose(Context(5, large, noise=0)(scores), scores, atol=1e-5)
    conv = nn.Conv2d(10, 20, 3)
    identity_(conv, 5, noise=0)
    assert conv.weight.sum() == 20 * 2 * 5 / 20


def test_reflection_goes_on_where_the_picture_is_small() -> None:
    x = torch.arange(3.0).view(1, 1, 1, 3).expand(1, 1, 3, 3)
    assert mirrored(x, 5)[0, 0, 0].tolist() == [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]


def spectrum_at_half(layer: nn.Module) -> float:
    """Of a flat grey: the share of the enlarged map that repeats every second pixel."""
    with torch.inference_mode():
        y = layer(torch.full((1, 4, 16, 16), 0.5))[0, :, 8:24, 8:24]
    power = torch.fft.fft2(y).abs()
    return float(power[:, [0, 8, 8], [8, 0, 8]].max() / power[:, 0, 0].max())


def test_resize_convolution_paints_no_checkerboard() -> None:
    torch.manual_seed(0)
    for k in (2, 3, 4):
        transposed = nn.ConvTranspose2d(4, 4, k, 2, (k - 1) // 2, output_padding=k % 2)
        assert spectrum_at_half(transposed) > 0.05
    for mode in ("nearest", "bilinear"):
        assert spectrum_at_half(ResizeConv(4, 4, mode=mode)) < 1e-5
    assert isinstance(UNet(resize=True, width=2).up[0], ResizeConv)
