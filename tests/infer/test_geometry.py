"""Normals of a plane and of a sphere, and what moves in front of what."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pixcli.infer.normals import Camera, normals_of
from pixcli.infer.occlusion import occluded

CAMERA = Camera(60, 55, 23.5, 15)


def rays(h: int = 32, w: int = 48) -> Tensor:
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return torch.stack(((x - CAMERA.cx) / CAMERA.fx, (y - CAMERA.cy) / CAMERA.fy, torch.ones(h, w)))


def degrees(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-3).clamp(-1, 1).acos().rad2deg()


@pytest.mark.parametrize("plane", [(0, 0, -1), (0, -1, -0.1), (0.6, 0.2, -0.7), (-1, 0, -0.5)])
@pytest.mark.parametrize("scale", [0.01, 3.0])
def test_normals_of_a_plane_are_exact(plane: tuple[float, ...], scale: float) -> None:
    normal = F.normalize(torch.tensor(plane).float(), dim=0)[:, None, None]
    depth = -scale / (normal * rays()).sum(0)  # where it lies in front of the camera
    normals, known = normals_of(depth[None, None], CAMERA, near=0.5)
    seen = known[0, 0] & (depth > 0)
    assert seen.sum() > 0.3 * seen.numel()
    assert degrees(normals[0], normal.expand(3, 32, 48))[seen].max() < 0.5
    assert ((normals[0] * rays()).sum(0)[seen] < 0).all()  # they face the camera


def test_normals_of_a_sphere_point_away_from_its_middle() -> None:
    r, middle = rays(), torch.tensor([0.1, -0.2, 4.0])[:, None, None]
    a, b, c = (r * r).sum(0), (r * middle).sum(0), (middle * middle).sum() - 1.0
    inside = b * b - a * c
    depth = torch.where(inside > 0, (b - inside.clamp(min=0).sqrt()) / a, 0)
    normals, known = normals_of(depth[None, None], CAMERA, radius=1)
    truth = r * depth - middle
    facing = known[0, 0] & (-(truth * F.normalize(r, dim=0)).sum(0) > 0.5)
    assert not known[0, 0][depth == 0].any()
    assert facing.sum() > 100
    assert degrees(normals[0], truth)[facing].mean() < 1.5


def test_what_is_unknown_spoils_nothing_beside_it() -> None:
    depth = torch.full((1, 1, 9, 9), 2.0)
    depth[..., 4, 4] = torch.nan
    depth[..., 0, :] = 0
    depth[..., :, 8] = 5  # another thing, further away
    normals, known = normals_of(depth, CAMERA)
    assert known.sum() == 8 * 9 - 1 - 8  # a single column has no normal
    assert torch.allclose(normals[:, 2:][known], torch.tensor(-1.0))


def test_the_camera_of_a_field_of_view() -> None:
    camera = Camera.of_view(640, 480, 90)
    assert (camera.fx, camera.cx, camera.cy) == (pytest.approx(320), 319.5, 239.5)


def test_normals_agree_with_those_of_the_data_set() -> None:
    if "PIXCLI_DATA" not in os.environ:
        pytest.skip("PIXCLI_DATA is not set")
    from PIL import Image

    folder = Path(os.environ["PIXCLI_DATA"], "data", "nyuv2", "test")
    path = sorted((folder / "normals").iterdir())[0]
    coded = torch.from_numpy(np.asarray(Image.open(path)).transpose(2, 0, 1).copy()).float()
    truth = F.normalize(coded / 127.5 - 1, dim=0)
    levels = torch.from_numpy(np.asarray(Image.open(folder / "depth" / path.name), np.float32) + 0.5)[
        None, None
    ]
    camera = Camera(518.86 / 2, 519.47 / 2, 162.54, 126.62)
    normals, known = normals_of(levels, camera, 4, 0.04 + 1.5 / levels, rounds=2, every=2)
    told = (coded.sum(0) > 0)[::2, ::2]
    both = known[0, 0] & told
    assert both.sum() > 0.95 * told.sum() > 10_000
    assert degrees(normals[0], truth[:, ::2, ::2])[both].mean() < 5


def test_the_ground_that_a_moving_thing_covers_is_occluded() -> None:
    forward, backward = torch.zeros(1, 2, 10, 20), torch.zeros(1, 2, 10, 20)
    forward[:, 0, :, 4:8] = 5  # a thing that goes from columns 4..7 to 9..12
    backward[:, 0, :, 9:13] = -5
    hidden = occluded(forward, backward)
    assert hidden[0, 0].any(0).nonzero().flatten().tolist() == [9, 10, 11, 12]
    assert not occluded(backward, forward)[0, 0][:, 9:13].any()
    out = torch.zeros(1, 2, 4, 6)
    out[:, 1] = 3
    assert occluded(out, -out)[0, 0].tolist() == [[False] * 6, *[[True] * 6] * 3]
