"""What the networks of segmentation promise beyond what every network must hold."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.ops import roi_align

from pixcli.nets import build
from pixcli.nets.crf import Kernels, colours_and_places, mean_field
from pixcli.nets.deeplab_v1 import DeepLabV1
from pixcli.nets.dilation import Context, Dilation, identity_, mirrored
from pixcli.nets.fcn import FCN
from pixcli.nets.hypercolumns import Hypercolumns, hats
from pixcli.nets.panoptic_fpn import AlignedPool, LastIsNone, PanopticFPN, exact_anchors
from pixcli.nets.segnet import SegNet
from pixcli.nets.sharpmask import SharpMask
from pixcli.nets.unet import UNet
from pixcli.nets.upsampling import BilinearUp, ResizeConv
from pixcli.nets.zoom_out import ZoomOut, neighbourhoods


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


def scene(h: int, w: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture of two colours with shading and noise, and uncertain logits of four classes."""
    noise = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(0, 1, h), torch.linspace(0, 1, w), indexing="ij")
    picture = torch.stack((0.3 + 0.4 * (x > 0.5), 0.5 + 0.3 * (y > 0.4) * x, 0.4 + 0.2 * y))
    logits = torch.stack((3 * x - 1.5, 1.5 - 3 * x, 2 * y - 1, 0 * x))
    return (
        picture + 0.02 * torch.randn(picture.shape, generator=noise),
        logits + torch.randn(logits.shape, generator=noise),
    )


@pytest.mark.parametrize(("alpha", "beta", "symmetric"), [(80, 13, True), (8, 20, False)])
def test_mean_field_agrees_with_all_pairs_of_pixels(alpha: float, beta: float, symmetric: bool) -> None:
    picture, logits = scene(20, 24)
    positions = colours_and_places(picture, alpha, beta).double()
    dense = []
    for points in (positions[:, :2] * alpha / 3, positions):
        k = torch.exp(-((points[:, None] - points) ** 2).sum(2) / 2)
        d = k.sum(1)
        k = k / (d * d[:, None]).sqrt() if symmetric else k / d[:, None]
        dense.append(k.fill_diagonal_(0))
    q = logits.double().softmax(0)
    for _ in range(5):
        told = q.flatten(1) @ (3 * dense[0] + 10 * dense[1]).T
        q = (logits + told.view_as(q)).softmax(0)
    kernels = Kernels(picture, alpha, beta, 3, symmetric, cells=(4, 4))
    ours = mean_field(logits, kernels, iterations=5, bilateral=10, spatial=3)
    assert (ours - q).abs().max() < 1e-3
    assert (logits.softmax(0) - q).abs().max() > 0.3  # it has done something


def test_crf_rnn_begins_as_the_mean_field_it_unrolls() -> None:
    picture, logits = scene(12, 16)
    net = build("crf-rnn", {"classes": 4, "alpha": 20, "beta": 13, "cells": [2, 2]})
    with torch.inference_mode():
        refined = net(torch.cat((picture, logits))[None])[0].softmax(0)
        kernels = Kernels(picture, 20, 13, 3, symmetric=False)
        expected = mean_field(logits, kernels, iterations=5, bilateral=5, spatial=3)
    assert torch.allclose(refined, expected, atol=1e-4)


