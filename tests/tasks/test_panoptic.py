"""panoptic: from pictures and films to COCO's PNGs and JSON, and views in which a thing keeps its colour."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor, nn

from pixcli.infer.device import choose
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
from pixcli.media import Picture
from pixcli.models import Card, Model
from pixcli.tasks.instances import Packed
from pixcli.tasks.panoptic import Panoptic, shade
from tests.media.films import STEADY, make_film

# red things are people, green ones cars; blue is water
CLASSES = (
    {"id": 7, "name": "person", "color": [200, 0, 0], "thing": True},
    {"id": 9, "name": "car", "color": [0, 200, 0], "thing": True},
    {"id": 155, "name": "water", "color": [0, 0, 200]},
)
WHOLE = Footprint(reach=None, multiple=16, side=48)


def ground(things):
    """(48, 64, 3): blue, with squares of 16 pixels, {(top, left): channel}."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[..., 2] = 230
    for (top, left), channel in things.items():
        pixels[top : top + 16, left : left + 16] = np.eye(3, dtype=np.uint8)[channel] * 230
    return pixels


TWO = ground({(16, 8): 0, (16, 24): 0})


class Centres(nn.Module):
    """Answers as LitePanoptic would: each cell of 16 × 16 pixels that is not blue is one thing."""

    def forward(self, x: Tensor) -> Tensor:
        small = nn.functional.avg_pool2d(x, 4) * 20
        h, w = small.shape[2:]
        y, x_ = torch.meshgrid(torch.arange(h) % 4, torch.arange(w) % 4, indexing="ij")
        x_ = (torch.arange(w)[None] + 2) % 4 + 0 * x_  # the squares begin at 8, 24, …
        here = ((y == 2) & (x_ == 2)).float() * (small[:, 2] < 5)
        steps = torch.stack((2 - y, 2 - x_)).float().expand(len(x), -1, -1, -1)
        return torch.cat((small, 10 * here[:, None] - 5, steps), 1)


