"""flow: pairs of pictures, folders of frames and films, to files that other tools read.

A network that is known stands where the real one does: what it answers is what must lie in the files.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pixcli.errors import InputError
from pixcli.infer.device import choose
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
from pixcli.media import Picture
from pixcli.media.flow_files import encode_flow, read_flow
from pixcli.media.maps import encode_map
from pixcli.models import Card, Model
from pixcli.tasks.flow import Flow
from tests.media.films import STEADY, make_film

RNG = np.random.default_rng(0)
PHOTO = np.asarray(
    Image.fromarray(RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(
        (48, 32), Image.Resampling.BICUBIC
    )
)


class Known(nn.Module):
    """Answers (2, -1) pixels everywhere; with the pictures swapped, the opposite."""

    def __init__(self, first: float) -> None:
        super().__init__()
        self.first = first

    def forward(self, x):
        swapped = x[:, :3].mean((1, 2, 3)) < x[:, 3:].mean((1, 2, 3))
        sign = torch.where(swapped, -1.0, 1.0).view(-1, 1, 1, 1)
        flow = torch.tensor((2.0, -1.0)).view(1, 2, 1, 1).expand(len(x), -1, *x.shape[2:])
        return sign * flow


def attached(side=None, **options):
    task, device = Flow(**options), choose("cpu").torch
    card = Card("known", "flow", "none", None, footprint=Footprint(reach=None, multiple=8, side=side))
    task.attach(Model(card, Known(PHOTO.mean())), lambda net, footprint: Runner(net, footprint, device))
    return task


def through(task, one=PHOTO, two=None):
    two = one // 2 if two is None else two  # darker: the second
    sample = task.prepare(Picture(one), Picture(two))
    return task.finish(task.infer([sample])[0], sample)


@pytest.mark.parametrize("form", ["flo", "png", "npz"])
def test_files_hold_pixels_to_the_right_and_down(tmp_path, form):
    path = tmp_path / f"a.{form}"
    path.write_bytes(encode_map(through(attached(format=form)).maps[""]))
    flow, known = read_flow(path)
    assert flow.shape == (32, 48, 2)
    assert known.all()
    assert (flow == (2, -1)).all()


def test_opencv_reads_what_was_written(tmp_path):
    cv2 = pytest.importorskip("cv2", reason="needs the extra `dis`")
    flow = RNG.normal(0, 9, (5, 7, 2)).astype(np.float32)
    (tmp_path / "a.flo").write_bytes(encode_flow(flow, None, "flo"))
    assert (cv2.readOpticalFlow(str(tmp_path / "a.flo")) == flow).all()
    (tmp_path / "a.png").write_bytes(encode_flow(flow, None, "png"))
    bgr = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert bgr.dtype == np.uint16
    assert (bgr[..., 0] == 1).all()
    np.testing.assert_allclose((bgr[..., 2:0:-1].astype(float) - 2**15) / 64, flow, atol=1 / 128)


def test_a_flow_is_scaled_with_the_pictures():
    made = through(attached(side=16)).maps[""].values  # 32 × 48 looked at as 16 × 24
    assert made.shape == (32, 48, 2)
    np.testing.assert_allclose(made, np.broadcast_to((4.0, -2.0), made.shape), atol=1e-4)


def test_what_leaves_the_picture_is_occluded():
    maps = through(attached(occlusion=True)).maps
    hidden = maps["occlusion"].values
    assert set(np.unique(hidden)) == {0, 255}
    assert (hidden[:, -2:] == 255).all()
    assert (hidden[0] == 255).all()
    assert (hidden[4:, :40] == 0).all()


def test_views_show_direction_and_share_a_largest_motion():
    wheel = through(attached(view="wheel")).pictures[""].pixels
    assert wheel.shape == PHOTO.shape
    assert (wheel == wheel[0, 0]).all()
    pale = through(attached(view="wheel", max_flow=20)).pictures[""].pixels
    assert pale.min() > wheel.min()
    arrows = through(attached(view="arrows")).pictures[""].pixels
    paled = PHOTO // 2 + 64
    assert 0 < (arrows != paled).any(2).mean() < 0.8
    film = attached()
    assert film.surveys("film")
    sample = film.prepare(Picture(PHOTO), Picture(PHOTO // 2))
    film.learn([(film.infer([sample])[0] * 10, sample)])
    assert (film.finish(film.infer([sample])[0], sample).shown().pixels > 200).all()


def test_png_says_what_it_cannot_hold():
    task = attached(format="png", side=None)
    sample = task.prepare(Picture(PHOTO), Picture(PHOTO // 2))
    assert task.finish(task.infer([sample])[0] * 300, sample).lost == ("motion beyond 512 pixels",)


def test_two_pictures_of_one_size_are_needed():
    task = attached()
    with pytest.raises(InputError, match="motion takes two"):
        task.prepare(Picture(PHOTO))
    with pytest.raises(InputError, match="48×32 and 48×30"):
        task.prepare(Picture(PHOTO), Picture(PHOTO[:30]))


# The command


@pytest.fixture
def listed(monkeypatch):
    """It is a command, whether or not its weights have come."""
    from pixcli.tasks import LISTED

    monkeypatch.delitem(sys.modules, "pixcli.cli.app", raising=False)  # it reads the list when it is imported
    monkeypatch.setitem(LISTED, "flow", ("Flow", Flow.title()))


@pytest.fixture
def flow(listed, here, tmp_path):
    """`flow("in", "-o", "out")` with an untrained network."""
    from pixcli.models import describe, save
    from pixcli.nets import build

    torch.manual_seed(0)
    arguments = {"pyramid": [8] * 3, "common": 8, "decoder": [16, 8], "context": [8, 8]}
    path, net = tmp_path / "tiny.safetensors", build("lite-flow", arguments)
    card = describe(Card(path.stem, "flow", "lite-flow", path, arguments=arguments), net)
    save(path, net, replace(card, bf16=False))
    return lambda *args: here("flow", *args, "--model", str(path))


def frame(path: Path, shift: int = 0, size: tuple[int, int] = (48, 32)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.roll(PHOTO, shift, 1)).resize(size).save(path)
    return path


def files(folder: Path) -> list[str]:
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in found if ".pixcli" not in p.parts)


def test_neighbours_of_a_folder_in_natural_order_and_runs_that_break(flow, tmp_path):
    for n in (1, 2, 9, 10):
        frame(tmp_path / f"in/f{n}.png", n)
    for n in (1, 2, 4):
        frame(tmp_path / f"in/sub/g{n}.jpg", n)
    (tmp_path / "in/sub/g3.jpg").write_bytes(b"<!doctype html><title>404</title>")
    for n in (1, 2, 3, 4):
        frame(tmp_path / f"in/z/h{n}.png", n, (48, 32) if n < 3 else (40, 32))
    done = flow("in", "-o", "out")
    wanted = ["f1_f2.flo", "f2_f9.flo", "f9_f10.flo", "sub/g1_g2.flo", "z/h1_h2.flo", "z/h3_h4.flo"]
    assert files(tmp_path / "out") == sorted(wanted)
    assert done.returncode == 1
    problems = [line.split(": ")[1] for line in done.stderr.splitlines() if "in/sub/g" in line]
    assert sorted(problems) == ["in/sub/g3.jpg", "in/sub/g4.jpg"]
    assert read_flow(tmp_path / "out/z/h3_h4.flo")[0].shape == (32, 40, 2)


def test_a_rerun_does_what_one_of_the_two_has_changed(flow, tmp_path):
    for n in (1, 2, 3):
        frame(tmp_path / f"in/{n}.png", n)
    assert flow("in", "-o", "out").returncode == 0
    assert "2 skipped" in flow("in", "-o", "out").stderr
    frame(tmp_path / "in/3.png", 5, (48, 32))
    again = flow("in", "-o", "out", "--json", "--quiet")
    items = [e for e in map(json.loads, again.stdout.splitlines()) if e["event"] == "item"]
    assert sorted((Path(e["input"]).name, e["status"]) for e in items) == [
        ("1.png", "skipped"),
        ("2.png", "done"),
    ]
    assert flow("in", "-o", "wide", "--stride", "2").returncode == 0
    assert files(tmp_path / "wide") == ["1_3.flo"]


def test_two_files_go_by_the_order_they_are_given_in(flow, tmp_path):
    a, b = (frame(tmp_path / f"{n}.png", 3 * i) for i, n in enumerate("ab"))
    assert flow("b.png", "a.png", "-o", "out", "--format", "png").returncode == 0
    assert files(tmp_path / "out") == ["b_a.png"]
    assert flow("a.png", "b.png", "-o", "one.flo").returncode == 0
    assert flow("a.png", "b.png", "-o", "view.jpg", "--view", "arrows").returncode == 0
    assert Image.open(tmp_path / "view.jpg").size == (48, 32)
    before = b.read_bytes()
    clash = flow("a.png", "b.png", "-o", "b.png", "--view", "wheel", "--on-exist", "overwrite")
    assert (clash.returncode, b.read_bytes() == before) == (2, True)
    one = flow("a.png", "-o", "alone")
    assert (one.returncode, "no neighbour of its size" in one.stderr) == (1, True)
    frame(a, 0, (40, 32))
    assert flow("a.png", "b.png", "-o", "uneven").returncode == 1


def test_a_film_becomes_a_film_of_the_wheel_with_its_sound_or_a_folder_of_flows(flow, tmp_path):
    av = pytest.importorskip("av")
    make_film(tmp_path / "film.mp4", pts=STEADY[:5], size=(48, 32), audio="aac")
    done = flow("film.mp4", "-o", "out")
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "film.mp4")) as film, av.open(str(tmp_path / "out/film.mp4")) as made:
        times = [[f.time for f in file.decode(video=0)] for file in (film, made)]
    assert len(times[1]) == 5
    assert times[0] == times[1]
    with av.open(str(tmp_path / "out/film.mp4")) as made:
        assert len(made.streams.audio) == 1
    assert flow("film.mp4", "-o", "maps", "--frames", "--occlusion").returncode == 0
    wanted = [f"film/{n:06}{part}" for n in range(1, 5) for part in (".flo", ".occlusion.png")]
    assert files(tmp_path / "maps") == sorted(wanted)
    assert flow("film.mp4", "-o", "long.mp4", "--stride", "9").returncode == 1


def test_an_animation_is_frames_too(flow, tmp_path):
    pages = [Image.fromarray(np.roll(PHOTO, n, 1)) for n in range(3)]
    pages[0].save(tmp_path / "a.png", save_all=True, append_images=pages[1:], duration=40)
    assert flow("a.png", "-o", "out", "--view", "wheel").returncode == 0
    (name,) = files(tmp_path / "out")
    assert Image.open(tmp_path / "out" / name).n_frames == 3


def test_dis_finds_a_shift(listed, here, tmp_path):
    pytest.importorskip("cv2", reason="needs the extra `dis`")
    large = Image.fromarray(PHOTO).resize((192, 128), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a.png")
    Image.fromarray(np.roll(np.asarray(large), 3, 1)).save(tmp_path / "b.png")
    assert here("flow", "a.png", "b.png", "-o", "ab.flo", "--model", "dis").returncode == 0
    found = read_flow(tmp_path / "ab.flo")[0][32:96, 48:144]
    np.testing.assert_allclose(np.median(found, (0, 1)), (3, 0), atol=0.2)
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes())
    assert here("flow", "a.png", "c.png", "-o", "still.flo", "--model", "dis").returncode == 0
    assert np.abs(read_flow(tmp_path / "still.flo")[0]).max() < 0.1