def test_crf_rnn_learns_from_a_few_scenes_what_helps_on_another() -> None:
    def noisy(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Four blocks of colour as (3 + 4, 16, 16) with unsure logits, and their labels."""
        chance = torch.Generator().manual_seed(seed)
        labels = (
            torch.randperm(4, generator=chance).view(2, 2).repeat_interleave(8, 0).repeat_interleave(8, 1)
        )
        colours = torch.rand(4, 3, generator=chance)
        picture = colours[labels].permute(2, 0, 1) + 0.02 * torch.randn(3, 16, 16, generator=chance)
        told = nn.functional.one_hot(labels, 4).permute(2, 0, 1)
        logits = told + 1.5 * torch.randn(4, 16, 16, generator=chance)
        return torch.cat((picture, logits)), labels

    inputs, labels = (torch.stack(v) for v in zip(*map(noisy, range(4)), strict=True))
    net = build("crf-rnn", {"classes": 4, "iterations": 3, "alpha": 8, "beta": 20})
    with torch.no_grad():
        net.spatial.mul_(0.1)
        net.bilateral.mul_(0.1)  # nearly nothing is told
    inputs.requires_grad_()
    before = nn.functional.cross_entropy(net(inputs[3:]), labels[3:])
    before.backward()
    assert inputs.grad is not None
    assert inputs.grad[3, 3:].abs().min() > 0  # a network that gives the logits is trained along
    assert net.compatibility.grad is not None
    inputs.requires_grad_(False)
    optimiser = torch.optim.Adam(net.parameters(), 0.1)
    for _ in range(12):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(inputs[:3]), labels[:3]).backward()
        optimiser.step()
    with torch.no_grad():
        assert nn.functional.cross_entropy(net(inputs[3:]), labels[3:]) < 0.6 * before


def test_hypercolumns_are_a_classifier_on_enlarged_features() -> None:
    torch.manual_seed(0)
    net = Hypercolumns(3, width=2, hidden=4).eval()
    x = torch.rand(1, 3, 32, 64)
    with torch.inference_mode():
        columns = [nn.functional.interpolate(c, size=(8, 16), mode="bilinear") for c in net.columns(x)]
        weight = torch.cat([s.weight for s in net.scores], 1)
        whole = nn.functional.conv2d(torch.cat(columns, 1), weight)
        assert torch.allclose(net(x), whole, atol=1e-5)
    assert torch.allclose(hats(50, 5).sum(0), torch.ones(50))


def test_zoom_out_describes_a_superpixel_by_the_published_number_of_features() -> None:
    with torch.device("meta"):
        assert ZoomOut().features == 12_416
    net = ZoomOut(3, window=32, width=2, hidden=4, units=8).eval()
    of = torch.arange(8).view(2, 4).repeat_interleave(16, 0).repeat_interleave(8, 1)  # 16 × 8 pixels each
    assert neighbourhoods(of, 1)[[0, 6]].tolist() == [[0, 0, 32, 16], [0, 8, 32, 32]]
    with torch.inference_mode():
        y = net(torch.cat((torch.rand(3, 32, 32), of[None].float()))[None])
    assert torch.equal(y, y[..., ::16, ::8].repeat_interleave(16, 2).repeat_interleave(8, 3))


def test_sharpmask_scores_its_window() -> None:
    with torch.device("meta"):
        net = SharpMask()
        assert net(torch.empty(2, 3, 192, 192)).shape == (2, 1, 160, 160)
        assert net.objectness(torch.empty(2, 3, 192, 192)).shape == (2,)


@pytest.mark.parametrize("published", [False, True])
def test_panoptic_fpn_learns_and_finds_instances(published: bool) -> None:
    torch.manual_seed(0)
    net = PanopticFPN("lite0", things=3, stuff=4, channels=8, width=8, hidden=16, published=published)
    x = torch.rand(2, 3, 64, 64)
    mask = torch.zeros(1, 64, 64, dtype=torch.uint8)
    mask[:, 10:50, 10:40] = 1
    box = torch.tensor([[10.0, 10.0, 40.0, 50.0]])
    one = {"boxes": box, "labels": torch.tensor([2]), "masks": mask}
    nobody = {"boxes": box[:0], "labels": torch.tensor([], dtype=torch.long), "masks": mask[:0]}
    stuff = torch.full((2, 64, 64), 255)
    stuff[0] = 1
    losses = net.train().losses(x, [one, nobody], stuff)
    instances = {"loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg"}
    assert set(losses) == {*instances, "loss_semantic"}
    sum(losses.values(), torch.zeros(())).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.semantic.parameters())
    net.eval().roi_heads.score_thresh = 0.0
    with torch.inference_mode():
        logits, found = net.detect(x)
    assert logits.shape == (2, 4, 16, 16)
    for picture in found:
        n = len(picture["scores"])
        assert n > 0
        assert picture["masks"].shape == (n, 64, 64)
        assert picture["scores"].diff().le(0).all()


def test_panoptic_fpn_by_its_authors_rules() -> None:
    with torch.device("meta"):
        net = PanopticFPN(things=81, published=True)
        assert net.backbone.body.layer2[0].conv1.stride == (2, 2)
        assert net(torch.empty(1, 3, 64, 96)).shape == (1, 54, 16, 24)
        whole = sum(p.numel() for n, p in net.named_parameters() if not n.startswith("semantic"))
    assert (
        whole == 44_401_393 - 10 * (1024 * 5 + 5 + 256 + 1) - 1024 * 4 - 4 - 257
    )  # ten classes less, none's none
    assert exact_anchors(32)[0].tolist() == pytest.approx([-22.627, -11.314, 22.627, 11.314], abs=1e-3)
    levels = {str(n): torch.rand(1, 3, 64 >> n, 64 >> n) for n in range(4)}
    boxes = torch.tensor([[8.0, 8.0, 40.0, 24.0], [0.0, 0.0, 255.0, 250.0]])
    pooled = AlignedPool(7)(levels, [boxes], [(256, 256)])
    for n, (level, at) in enumerate((("0", 1 / 4), ("2", 1 / 16))):
        one = torch.cat((torch.zeros(1, 1), boxes[n : n + 1]), 1)
        wanted = roi_align(levels[level], one, 7, at, sampling_ratio=0, aligned=True)
        assert torch.equal(pooled[n : n + 1], wanted)
    scores, moves = LastIsNone(4, 3)(torch.rand(2, 4))
    assert (scores.shape, moves.shape) == ((2, 3), (2, 12))
    assert not moves[:, :4].any()


def test_mask_rcnn_is_panoptic_fpn_without_its_branch() -> None:
    net = PanopticFPN("lite0", things=3, stuff=0, channels=8, width=8, hidden=16).eval()
    with torch.inference_mode():
        logits, found = net.find(torch.rand(1, 3, 64, 64))
    assert logits.shape == (1, 0, 16, 16)
    assert found[0]["masks"].shape[1:] == (1, 28, 28)
