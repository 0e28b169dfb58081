"""depth: LiteDepth from ImageNet weights on rooms, depth and normals at once. The same weight serves normals.

A crop that is enlarged by s shows things s times as near: the depth is divided by s, and what was off the
axis or turned becomes a scene of its own before one camera, its normals with it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.infer.normals import Camera, normals_of
from pixcli.nets.lite_depth import LiteDepth
from pixcli.nets.top_down import lite_input
from pixcli.tasks.working import reduced, working_size
from pixcli.train import imagenet
from pixcli.train.loop import Batch, Recipe, Schedule
from pixcli.train.losses import inside, mean_known, pairs, steps
from pixcli.train.rooms import CAMERA, FOLDER, Frame, Rooms
from pixcli.train.store import Source

FROZEN = 3  # blocks of the encoder that stay as ImageNet made them
HIGH, WIDE = 224, 288  # of a crop, of pictures that the command gives as 256 x 320
ZOOM = (0.88, 1.45)
SEEN = working_size(240, 320, LiteDepth.side, LiteDepth.multiple)
# what a crop is seen by, in its pixels and from its edge: the set's camera at the size that the command gives
FX, FY = CAMERA.fx * SEEN[1] / 320, CAMERA.fy * SEEN[0] / 240
CX, CY = WIDE / 2 + (CAMERA.cx - 159.5) * SEEN[1] / 320, HIGH / 2 + (CAMERA.cy - 119.5) * SEEN[0] / 240
HALF = Camera(FX / 2, FY / 2, CX / 2 - 0.5, CY / 2 - 0.5)  # that of the answer
TITLE = "NYU Depth v2, 795 labelled training frames at 320 x 240, 553 of them with metres"
LICENCE = "research use (Silberman et al., ECCV 2012)"

Matrix = NDArray[np.float64]


class Depth(Recipe):
    name, task, network = "depth", "depth", "lite-depth"
    arguments: dict[str, Any] = {"channels": 128}  # noqa: RUF012
    serves = ("normals",)
    title, holds_for = "Depth in metres, and normals, of rooms", "rooms"
    schedule = Schedule(steps=20_000, rate=1e-3, batch=8, warmup=100, decay=0.02, ema=0.998, clip=1.0)
    sources: tuple[Source, ...] = ()
    beside = (Source(f"{FOLDER}/train", title=TITLE, licence=LICENCE),)

    def open(self, data: Path, cache: Path) -> None:
        self.rooms, self.held = (Rooms(data, cache, held=h) for h in (False, True))

    def build(self) -> nn.Module:
        net = LiteDepth(**self.arguments)
        imagenet.begin(net.encoder)
        return net

    def groups(self, net: nn.Module) -> list[dict[str, Any]]:
        assert isinstance(net, LiteDepth)
        return imagenet.groups(net, net.encoder, FROZEN)

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        made = [crop(self.rooms[int(rng.integers(len(self.rooms)))], rng) for _ in range(size)]
        return {key: torch.stack([one[key] for one in made]) for key in made[0]}

    def loss(self, net: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(net, LiteDepth)
        x = lite_input(batch["rgb"])
        answer = net.decode(imagenet.encode(net.encoder, x, FROZEN))
        with torch.autocast(x.device.type, enabled=False):
            return depth_loss(answer[:, :1], batch) + normals_loss(answer, batch)

    def calibrate(self, net: nn.Module) -> dict[str, float]:
        """The camera's angle of view. The mean error of the log depth in rooms held back is taken out of it:
        pictures are seen smaller than the crops that taught the scale.
        """
        frames = [self.held[i] for i in range(len(self.held))]
        off = [np.subtract(*both_logs(answer_of(net, f.rgb)[0], f)).mean() for f in frames if f.step]
        with torch.no_grad():
            net.get_parameter("depth.1.bias").sub_(float(np.mean(off)) if off else 0.0)
        return {"fov": round(math.degrees(2 * math.atan(160 / CAMERA.fx)), 1)}

    def validate(self, net: nn.Module) -> dict[str, float]:
        """Of frames of rooms held back, at the command's size, both ways round averaged."""
        rows, dots = [], []
        for i in range(0, len(self.held), max(1, len(self.held) // 16)):
            frame = self.held[i]
            log, normal = answer_of(net, frame.rgb)
            if frame.step:
                a, b = np.exp(both_logs(log, frame))
                ratio = np.maximum(a / b, b / a) < 1.25
                rows.append([ratio.mean(), (abs(a - b) / b).mean(), math.sqrt(((a - b) ** 2).mean())])
            truth, known = decoded(frame.normals)
            normal = F.normalize(F.interpolate(normal, size=truth.shape[1:], mode="bilinear")[0], dim=0)
            dots.append((normal * truth).sum(0)[known[0]])
        degrees = torch.cat(dots).clamp(-1, 1).acos().rad2deg()
        delta, rel, rmse = np.mean(rows, 0) if rows else (0.0, 0.0, 0.0)
        return {
            "delta1": delta,
            "abs_rel": rel,
            "rmse": rmse,
            "degrees": degrees.mean().item(),
            "under_30": (degrees < 30).float().mean().item(),
        }


def both_logs(log: Tensor, frame: Frame) -> NDArray[Any]:
    """(2, n): the log metres that were answered (1, 1, h, w), and the true ones, where they are known."""
    there = frame.levels > 0
    told = F.interpolate(log, size=frame.levels.shape, mode="bilinear")[0, 0].numpy()[there]
    return np.stack((told, np.log((frame.levels[there] + 0.5) * frame.step)))


@torch.no_grad()
def answer_of(net: nn.Module, rgb: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Log depth (1, 1, h, w) and normals (1, 3, h, w) of a picture (H, W, 3) and its mirror image."""
    height, width = rgb.shape[:2]
    x = reduced(np.array(rgb), *working_size(height, width, LiteDepth.side, LiteDepth.multiple))[None]
    answer = net(torch.cat((x, x.flip(3))).to(next(net.parameters()).device)).float().cpu()
    mirrored = answer[1:].flip(3) * torch.tensor([1.0, -1, 1, 1])[:, None, None]
    mean = (answer[:1] + mirrored) / 2
    return mean[:, :1], F.normalize(mean[:, 1:], dim=1)


def crop(frame: Frame, rng: np.random.Generator) -> Batch:
    """A part of a frame, zoomed, turned, perhaps mirrored, in other light; and what is true of it at 1/2.

    rgb: (3, HIGH, WIDE) in 0..1. log: (1, HIGH/2, WIDE/2) log metres, or up to a constant where not `metric`.
    known: where log is one. normal: (3, …) and sure: where it is known.
    """
    zoom = math.exp(rng.uniform(*np.log(ZOOM)))
    place = place_of(zoom, rng)
    a, b, c, d, e, f = place[:2].ravel()
    affine = Image.Transform.AFFINE
    rgb = Image.fromarray(frame.rgb).transform(
        (WIDE, HIGH), affine, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )
    levels = Image.fromarray(frame.levels).transform(
        (WIDE // 2, HIGH // 2), affine, (2 * a, 2 * b, c, 2 * d, 2 * e, f)
    )
    normals = Image.fromarray(frame.normals).transform(
        (WIDE // 2, HIGH // 2), affine, (a, b, (c + 0.5) / 2, d, e, (f + 0.5) / 2)
    )
    v = torch.from_numpy(np.array(levels))[None]
    n, sure = decoded(np.asarray(normals))
    turned = torch.einsum("ij,ihw->jhw", torch.from_numpy(through(place)).float(), n)
    return {
        "rgb": torch.from_numpy(np.array(relit(rgb, rng))).permute(2, 0, 1).float() / 255,
        "log": ((v + 0.5) * (frame.step or 1.0)).log() - math.log(zoom),
        "known": v > 0,
        "metric": torch.tensor(frame.step > 0),
        "normal": F.normalize(turned, dim=0),
        "sure": sure,
    }


def place_of(zoom: float, rng: np.random.Generator) -> Matrix:
    """(3, 3): a place in a crop to that in its frame, both from the upper left edge."""
    shape = math.exp(rng.uniform(-0.05, 0.05))
    zx, zy = zoom * shape * SEEN[1] / 320, zoom / shape * SEEN[0] / 240
    angle = math.radians(rng.uniform(-5, 5)) if rng.random() < 0.5 else 0.0
    flip = -1 if rng.random() < 0.5 else 1
    room = np.maximum(0, (320 - WIDE / zx, 240 - HIGH / zy)) / 2
    middle = np.array((160, 120)) + rng.uniform(-1, 1, 2) * room
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    place = np.eye(3)
    place[:2, :2] = turn @ np.diag((flip / zx, 1 / zy))
    place[:2, 2] = middle - place[:2, :2] @ (WIDE / 2, HIGH / 2)
    return place


def through(place: Matrix) -> Matrix:
    """(3, 3): the sight line of a crop's camera to that of the frame's.

    A plane n · P = d has d / z = n · u on the line u, so that its normal is this matrix's transpose times n.
    """
    crops = np.array([[FX, 0, CX], [0, FY, CY], [0, 0, 1]])
    frames = np.array([[CAMERA.fx, 0, CAMERA.cx + 0.5], [0, CAMERA.fy, CAMERA.cy + 0.5], [0, 0, 1]])
    matrix: Matrix = np.linalg.inv(frames) @ place @ crops
    return matrix


def relit(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Another brightness, gamma, white and saturation; seldom grey."""
    gamma, gain = math.exp(rng.uniform(-0.3, 0.3)), math.exp(rng.uniform(-0.25, 0.2))
    line = np.arange(256) / 255
    tables = [255 * (gain * g * line**gamma).clip(0, 1) for g in np.exp(rng.uniform(-0.1, 0.1, 3))]
    image = image.point(np.concatenate(tables).round().astype(int).tolist())
    return ImageEnhance.Color(image).enhance(0.0 if rng.random() < 0.05 else rng.uniform(0.6, 1.3))


def decoded(normals: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    """Unit normals (3, h, w) and where they are known (1, h, w), of a frame's."""
    x = torch.from_numpy(np.array(normals)).permute(2, 0, 1)
    return F.normalize(x[:3].float() / 127.5 - 1, dim=0), x[3:] > 127


def depth_loss(log: Tensor, batch: Batch) -> Tensor:
    """L1 of the log depth where the scale is known, of what is left without its mean, and of its slopes."""
    known = batch["known"]
    off = inside(log - batch["log"], known)
    metric = known & batch["metric"][:, None, None, None]
    mean = off.sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
    loss = mean_known(off.abs(), metric) + 0.5 * mean_known((off - mean).abs(), known)
    for every in (1, 2, 4, 8):
        part, there = off[..., ::every, ::every], known[..., ::every, ::every]
        for slope, both in zip(steps(part), pairs(there), strict=True):
            loss = loss + 0.25 * mean_known(slope.abs(), both)
    return loss


def normals_loss(answer: Tensor, batch: Batch) -> Tensor:
    """How far the normals are off, and half of that for those of the answered depth.

    As the chord between their tips: 1 minus the dot product is a square of the angle, and what is uncertain
    comes out as the mean of what it may be, right nowhere.
    """
    truth, sure = batch["normal"], batch["sure"]
    own = mean_known(chord(answer[:, 1:], truth), sure)
    made, known = normals_of(answer[:, :1].exp(), HALF, near=0.1, every=2)
    return own + 0.5 * mean_known(chord(made, truth[..., ::2, ::2]), sure[..., ::2, ::2] & known)


def chord(a: Tensor, b: Tensor) -> Tensor:
    """(N, 1, H, W) between unit vectors (N, 3, H, W): nearly their angle, 2 at most."""
    return (2 - 2 * (a * b).sum(1, keepdim=True)).clamp(min=1e-4).sqrt()


RECIPE = Depth()
