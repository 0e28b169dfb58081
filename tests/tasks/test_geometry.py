"""depth and normals: what other tools read from the command's files, and what films of them tell."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from pixcli.infer.footprint import Footprint
from pixcli.models import Card, describe, find, save, share
from pixcli.nets import build
from pixcli.tasks.depth import Depth
from pixcli.tasks.normals import Normals
from tests.conftest import SMALL
from tests.tasks.test_maps import attached, listed, through  # noqa: F401  (a fixture)

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(60, 250, (21, 34, 3), dtype=np.uint8)
METRES = PIXELS[..., 0] / 255


@pytest.fixture
def answers_itself(tmp_path):
    """Weights, by task, of a network that answers with the picture: its red is the depth in metres."""
    made = {}
    for task in ("depth", "normals"):
        path, net = tmp_path / f"{task}.safetensors", build("restore-unet", SMALL)
        card = describe(Card(path.stem, task, "restore-unet", path, arguments=SMALL), net)
        save(path, net, replace(card, unit="metres", scenes="rooms", settings={"fov": 90.0}))
        made[task] = str(path)
    Image.fromarray(PIXELS).save(tmp_path / "photo.png")
    return made


@pytest.fixture
def file_of(listed, here, answers_itself, tmp_path):  # noqa: F811
    def run(task, form, *more):
        out = f"{task}-{form}{len(more)}"
        done = here(task, "photo.png", "-o", out, "--format", form, "--model", answers_itself[task], *more)
        assert done.returncode == 0, done.stderr
        return str(next(p for p in (tmp_path / out).iterdir() if p.is_file()))

    return run


def test_opencv_reads_a_depth_map_in_millimetres_and_its_unit_stands_in_the_png(file_of):
    cv2 = pytest.importorskip("cv2")
    path = file_of("depth", "png16")
    found = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16
    np.testing.assert_allclose(found / 1000, METRES, atol=0.0006)
    text = Image.open(path).text
    assert text["unit"] == "millimetres"
    assert "holds for rooms" in text["scenes"]
    pfm = cv2.imread(file_of("depth", "pfm"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(pfm, METRES, atol=1e-5)


def test_an_exr_reader_finds_metres_and_unit_normals(file_of):
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File(file_of("depth", "exr")) as file:
        np.testing.assert_allclose(file.channels()["Y"].pixels, METRES, atol=1e-5)
        assert file.header()["unit"] == "metres"
    with openexr.File(file_of("normals", "exr", "--average", "none", "--convention", "opengl")) as file:
        found = file.channels()["RGB"].pixels
        assert "z towards the camera" in file.header()["normals"]
    np.testing.assert_allclose(np.linalg.norm(found, axis=2), 1, atol=1e-5)
    wanted = PIXELS / np.linalg.norm(PIXELS.astype(float), axis=2, keepdims=True) * (1, -1, -1)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_ply_reader_finds_the_points_of_a_pinhole(file_of):
    plyfile = pytest.importorskip("plyfile")
    for more, fov in (((), 90), (("--fov", "50"), 50)):  # the card's, or the user's
        cloud = plyfile.PlyData.read(file_of("depth", "ply", *more))
        assert "unit: metres" in cloud.comments
        points = cloud["vertex"]
        focus = 17 / np.tan(np.radians(fov) / 2)
        y, x = np.mgrid[0:21, 0:34]
        np.testing.assert_allclose(points["z"], METRES.ravel(), atol=1e-5)
        np.testing.assert_allclose(points["x"], ((x - 16.5) / focus * METRES).ravel(), atol=1e-5)
        np.testing.assert_allclose(points["y"], ((y - 10) / focus * METRES).ravel(), atol=1e-5)
        colours = np.stack([points[c] for c in ("red", "green", "blue")], -1)
        assert (colours.reshape(PIXELS.shape) == PIXELS).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_opencv_reads_normals_of_unit_length(file_of, bits):
    cv2 = pytest.importorskip("cv2")
    path = file_of("normals", "png", "--average", "none", "--bits", str(bits))
    found = cv2.imread(path, cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert found.dtype == {8: np.uint8, 16: np.uint16}[bits]
    n = found / (2**bits - 1) * 2 - 1
    np.testing.assert_allclose(np.linalg.norm(n, axis=2), 1, atol=3 / 2**bits)
    np.testing.assert_allclose(n, PIXELS / np.linalg.norm(PIXELS.astype(float), axis=2)[..., None], atol=0.01)


PLANES = {  # in the camera's axes; as each convention colours it
    "wall": ((0, 0, -1), {"camera": (128, 128, 0), "opengl": (128, 128, 255), "directx": (128, 128, 255)}),
    "floor": ((0, -1, 0), {"camera": (128, 0, 128), "opengl": (128, 255, 128), "directx": (128, 0, 128)}),
    "left": ((1, 0, 0), {"camera": (255, 128, 128), "opengl": (255, 128, 128), "directx": (255, 128, 128)}),
}


@pytest.mark.parametrize("plane", PLANES)
def test_planes_have_the_colours_that_each_convention_gives_them(plane):
    normal, colours = PLANES[plane]
    given = torch.tensor(normal, dtype=torch.float32).view(1, 3, 1, 1) * 0.7
    for convention, colour in colours.items():
        task = attached(
            Normals(convention=convention, average="none"), lambda x: given.expand(len(x), 3, *x.shape[2:])
        )
        task.infer = lambda samples: [given[0].expand(3, 21, 34)]  # one value for a picture is refused
        assert (through(task, PIXELS).maps[""].values == colour).all()


def test_a_mirror_image_is_turned_back_before_it_is_averaged():
    def leans(x):  # to the right in either picture, and as bright as it is there
        return torch.cat((x[:, :1], -x[:, 1:2], -x[:, 2:]), 1)

    n = through(attached(Normals(format="npy"), leans), PIXELS).maps[""].values
    assert np.abs(n[..., 0]).max() < 1e-6
    assert (n[..., 1:] < 0).all()
    shifted = attached(Depth(format="npy"), lambda x: x[:, :1].roll(2, 3), unit="metres")
    found = through(shifted, PIXELS).maps[""].values
    np.testing.assert_allclose(found, (np.roll(METRES, 2, 1) + np.roll(METRES, -2, 1)) / 2, atol=1e-5)


def test_edges_of_the_depth_are_those_of_the_picture_at_full_size():
    """The answer is coarse, at an eighth; a step of the picture stays one of few pixels."""
    picture = np.full((192, 256, 3), 40, np.uint8)
    picture[:, 131:] = 200
    task = attached(
        Depth(format="npy"),
        lambda x: 1 + 4 * F.avg_pool2d(x[:, :1], 2),
        Footprint(reach=None, multiple=8, side=48),
        unit="metres",
    )
    row = through(task, picture).maps[""].values[96]
    low, high = row[0], row[-1]
    assert high - low > 2
    between = (row > low + 0.1 * (high - low)) & (row < high - 0.1 * (high - low))
    assert between.sum() <= 4
    assert abs(int((row < (low + high) / 2).sum()) - 131) <= 1


def test_flicker_is_what_changes_where_nothing_moves():
    task = attached(Depth(), unit="log metres")
    still = torch.rand(1, 6, 8)
    answer = torch.rand(1, 6, 8)
    assert task.flicker(None, (answer, still)) is None
    assert task.flicker((answer, still), (answer + 0.02, still)) == pytest.approx(2, rel=1e-3)
    moved = still.clone()
    moved[..., :4] += 0.2
    jumped = answer.clone()
    jumped[..., :4] += 3
    assert task.flicker((answer, still), (jumped, moved)) == pytest.approx(0, abs=1e-3)
    assert task.flicker((answer, still), (jumped, 1 - still)) is None  # a cut
    turned = attached(Normals()).flicker(
        (F.normalize(torch.ones(3, 6, 8), dim=0), still),
        (torch.tensor([1.0, 1, 0]).view(3, 1, 1).expand(3, 6, 8), still),
    )
    assert turned == pytest.approx(np.degrees(np.arccos(np.sqrt(2 / 3))), rel=1e-3)


def test_the_summary_of_a_film_tells_its_flicker(listed, here, answers_itself, tmp_path):  # noqa: F811
    frames = [Image.fromarray((PIXELS + RNG.integers(0, 3, PIXELS.shape)).astype(np.uint8)) for _ in range(4)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:], duration=100)
    done = here(
        "depth",
        "film.gif",
        "photo.png",
        "-o",
        "out",
        "--view",
        "gray",
        "--json",
        "--model",
        answers_itself["depth"],
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    told = {row["input"]: row["flicker"] for row in rows if row["event"] == "item"}
    assert told["photo.png"] is None
    assert 0 < told["film.gif"] < 3
    assert (rows[-1]["flicker"], rows[-1]["flicker_unit"]) == (told["film.gif"], "% of the depth")
    assert "flicker" in done.stderr


def test_one_file_of_weights_serves_both_tasks(listed, here, tmp_path):  # noqa: F811
    torch.manual_seed(0)
    path, net = tmp_path / "rooms.safetensors", build("lite-depth", {"channels": 8})
    card = save(
        path, net, describe(Card("rooms", "depth", "lite-depth", path, arguments={"channels": 8}), net)
    )
    other = share(card, "normals")
    assert (other.name, other.path, other.sha256) == ("rooms-normals", path, card.sha256)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "rooms-normals.toml",
        "rooms.safetensors",
        "rooms.toml",
    ]
    assert find(str(path), "normals") == other
    Image.fromarray(PIXELS).save(tmp_path / "photo.png")
    for task, mode in (("depth", "I;16"), ("normals", "RGB")):
        assert here(task, "photo.png", "-o", f"{task}.png", "--model", path).returncode == 0
        assert Image.open(tmp_path / f"{task}.png").mode == mode
    (tmp_path / "rooms-normals.toml").unlink()
    done = here("normals", "photo.png", "-o", "n.png", "--model", path)
    assert (done.returncode, "is for the task 'depth'" in done.stderr) == (4, True)
