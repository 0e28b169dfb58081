"""What each loss rewards, by numbers worked out by hand; and that monodepth learns from a stereo pair."""

from __future__ import annotations

import os
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pixcli.nets import build
from pixcli.train import losses


def ramp(h: int = 6, w: int = 8) -> Tensor:
    return torch.linspace(0.5, 3, h * w).view(1, 1, h, w)


def test_a_factor_of_depth_is_forgiven_by_half_or_wholly() -> None:
    truth = ramp().log()
    assert losses.scale_invariant(truth, truth) == 0
    off = truth + log(2)
    assert losses.scale_invariant(off, truth).item() == pytest.approx(0.5 * log(2) ** 2, rel=1e-5)
    assert losses.scale_invariant(off, truth, share=1).item() == pytest.approx(0, abs=1e-6)


def test_gradients_count_only_between_two_known_pixels() -> None:
    truth = torch.zeros(1, 1, 2, 4)
    y = truth.clone()
    y[..., 2:] = 1  # a step of 1 between columns 1 and 2
    known = torch.ones_like(truth, dtype=torch.bool)
    plain = losses.scale_invariant(y, truth, known, share=0, gradients=0)
    assert (losses.scale_invariant(y, truth, known, share=0) - plain).item() == pytest.approx(2 / 6)
    known[..., 1] = False
    y[..., 1] = torch.nan
    assert losses.scale_invariant(y, truth, known, share=0).item() == pytest.approx(4 / 6)
    assert losses.scale_invariant(y, truth, torch.zeros_like(known)) == 0


def test_berhu_is_l1_for_small_errors_and_square_for_large_ones() -> None:
    truth, y = torch.zeros(1, 1, 1, 3), torch.tensor([[[[0.1, 0.2, 1.0]]]])
    assert losses.berhu(y, truth).item() == pytest.approx((0.1 + 0.2 + (1 + 0.04) / 0.4) / 3)
    known = torch.tensor([[[[True, True, False]]]])
    truth[..., 2] = torch.nan
    y.requires_grad_()
    losses.berhu(y, truth, known).backward()
    assert y.grad is not None
    assert y.grad.isfinite().all()


def test_densedepth_loss_is_zero_for_the_truth_alone() -> None:
    truth = 10 / ramp(12, 12)
    assert losses.dense_depth(truth, truth).item() == pytest.approx(0, abs=1e-5)
    assert losses.dense_depth(truth + 1, truth).item() > 0.1


def test_normals_loss_is_minus_the_mean_cosine() -> None:
    truth = torch.tensor([0.0, 0, -1]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert losses.normals_dot(truth, truth) == -1
    away = truth.clone()
    away[..., 0] *= -1
    known = torch.tensor([[[[False, True], [False, True]]]])
    assert losses.normals_dot(away, truth) == 0
    assert losses.normals_dot(away, truth, known) == -1


def test_structural_similarity_agrees_with_the_measures_of_others() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 20, 20))
    _, whole = skimage.structural_similarity(
        a, b, win_size=7, data_range=1, use_sample_covariance=False, full=True
    )
    ours = losses.ssim(*(torch.from_numpy(x)[None, None] for x in (a, b)), size=7)
    assert np.allclose(ours[0, 0].numpy(), whole[3:-3, 3:-3], atol=1e-9)


def test_flow_is_compared_with_the_mean_of_what_is_known() -> None:
    truth = torch.zeros(1, 2, 8, 8)
    truth[:, 0] = 4
    known = torch.ones(1, 1, 8, 8, dtype=torch.bool)
    known[..., 4:] = False
    truth[..., 4:] = torch.tensor(1e9)
    levels = [truth[..., :2, :2] * 0 + 4, truth.new_zeros(1, 2, 1, 1)]
    levels[0][:, 1] = 0
    loss = losses.multiscale_flow(levels, truth, known, weights=(1.0, 0.5))
    assert loss.item() == pytest.approx(2.0, abs=1e-3)


def stereo() -> tuple[Tensor, Tensor, Tensor]:
    """Both views and the left disparity (shares of the width; 0 unknown) of a strip of the teddy pair."""
    if "PIXCLI_DATA" not in os.environ:
        pytest.skip("PIXCLI_DATA is not set")
    from PIL import Image

    folder = Path(os.environ["PIXCLI_DATA"], "data", "stereo", "teddy")
    pictures = [np.asarray(Image.open(folder / f"{n}.webp"), np.float32) / 255 for n in ("left", "right")]
    left, right = (torch.from_numpy(p).permute(2, 0, 1)[None, :, 100:356, :384] for p in pictures)
    disparity = torch.from_numpy(np.asarray(Image.open(folder / "disp_left.png"), np.float32) / 4)
    return left, right, disparity[None, None, 100:356, :384] / 384


def test_the_true_disparity_explains_a_stereo_pair_best() -> None:
    left, right, disparity = stereo()
    seen = disparity > 0

    def off(d: Tensor) -> float:
        return float(losses.mean_known((losses.shifted(right, -d) - left).abs(), seen))

    true = off(disparity)
    assert true < 0.05
    assert min(off(-disparity), off(0 * disparity), off(1.5 * disparity)) > 2 * true


def test_monodepth_learns_from_a_stereo_pair() -> None:
    left, right, _ = stereo()
    left, right = (torch.nn.functional.interpolate(v, (128, 128), mode="area") for v in (left, right))
    torch.manual_seed(0)
    net = build("monodepth", {"width": 2})
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    history = []
    for _ in range(8):
        loss = losses.left_right(left, right, net.levels(left))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    assert min(history[-3:]) < 0.98 * history[0], history
