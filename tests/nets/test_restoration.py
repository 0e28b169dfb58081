"""What the networks of restoration promise beyond what every network must hold."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from pixcli.nets import build
from pixcli.nets.fill_vae import FillVAE
from pixcli.nets.hdrnet import slice_grid
from pixcli.nets.partial_unet import PartialConv2d
from pixcli.nets.patches import SlidingWindow
from pixcli.nets.schuler import as_filter, deconvolve
from pixcli.nets.see_in_the_dark import pack_bayer, pack_xtrans
from pixcli.nets.srn import twice
from pixcli.nets.ssda import SSDA


def test_patches_that_are_the_picture_average_to_the_picture() -> None:
    class Same(SlidingWindow):
        def answer(self, x: torch.Tensor) -> torch.Tensor:
            e = (self.window - self.patch) // 2
            inner = x[..., e : x.shape[2] - e, e : x.shape[3] - e]
            h, w = ((n - self.patch) // self.stride + 1 for n in inner.shape[2:])
            return F.unfold(inner, self.patch, stride=self.stride).unflatten(2, (h, w))

    for size in ((1, 1), (20, 7)):
        x = torch.rand(2, 3, *size)
        for net in (Same(9, 5, 3, spread=1.0), Same(8, 8, 2)):
            assert (net.slide(x) - x).abs().max() < 1e-6


def test_partial_convolution_is_a_convolution_where_all_is_known_and_blind_where_nothing_is() -> None:
    conv = PartialConv2d(3, 4, 3, 1, 1)
    x, mask = torch.rand(1, 3, 9, 9), torch.ones(1, 1, 9, 9)
    mask[..., 5:] = 0
    y, after = conv((x, mask))
    plain = F.conv2d(x, conv.weight, conv.bias, padding=1)
    assert (y - plain)[..., 1:8, 1:4].abs().max() < 1e-5
    assert after[..., :6].all()  # the hole is one pixel narrower
    assert not after[..., 6:].any()
    assert not y[..., 6:].any()
    # one column of three is known: it counts threefold
    third = F.conv2d(x * mask, conv.weight, padding=1)[..., 1:8, 5] * 3 + conv.bias.view(1, 4, 1)
    assert (y[..., 1:8, 5] - third).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("name", "arguments", "side"),
    [
        ("partial-unet", {"layers": 3, "features": 4}, 16),
        ("koehler", {"channels": 3, "hidden": [8]}, 16),
        ("fill-vae", {"features": [4, 4], "latent": 2}, 16),
    ],
)
def test_what_lies_in_a_hole_is_not_looked_at(name: str, arguments: dict[str, object], side: int) -> None:
    net = build(name, arguments).eval()
    x = torch.rand(1, 4, side, side)
    x[:, 3] = 0
    x[..., 5:9, 5:9] = torch.tensor([0, 0, 0, 1.0]).view(4, 1, 1)
    other = x.clone()
    if name != "fill-vae":  # which is promised black there
        other[:, :3, 5:9, 5:9] = torch.rand(3, 4, 4)
    with torch.inference_mode():
        y, again = net(x), net(other)
    assert torch.allclose(y, again, atol=1e-6)
    if name != "partial-unet":  # whose answer is all its own
        known = x[:, 3:] == 0
        assert torch.equal(y * known, x[:, :3] * known)


def test_each_auto_encoder_of_the_stack_learns_and_is_sparse() -> None:
    torch.manual_seed(0)
    net = SSDA(channels=1, maps=1, patch=4, hidden=(24, 12))
    clean = torch.rand(2, 1, 4, 4).repeat(1, 1, 4, 4)
    x = torch.cat((clean + 0.1 * torch.randn_like(clean), torch.zeros_like(clean)), 1)
    for layer in (0, 1, None):
        optimiser = torch.optim.Adam(net.parameters(), 2e-2)
        losses = []
        for _ in range(40):
            loss = net.loss(x, clean, layer)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < 0.8 * losses[0]
    plain, sparse = (net.loss(x, clean, 0, beta=beta) for beta in (0, 1))
    assert sparse > plain


def test_the_bound_of_the_vae_counts_pixels_features_and_divergence() -> None:
    torch.manual_seed(0)
    net = FillVAE(features=(4, 4), latent=3)
    whole = torch.rand(2, 3, 8, 8)
    hole = torch.zeros(2, 1, 8, 8)
    x = torch.cat((whole, hole), 1)  # nothing is missing: only the divergence is left
    with torch.no_grad():
        assert net.loss(x, whole) >= 0
        net.posterior.weight.zero_()
        net.posterior.bias.copy_(torch.tensor([2.0, 0, 0, 0, 0, 0]))
        assert abs(float(net.loss(x, whole)) - 2) < 1e-4  # half of the mean's square
        hole[..., 2:6, 2:6] = 1
        x = torch.cat((whole * (1 - hole), hole), 1)
        torch.manual_seed(1)
        pixels = net.loss(x, whole)
        torch.manual_seed(1)
        doubled = net.loss(x, whole, features=lambda y: [y], weights=[1.0])
        assert abs(float(doubled - 2 * pixels) + 2) < 1e-3


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_bayer_numbers_are_packed_by_their_colours(pattern: str) -> None:
    value = {"R": 1000.0, "G": 2000.0, "B": 3000.0}
    mosaic = torch.empty(5, 6)  # the odd last row is left off
    for i, colour in enumerate(pattern):
        mosaic[i // 2 :: 2, i % 2 :: 2] = value[colour]
    row_of_red = pattern.index("R") // 2
    mosaic[row_of_red::2] += (mosaic[row_of_red::2] == 2000) * 500  # green of red's row is told apart
    packed = pack_bayer(mosaic, pattern, black=500, white=4500, ratio=1)
    assert packed.shape == (4, 2, 3)
    assert [float(c.unique()) for c in packed] == [0.125, 0.5, 0.625, 0.375]
    bright = pack_bayer(mosaic, pattern, black=1500, white=2500, ratio=10)
    assert (float(bright.min()), float(bright.max())) == (0, 1)
    with pytest.raises(ValueError, match="no Bayer pattern"):
        pack_bayer(mosaic, "RGBG", 0, 1)


def test_xtrans_numbers_are_packed_by_their_colours() -> None:
    cell = ("RBGBRG", "GGRGGB", "GGBGGR", "BRGRBG", "GGBGGR", "GGRGGB")
    value = {"R": 0.25, "G": 0.5, "B": 0.75}
    mosaic = torch.tensor([[value[c] for c in row] for row in cell]).repeat(2, 3)
    packed = pack_xtrans(mosaic, black=0, white=1)
    assert packed.shape == (9, 4, 6)
    assert [c.unique().tolist() for c in packed] == [[v] for v in (0.25, 0.5, 0.75, 0.25, 0.75, *[0.5] * 4)]
    places = pack_xtrans(torch.arange(36).view(6, 6), black=0, white=36) * 36
    assert sorted(places.flatten().round().int().tolist()) == list(range(36))  # each pixel once


def test_srn_doubles_as_tensorflow_does() -> None:
    x = torch.tensor([[0.0, 2, 6]]).view(1, 1, 1, 3)
    assert twice(x)[0, 0].tolist() == [[0, 1, 2, 4, 6, 6]] * 2


def test_a_bilateral_grid_is_sliced_at_the_cells_middles() -> None:
    grid = torch.arange(2 * 3 * 2, dtype=torch.float32).view(1, 1, 2, 3, 2)  # depth, height, width
    for depth in (0, 1):
        guide = torch.full((1, 1, 3, 2), 0.25 + 0.5 * depth)
        assert torch.allclose(slice_grid(grid, guide)[0, 0], grid[0, 0, depth], atol=1e-5)
    assert torch.allclose(
        slice_grid(grid, torch.full((1, 1, 3, 2), 0.5))[0, 0], grid[0, 0].mean(0), atol=1e-5
    )


def test_the_quotient_of_schuler_undoes_a_known_kernel() -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 3, 24, 32)
    k = torch.zeros(1, 1, 24, 32)
    for dx, share in ((-1, 0.2), (0, 0.6), (1, 0.2)):
        k[..., 0, dx] = share
    blurred = sum(share * x.roll(dx, 3) for dx, share in ((-1, 0.2), (0, 0.6), (1, 0.2)))
    assert isinstance(blurred, torch.Tensor)
    back = deconvolve(k, blurred, torch.tensor(1e-5))
    assert (back - x).square().mean() < 0.05 * (blurred - x).square().mean()
    found = deconvolve(x, blurred, torch.tensor(1e-6), sum_channels=True)
    small = as_filter(found, 5)
    assert (small[0, 0, 2] - torch.tensor([0, 0.2, 0.6, 0.2, 0])).abs().max() < 0.01
    assert abs(float(small.sum()) - 1) < 1e-5
