"""Pictures that become a film, and films that become pictures, in the plan."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pixcli import plan
from pixcli.errors import UsageError
from pixcli.plan.sequence import natural

from .conftest import Draw

Make = Callable[..., plan.Plan]
Run = Callable[..., list[str]]
FRAMES = "in/f1.png\nin/f10.png\nin/f2.png\nin/F3.png"


def test_a_folder_of_pictures_is_one_job_in_natural_order(draw: Draw, make: Make) -> None:
    draw(FRAMES)
    (job,) = make("in", "clip.mp4").jobs
    assert (job.kind, str(job.input), str(job.output), job.action) == ("sequence", "in", "clip.mp4", "do")
    assert [p.name for p in job.members] == ["f1.png", "f2.png", "F3.png", "f10.png"]
    assert [p.name for p in make("in/f10.png in/f2.png", "clip.mkv").jobs[0].members] == ["f2.png", "f10.png"]
    assert sorted(["a10b2", "a10b10", "a9", "a09"], key=natural) == ["a09", "a9", "a10b2", "a10b10"]


def test_it_is_up_to_date_until_a_picture_changes(draw: Draw, make: Make, run: Run) -> None:
    draw(FRAMES)
    assert run("in", "clip.mp4") == ["in"]
    assert make("in", "clip.mp4").counts["skip"] == 1
    os.utime("in/f2.png", ns=(5, 5))
    assert make("in", "clip.mp4").jobs[0].reason == "the input changed"
    assert run("in", "clip.mp4") == ["in"]
    Path("in/f2.png").rename("in/f4.png")
    assert make("in", "clip.mp4").counts["do"] == 1
    assert run("in", "clip.mp4") == ["in"]
    draw("in/f11.png")
    assert make("in", "clip.mp4").counts["do"] == 1


@pytest.mark.parametrize(("drawing", "inputs", "out", "said"), [
    (f"{FRAMES}\nin/a.mp4", "in", "clip.mp4", "in/a.mp4 among the inputs is a film itself"),
    (FRAMES, "in", "in/clip.mp4", "outputs would lie among the inputs"),
    ("a.png", "a.png", "clip.mp4", "is a picture and cannot be written as .mp4"),
    (FRAMES, "in", "all.png", "names one file"),
])  # fmt: skip
def test_what_cannot_become_a_film(
    draw: Draw, make: Make, drawing: str, inputs: str, out: str, said: str
) -> None:
    draw(drawing)
    with pytest.raises(UsageError, match=said):
        make(inputs, out)


def test_a_folder_with_a_films_name_is_a_folder(draw: Draw, make: Make) -> None:
    draw(f"{FRAMES}\nclip.mp4/")
    assert len(make("in", "clip.mp4").jobs) == 4
    assert len(make("in", "other.mp4/").jobs) == 4


@pytest.mark.parametrize(("given", "outputs"), [
    ({}, "out/a.png out/x/b/000001.png"),
    ({"format": "jpg"}, "out/a.jpg out/x/b/000001.jpg"),
    ({"name": "{stem}_{task}"}, "out/a_t.png out/x/b_t/000001.png"),
])  # fmt: skip
def test_films_become_folders(draw: Draw, make: Make, given: dict[str, str], outputs: str) -> None:
    draw("in/a.png\nin/x/b.mp4")
    assert [str(j.output) for j in make("in", as_frames=True, **given).jobs] == outputs.split()
    draw("in/x/b.mkv")
    with pytest.raises(UsageError, match="several inputs have one output"):
        make("in", as_frames=True)
    with pytest.raises(UsageError, match="makes a folder of pictures"):
        make("in/x/b.mp4", "c.mp4", as_frames=True)