class Boxes(nn.Module):
    """Answers as PanopticFPN would: two people that overlap, a car that is not sure, water everywhere."""

    def find(self, x: Tensor) -> tuple[Tensor, list[dict[str, Tensor]]]:
        h, w = x.shape[2] // 4, x.shape[3] // 4
        logits = torch.zeros(len(x), 2, h, w)
        logits[:, 1, :, : 3 * w // 4] = 5.0
        boxes = torch.tensor([[8.0, 16.0, 24.0, 32.0], [16.0, 16.0, 40.0, 32.0], [0.0, 0.0, 9.0, 9.0]])
        one = {"boxes": boxes, "labels": torch.tensor([1, 1, 2]), "scores": torch.tensor([0.9, 0.8, 0.3])}
        return logits, [one | {"masks": torch.ones(3, 1, 28, 28)} for _ in x]


def attached(task, net=None, classes=CLASSES):
    device = choose("cpu").torch
    card = Card("made", "panoptic", "none", None, footprint=WHOLE, classes=classes)
    task.attach(Model(card, net or Centres()), lambda net, footprint: Runner(net, footprint, device))
    return task


def through(task, pixels=TWO, name="a.png"):
    sample = task.prepare(Picture(pixels, name=name))
    return task.finish(task.infer([sample])[0], sample)


def told(result):
    """The ids (H, W) of the map and the rows of its text."""
    made = result.maps[""]
    return made.values.astype(int) @ (1, 256, 65536), json.loads(made.text["panoptic"])


def test_each_thing_has_an_id_of_its_class_and_the_text_tells_of_it():
    ids, words = told(through(attached(Panoptic())))
    rows = words["segments_info"]
    assert (words["image"], words["width"], words["height"]) == ("a.png", 64, 48)
    assert sorted(row["id"] for row in rows) == sorted(np.unique(ids[ids > 0]))
    assert [row["category_id"] for row in rows] == [7, 7, 155]
    assert [row["id"] // 65536 for row in rows] == [7, 7, 155]
    for row in rows[:2]:
        y, x = np.nonzero(ids == row["id"])
        assert row["area"] == len(y)
        assert row["bbox"] == [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
        assert (row["iscrowd"], row["score"] > 0.9) == (0, True)
    assert len({*ids[20:28, 12:20].ravel(), *ids[20:28, 28:36].ravel()}) == 2
    assert (ids[:10] == 155 * 65536).all()


def test_little_stuff_is_left_out_or_kept_as_told_and_so_are_things_that_are_not_sure():
    pool = np.zeros((48, 64, 3), np.uint8)
    pool[..., 0] = 230
    pool[20:28, 44:52] = (0, 0, 230)  # 64 of 3072 pixels are 6400 of 640 × 480
    little = {"min_area": 7500}
    for options, kept in (({}, True), (little, False), (little | {"merge": "naive"}, True)):
        _, words = told(through(attached(Panoptic(**options)), pool))
        assert (155 in {row["category_id"] for row in words["segments_info"]}) == kept, options
    ids, words = told(through(attached(Panoptic(score=0.999))))
    assert [row["category_id"] for row in words["segments_info"]] == [155]
    assert (ids[20:28, 12:36] == 0).all()


@pytest.mark.parametrize(("overlap", "things"), [(0.5, 2), (0.2, 1)])
def test_boxes_with_masks_and_a_map_of_stuff_become_segments(overlap, things):
    ids, words = told(through(attached(Panoptic(overlap=overlap), Boxes())))
    rows = words["segments_info"]
    assert [row["category_id"] for row in rows] == [7] * things + [155]
    assert [row.get("score") for row in rows[:things]] == [0.9, 0.8][:things]
    assert rows[0]["bbox"] == [8, 16, 16, 16]
    assert (ids[:, 52:] == 0).all()  # a thing by the branch of stuff, of which no box tells
    sure = told(through(attached(Panoptic(score=0.2), Boxes())))[1]["segments_info"]
    assert [row["category_id"] for row in sure] == [7, 7, 9, 155]


def test_pasted_masks_are_those_of_torchvision():
    from torchvision.models.detection.roi_heads import paste_masks_in_image

    torch.manual_seed(0)
    masks = torch.rand(1, 1, 7, 7)
    net = Boxes()
    net.find = lambda x: (
        torch.zeros(1, 2, x.shape[2] // 4, x.shape[3] // 4),
        [
            {
                "boxes": torch.tensor([[-5.0, 3.5, 30.2, 44.0]]),
                "labels": torch.tensor([1]),
                "scores": torch.tensor([0.9]),
                "masks": nn.functional.interpolate(masks, size=(28, 28), mode="bilinear"),
            }
        ],
    )
    ids, _ = told(through(attached(Panoptic(), net)))
    one = net.find(torch.zeros(1, 3, 48, 64))[1][0]
    wanted = paste_masks_in_image(one["masks"], one["boxes"], (48, 64))[0, 0] > 0.5
    assert (wanted.numpy() == (ids // 65536 == 7)).all()
    assert wanted.sum() > 100


def test_nothing_found_is_a_map_of_void():
    net = Boxes()
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0), "scores": torch.zeros(0)}
    net.find = lambda x: (torch.zeros(1, 0, 12, 16), [empty | {"masks": torch.zeros(0, 1, 28, 28)}])
    ids, words = told(through(attached(Panoptic(), net, CLASSES[:2])))
    assert words["segments_info"] == []
    assert not ids.any()


def test_views():
    colours = through(attached(Panoptic(view="color"))).pictures[""].pixels
    assert (colours[0, 0] == (0, 0, 200)).all()
    first, second = colours[24, 16], colours[24, 32]
    assert (first != second).any()
    assert min(int(c[0]) for c in (first, second)) > 100  # both are people: near red
    side = attached(Panoptic(view="side"))
    assert side.check(64, 48) == (128, 48)
    assert (through(side).pictures[""].pixels[:, :64] == TWO).all()
    over = through(attached(Panoptic(view="overlay"))).pictures[""].pixels
    assert (over[4, 4] == (0, 0, 214)).all()
    assert len({shade((200, 30, 30), n) for n in range(50)}) == 50


@pytest.mark.parametrize("net", [Centres, Boxes])
def test_a_thing_that_moves_keeps_its_id_and_a_new_one_gets_another(net):
    task = attached(Panoptic(), net())
    memory, seen = None, []
    frames = [{(16, 24): 0}, {(16, 24): 0, (16, 40): 1}, {(16, 24): 0}, {(16, 24): 0, (16, 40): 1}]
    for things in frames:
        sample = task.prepare(Picture(ground(things), name="film.mp4"))
        answer, memory = task.follow(memory, sample, task.infer([sample])[0])
        assert all(isinstance(m, Tensor) for m in memory)
        rows = told(task.finish(answer, sample))[1]["segments_info"]
        seen.append({row["id"]: row["category_id"] for row in rows if row["category_id"] != 155})
    if net is Boxes:  # always the same two
        assert all(s == seen[0] for s in seen)
        return
    person, car = 7 * 65536 + 1, 9 * 65536 + 2
    assert seen == [{person: 7}, {person: 7, car: 9}, {person: 7}, {person: 7, car: 9}]


def test_flicker_is_what_has_another_label_or_number_where_nothing_moves():
    task = attached(Panoptic())

    def kept(classes, numbers, light=0.5):
        maps = nn.functional.one_hot(torch.tensor(classes), 3).permute(2, 0, 1).float()
        return maps, torch.full((1, 2, 2), light), torch.tensor(numbers), torch.tensor(2)

    first = kept([[0, 0], [2, 2]], [[1, 1], [0, 0]])
    assert task.flicker(None, first) is None
    assert task.flicker(first, first) == 0
    assert task.flicker(first, kept([[0, 1], [2, 2]], [[2, 1], [0, 0]])) == pytest.approx(50)
    assert task.flicker(first, kept([[0, 0], [2, 2]], [[2, 2], [0, 0]], light=0.9)) is None  # a cut


@pytest.fixture
def listed(monkeypatch):
    """It is a command, whether or not its weights have come."""
    from pixcli.tasks import LISTED

    monkeypatch.delitem(sys.modules, "pixcli.cli.app", raising=False)  # it reads the list when it is imported
    monkeypatch.setitem(LISTED, "panoptic", ("Panoptic", Panoptic.title()))


@pytest.fixture
def weights(tmp_path):
    from pixcli.models import describe, save
    from pixcli.nets import build

    torch.manual_seed(0)
    arguments = {"classes": 3, "channels": 8, "width": 8}
    path, net = tmp_path / "panoptic.safetensors", build("lite-panoptic", arguments)
    card = describe(Card("panoptic", "panoptic", "lite-panoptic", path, arguments=arguments), net)
    small = replace(card.footprint, side=32)
    save(path, net, replace(card, footprint=small, classes=CLASSES, settings={"score": 0.0}))
    return str(path)


def files(folder):
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in found if ".pixcli" not in p.parts)


def test_one_json_tells_of_all_maps_of_a_folder_and_of_later_runs(listed, here, weights, tmp_path):
    for name in ("in/000000000139.jpg", "in/sub/b.png", "more/000000000285.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(TWO).save(tmp_path / name)
    (tmp_path / "in/bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert here("panoptic", "in", "-o", "out", "--model", weights).returncode == 1
    assert files(tmp_path / "out") == ["000000000139.png", "panoptic.json", "sub/b.png"]
    words = json.loads((tmp_path / "out/panoptic.json").read_text())
    assert [row["image_id"] for row in words["annotations"]] == [139, "sub/b"]
    assert [row["file_name"] for row in words["images"]] == ["000000000139.jpg", "sub/b.png"]
    assert [row["isthing"] for row in words["categories"]] == [1, 1, 0]
    other = PngInfo()
    other.add_text("panoptic", "of another program")
    Image.fromarray(TWO).save(tmp_path / "out/other.png", pnginfo=other)
    (tmp_path / "out/broken.png").write_bytes((tmp_path / "out/sub/b.png").read_bytes()[:120])
    (tmp_path / "out/none.png").write_bytes(b"")
    before = (tmp_path / "out/panoptic.json").stat().st_mtime_ns
    assert here("panoptic", "in", "-o", "out", "--model", weights).returncode == 1
    assert (tmp_path / "out/panoptic.json").stat().st_mtime_ns == before
    assert here("panoptic", "more", "-o", "out", "--model", weights).returncode == 0
    words = json.loads((tmp_path / "out/panoptic.json").read_text())
    assert [row["image_id"] for row in words["annotations"]] == [139, 285, "sub/b"]
    for row in words["annotations"]:
        with Image.open(tmp_path / "out" / row["file_name"]) as image:
            ids = np.unique(np.asarray(image, np.int64) @ (1, 256, 65536))
        assert {s["id"] for s in row["segments_info"]} == set(ids.tolist()) - {0}


def test_a_json_of_somebody_else_is_left_alone_and_views_have_none(listed, here, weights, tmp_path):
    Image.fromarray(TWO).save(tmp_path / "a.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/panoptic.json").write_text("{}")
    done = here("panoptic", "a.jpg", "-o", "out", "--model", weights)
    assert (done.returncode, "not made by pixcli" in done.stderr) == (1, True), done.stderr
    assert (tmp_path / "out/panoptic.json").read_text() == "{}"
    assert here("panoptic", "a.jpg", "-o", "seen", "--view", "side", "--model", weights).returncode == 0
    assert files(tmp_path / "seen") == ["a.png"]
    assert here("panoptic", "a.jpg", "-o", "one.png", "--model", weights).returncode == 0
    assert not (tmp_path / "panoptic.json").exists()
    assert "segments_info" in Image.open(tmp_path / "one.png").info["panoptic"]


def test_films_become_films_of_the_overlay_or_folders_of_maps(listed, here, weights, tmp_path):
    av = pytest.importorskip("av")
    make_film(tmp_path / "film.mp4", pts=STEADY[:4], size=(48, 32))
    args = ("panoptic", "film.mp4", "--model", weights)
    assert here(*args, "-o", "out").returncode == 0
    assert files(tmp_path / "out") == ["film.mp4"]
    with av.open(str(tmp_path / "out/film.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 4
    assert here(*args, "-o", "maps", "--frames").returncode == 0
    wanted = [f"film/{n:06}.png" for n in range(1, 5)]
    assert files(tmp_path / "maps") == [*wanted, "panoptic.json"]
    words = json.loads((tmp_path / "maps/panoptic.json").read_text())
    assert [row["file_name"] for row in words["annotations"]] == wanted


def test_packed_answers_hold_all_that_was_found():
    with torch.inference_mode():
        y = Packed(Boxes())(torch.rand(2, 3, 32, 32))
    assert y.shape[0] == 2
    table = y[0, 2:].reshape(-1)[: 100 * 790].view(100, 790)
    assert table[:4, 0].tolist() == [1, 1, 2, -1]
    assert table[1, 2:6].tolist() == [16, 16, 40, 32]
