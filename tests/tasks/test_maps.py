"""segment, depth, normals: from pictures and films to files that other tools read.

A small network of three colours stands where theirs do; where its answer matters, it is one that is known.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch import Tensor, nn

from pixcli.infer.device import choose
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
from pixcli.media import Picture
from pixcli.media.maps import encode_map
from pixcli.models import Card, Model
from pixcli.tasks.depth import Depth
from pixcli.tasks.normals import CONVENTIONS, Normals
from pixcli.tasks.segment import Segment
from tests.media.films import STEADY, make_film

CLASSES = (
    {"name": "red", "color": [200, 0, 0]},
    {"name": "green", "color": [0, 200, 0]},
    {"name": "blue", "color": [0, 0, 200]},
)
WHOLE = Footprint(reach=None, multiple=8, side=24)
LOCAL = Footprint(reach=0)
RNG = np.random.default_rng(0)
# three stripes: what is red is of class 0, and so on
STRIPES = np.zeros((30, 45, 3), np.uint8)
for c in range(3):
    STRIPES[:, 15 * c : 15 * c + 15, c] = 230


class Net(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def attached(task, function=lambda x: x * 20, footprint=LOCAL, classes=CLASSES, **card):
    device = choose("cpu").torch
    known = Card("made", task.name, "none", None, footprint=footprint, classes=classes, **card)
    task.attach(Model(known, Net(function)), lambda net, footprint: Runner(net, footprint, device))
    return task


def through(task, pixels=STRIPES, alpha=None):
    sample = task.prepare(Picture(pixels, alpha))
    return task.finish(task.infer([sample])[0], sample)


def opened(result, tmp_path, name="map.png"):
    (tmp_path / name).write_bytes(encode_map(result.maps[""]))
    return Image.open(tmp_path / name)


def test_labels_are_indices_of_a_palette_with_names_beside(tmp_path):
    result = through(attached(Segment()))
    image = opened(result, tmp_path)
    assert (image.mode, image.size) == ("P", (45, 30))
    assert (np.asarray(image) == np.repeat([0, 1, 2], 15)).all()
    assert image.getpalette()[:9] == [200, 0, 0, 0, 200, 0, 0, 0, 200]
    assert image.text["classes"] == "0 red, 1 green, 2 blue"
    legend = json.loads(result.beside["classes.json"])
    assert [row["name"] for row in legend["classes"]] == ["red", "green", "blue"]
    whole = through(attached(Segment(refine="guided"), footprint=WHOLE))
    assert (np.asarray(opened(whole, tmp_path)) == np.asarray(image)).mean() > 0.9


def test_ids_above_255_are_grey_of_16_bits_and_other_classes_void(tmp_path):
    far = tuple(row | {"id": 300 * n} for n, row in enumerate(CLASSES))
    image = opened(through(attached(Segment(), classes=far)), tmp_path)
    assert (np.asarray(image) == np.repeat([0, 300, 600], 15)).all()
    some = through(attached(Segment(classes="Green, blue")))
    assert (np.asarray(opened(some, tmp_path)) == np.repeat([255, 1, 2], 15)).all()
    assert json.loads(some.beside["classes.json"])["classes"][-1]["name"] == "void"


def test_views_cutouts_and_what_stands_beside():
    assert (through(attached(Segment(view="color"))).pictures[""].pixels[0, 0] == (200, 0, 0)).all()
    side = attached(Segment(view="side"))
    assert side.check(45, 30) == (90, 30)
    assert (through(side).pictures[""].pixels[:, :45] == STRIPES).all()
    cut = through(attached(Segment(cutout="green"))).pictures[""]
    assert (cut.alpha[:, [0, 20, 40]] == (0, 255, 0)).all()
    assert (cut.pixels[:, 16:29] == STRIPES[:, 16:29]).all()
    blurred = np.asarray(Image.fromarray(STRIPES).filter(ImageFilter.BoxBlur(3)))
    soft = through(
        attached(Segment(cutout="green"), lambda x: x * 6, WHOLE), blurred, np.full((30, 45), 100, np.uint8)
    ).pictures[""]
    assert soft.alpha.max() <= 100
    assert len(np.unique(soft.alpha)) > 4
    rim = (soft.alpha > 10) & (soft.alpha < 90)
    assert soft.pixels[rim][:, 1].mean() > 150  # green, though half of the rim was not
    assert (
        through(attached(Segment(mask="green,blue"))).pictures[""].pixels[:, :, 0]
        == np.repeat([0, 255, 255], 15)
    ).all()
    more = through(attached(Segment(confidence=True, probabilities=True))).maps
    assert more["confidence"].values.min() > 250
    assert more["probabilities"].values.shape == (3, 30, 45)
    assert more["probabilities"].values.dtype == np.float16


def test_answers_are_averaged_over_mirror_images_and_sizes():
    """A network that sees half of its class on the left alone, and less of it the larger the picture."""

    def one_sided(x):
        ramp = torch.linspace(1, 0, x.shape[3]).expand(len(x), 1, *x.shape[2:])
        return torch.cat([ramp * 20 / x.shape[3], torch.zeros_like(ramp), torch.zeros_like(ramp)], 1)

    answers = {}
    for how in ("none", "mirror", "scales"):
        task = attached(Segment(average=how), one_sided)
        answers[how] = task.infer([task.prepare(Picture(STRIPES))])[0][0, 0]
        assert answers[how].shape == (45,)
    assert answers["none"][0] > answers["none"][-1]
    assert answers["mirror"].std() < 1e-6
    assert answers["mirror"][0] == pytest.approx(10 / 45)
    assert answers["scales"].mean() == pytest.approx((10 / 45 + 10 / 63) / 2, rel=1e-3)


def test_a_crf_draws_unsure_labels_to_the_pictures_edges():
    unsure = torch.Generator().manual_seed(0)

    def coarse(x):
        y = nn.functional.avg_pool2d(x, 4) * 3
        return y + 2 * torch.randn(y.shape, generator=unsure)

    wanted = np.repeat([0, 1, 2], 15)
    right = {}
    for refine in ("none", "crf"):
        task = attached(Segment(refine=refine, confidence=True), coarse, footprint=WHOLE)
        maps = through(task).maps
        right[refine] = (maps[""].values == wanted).mean()
    assert right["crf"] > 0.95
    assert right["none"] < 0.85
    assert maps["confidence"].values.shape == (30, 45)
    local = through(attached(Segment(refine="crf"), lambda x: x * 3)).maps[""].values
    assert (local == wanted).all()


RAMP = np.repeat(np.linspace(20, 220, 45).astype(np.uint8)[None, :, None], 30, 0).repeat(3, 2)


def test_metric_depth_is_millimetres_and_relative_depth_spans_all_values(tmp_path):
    units = {
        "metres": lambda x: x * 10,
        "log metres": lambda x: (x * 10).log(),
        "10 / metres": lambda x: 1 / x,
    }
    for unit, told in units.items():
        image = opened(through(attached(Depth(), told, unit=unit), RAMP), tmp_path)
        assert image.mode == "I;16"
        np.testing.assert_allclose(np.asarray(image), RAMP[..., 0] / 255 * 10_000, atol=1)
    assert (image.text["unit"], image.text["scale"], image.text["unknown"]) == ("millimetres", "0.001", "0")
    relative = opened(through(attached(Depth(), lambda x: x[:, :1]), RAMP), tmp_path)
    values = np.asarray(relative).astype(float)
    assert (values.min(), values.max()) == (0, 65535)
    again = values * float(relative.text["scale"]) + float(relative.text["offset"])
    np.testing.assert_allclose(again, RAMP[..., 0] / 255, atol=1e-4)


def test_views_of_depth_share_a_range_that_is_told_or_learnt():
    told = attached(Depth(view="gray", range="0,1"), lambda x: x[:, :1])
    assert (through(told, RAMP).pictures[""].pixels == RAMP[..., :1]).all()
    learnt = attached(Depth(view="gray", range="set"), lambda x: x[:, :1])
    assert learnt.surveys("set")
    seen = [learnt.prepare(Picture(p)) for p in (RAMP, RAMP // 2)]
    learnt.learn([(learnt.infer([s])[0], s) for s in seen])
    dark, light = (through(learnt, p).pictures[""].pixels for p in (RAMP // 2, RAMP))
    assert (dark.min(), light.max()) == (0, 255)
    assert dark.max() < 150
    near = attached(Depth(view="turbo"), lambda x: x[:, :1] * 10, unit="metres")
    pixels = through(near, RAMP).pictures[""].pixels
    assert pixels[0, 0, 0] > pixels[0, 0, 2]  # near is red
    assert pixels[0, -1].max() < 80


@pytest.mark.parametrize("form", ["npy", "pfm", "exr", "ply"])
def test_other_formats_of_depth_hold_metres(tmp_path, form):
    task = attached(Depth(format=form, fov=90), lambda x: x[:, :1] * 10, unit="metres")
    path, wanted = tmp_path / f"a.{form}", RAMP[..., 0] / np.float32(25.5)
    path.write_bytes(encode_map(through(task, RAMP).maps[""]))
    if form == "ply":
        head, _, body = path.read_bytes().partition(b"end_header\n")
        assert b"element vertex 1350" in head
        points = np.frombuffer(body, [("p", "<f4", 3), ("c", "u1", 3)])
        np.testing.assert_allclose(points["p"][:, 2], wanted.ravel(), rtol=1e-5)
        np.testing.assert_allclose(points["p"][44, 0] / points["p"][44, 2], 44 / 45, rtol=1e-5)
        assert (points["c"].reshape(RAMP.shape) == RAMP).all()
        return
    if form == "npy":
        found = np.load(path)
    elif form == "pfm":
        found = np.asarray(Image.open(path))
    else:
        found = pytest.importorskip("OpenEXR").File(str(path)).channels()["Y"].pixels
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_normals_of_a_sphere_come_back_in_every_convention(convention):
    y, x = np.mgrid[-1:1:41j, -1:1:41j].astype(np.float32)
    z = -np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    ball = np.stack((x, y, z), -1) / np.maximum(np.sqrt(x**2 + y**2 + z**2), 1)[..., None]
    given = torch.from_numpy(ball).permute(2, 0, 1)[None] * 3  # unit length is the task's to make
    turn = np.float32({"camera": (1, 1, 1), "opengl": (1, -1, -1), "directx": (1, 1, -1)}[convention])
    for bits, within in ((8, 0.5), (16, 0.002)):
        task = attached(Normals(bits=bits, convention=convention), lambda x: given.expand(len(x), -1, -1, -1))
        made = through(task, RNG.integers(0, 256, (41, 41, 3), dtype=np.uint8)).maps[""].values
        found = made / np.iinfo(made.dtype).max * 2 - 1
        np.testing.assert_allclose(
            found, ball / np.linalg.norm(ball, axis=2, keepdims=True) * turn, atol=within / 60
        )


@pytest.fixture
def listed(monkeypatch):
    """The three are commands, whether or not their weights have come."""
    from pixcli.tasks import LISTED

    monkeypatch.delitem(sys.modules, "pixcli.cli.app", raising=False)  # it reads the list when it is imported
    for kind in (Segment, Depth, Normals):
        monkeypatch.setitem(LISTED, kind.name, (kind.__name__, kind.title()))


@pytest.fixture
def weights(tmp_path):
    """An untrained network of three channels for each task."""
    from pixcli.models import describe, save
    from pixcli.nets import build

    made = {}
    for task in ("segment", "depth", "normals"):
        torch.manual_seed(0)
        arguments = {"channels": [8, 8, 8], "blocks": [1, 1, 1]}
        path, net = tmp_path / f"{task}.safetensors", build("restore-unet", arguments)
        card = describe(Card(path.stem, task, "restore-unet", path, arguments=arguments), net)
        save(path, net, replace(card, footprint=WHOLE, classes=CLASSES))
        made[task] = str(path)
    return made


@pytest.fixture
def photos(tmp_path):
    for name in ("in/a.jpg", "in/sub/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(STRIPES).save(tmp_path / name)
    return tmp_path


def files(folder):
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in found if ".pixcli" not in p.parts)


def test_commands_over_a_folder_name_each_map_by_its_format(listed, here, weights, photos):
    def run(task, *more):
        done = here(task, "in", "-o", "out", "--model", weights[task], *more)
        assert done.returncode == 0, done.stderr
        return files(photos / "out")

    labels = ["a.png", "classes.json", "sub/b.png", "sub/classes.json"]
    assert run("segment") == labels
    assert run("segment") == labels
    made = run("segment", "--name", "{stem}_v", "--view", "overlay", "--confidence", "--format", "jpg")
    assert set(made) - set(labels) == {
        f"{p}.{s}" for p in ("a_v", "sub/b_v") for s in ("confidence.png", "jpg")
    }
    made = run("depth", "--format", "npy", "--range", "set")
    assert {"a.npy", "sub/b.npy"} < set(made)
    assert np.load(photos / "out/a.npy").shape == (30, 45)
    run("normals", "--name", "{stem}_n")
    assert Image.open(photos / "out/sub/b_n.png").mode == "RGB"


def test_one_file_by_its_suffix_and_words_of_what_cannot_be(listed, here, weights, photos):
    model = ("--model", weights["depth"])
    assert here("depth", "in/a.jpg", "-o", "one.npy", *model).returncode == 0
    assert np.load(photos / "one.npy").shape == (30, 45)
    assert here("depth", "in/a.jpg", "-o", "one.jpg", "--view", "gray", *model).returncode == 0
    for wrong in ("-o x.jpg", "--in-place", "-o out --format jpg", "-o out --range 2,1"):
        done = here("depth", "in/a.jpg", *wrong.split(), *model)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    (photos / "out").mkdir()
    (photos / "out/classes.json").write_text("{}")
    done = here("segment", "in/a.jpg", "-o", "out", "--model", weights["segment"])
    assert (done.returncode, "not made by pixcli" in done.stderr) == (1, True)
    assert (photos / "out/classes.json").read_text() == "{}"


@pytest.mark.parametrize("task", ["segment", "depth", "normals"])
def test_films_become_films_of_the_view_or_folders_of_maps(listed, here, weights, tmp_path, task):
    av = pytest.importorskip("av")
    make_film(tmp_path / "film.mp4", pts=STEADY[:5], size=(48, 32))
    args = (task, "film.mp4", "--model", weights[task])
    assert here(*args, "-o", "out").returncode == 0
    with av.open(str(tmp_path / "out/film.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 5
    assert here(*args, "-o", "maps", "--frames").returncode == 0
    wanted = [f"film/{n:06}.png" for n in range(1, 6)]
    assert files(tmp_path / "maps") == (["classes.json", *wanted] if task == "segment" else wanted)
    mode = {"segment": "P", "depth": "I;16", "normals": "RGB"}[task]
    assert Image.open(tmp_path / "maps" / wanted[4]).mode == mode


def test_the_door_gives_the_values(listed, weights):
    import pixcli

    labels = pixcli.load("segment", model=weights["segment"])
    image = labels(Image.fromarray(STRIPES))
    assert image.mode == "P"
    assert (labels(STRIPES) == np.asarray(image)).all()
    metres = pixcli.load("depth", model=weights["depth"], format="npy")(STRIPES)
    assert (metres.dtype, metres.shape) == (np.float32, (30, 45))
    assert pixcli.load("depth", model=weights["depth"], view="turbo")(STRIPES).shape == STRIPES.shape
