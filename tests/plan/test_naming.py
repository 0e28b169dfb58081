# ruff: noqa: E501, PTH208
from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from pixcli import plan
from pixcli.errors import UsageError
from pixcli.plan import collide

from .conftest import Draw

Make = Callable[..., plan.Plan]
TREE = "in/a.jpg\nin/x/b.PNG\nin/x/c.mp4"

NAMES = [
    (TREE, "in", "out", {}, "out/a.jpg out/x/b.PNG out/x/c.mp4"),
    (TREE, "in", "in/out", {}, "in/out/a.jpg in/out/x/b.PNG in/out/x/c.mp4"),
    (TREE, "in", ".", {}, "a.jpg x/b.PNG x/c.mp4"),
    (TREE, "in", "out", {"format": "png"}, "out/a.png out/x/b.png out/x/c.mp4"),
    (TREE, "in", "out", {"format": ".MKV"}, "out/a.jpg out/x/b.PNG out/x/c.mkv"),
    (TREE, "in", "out", {"name": "{stem}_{task}"}, "out/a_t.jpg out/x/b_t.PNG out/x/c_t.mp4"),
    (TREE, "in", "out", {"name": "{n:03d}"}, "out/001.jpg out/x/002.PNG out/x/003.mp4"),
    (TREE, "in", "out", {"name": "{parent}/{stem}.{ext}"}, "out/in/a.jpg out/x/x/b.PNG out/x/x/c.mp4"),
    (TREE, "in", "out", {"name": "{name}"}, "out/a.jpg out/x/b.PNG out/x/c.mp4"),
    (TREE, "in", "out", {"name": "{name}", "format": "webp"}, "out/a.jpg.webp out/x/b.PNG.webp out/x/c.mp4"),
    ("in/a.tga", "in", "out", {"suffix_of": lambda p, k: ".png"}, "out/a.png"),
    ("in/a.JPG", "in", "out", {"suffix_of": lambda p, k: ".jpg"}, "out/a.JPG"),
    ("scan.2019\nscan.2020", "scan.2019 scan.2020", "out", {"format": "png"}, "out/scan.2019.png out/scan.2020.png"),
    ("a.jpg", "a.jpg", "b.png", {}, "b.png"),
    ("a.jpg", "a.jpg", "new/b.png", {"format": "png"}, "new/b.png"),
    ("a.jpg", "a.jpg", "b.jpeg", {"format": "jpg"}, "b.jpeg"),
    ("a.jpg", "a.jpg", "b.png/", {}, "b.png/a.jpg"),
    ("a.jpg\nb.png/", "a.jpg", "b.png", {}, "b.png/a.jpg"),
    ("a.jpg", "a.jpg", "results.v2", {}, "results.v2/a.jpg"),
    ("a.jpg", "a.jpg", "-", {}, "-"),
    ("a.jpg", "a.jpg", ".", {"name": "{stem}_2x"}, "a_2x.jpg"),
    ("a.jpg\nin/b.jpg", "a.jpg in", None, {"in_place": True}, "a.jpg in/b.jpg"),
    ("in/a.jpg", "in", "in", {"in_place": True}, "in/a.jpg"),
    # different files side by side stay so where the file system tells them apart
    ("in/x.png\nin/X.png", "in", "out", {}, "out/X.png out/x.png"),
]  # fmt: skip


@pytest.mark.parametrize(("drawing", "inputs", "out", "given", "outputs"), NAMES)
def test_outputs(draw: Draw, make: Make, drawing: str, inputs: str, out: str | None, given: dict[str, object], outputs: str) -> None:  # fmt: skip
    draw(drawing)
    jobs = make(inputs, out, **given).jobs
    assert [str(j.output) for j in jobs] == outputs.split()
    assert {j.action for j in jobs} == {"do"}


REFUSED = [
    # drawing, inputs, out, what was asked for, what the message says
    ("x/a.jpg\ny/a.jpg", "x/a.jpg y/a.jpg", "out", {}, "several inputs have one output: x/a.jpg and y/a.jpg → out/a.jpg .*--name"),
    ("in/a.jpg\nin/a.png", "in", "out", {"format": "png"}, 'in/a.jpg and in/a.png → out/a.png .*--format png.*"{name}"'),
    ("x/A.jpg\ny/a.jpg", "x/A.jpg y/a.jpg", "out", {}, "x/A.jpg and y/a.jpg"),
    ("x/é.jpg\ny/e\u0301.jpg", "x/é.jpg y/e\u0301.jpg", "out", {}, "several inputs"),
    ("in/A.tga\nin/a.tga", "in", "out", {"format": "png"}, "several inputs"),
    ("p/in/a.jpg\nq/in/a.jpg", "p/in q/in", "out", {}, "p/in/a.jpg and q/in/a.jpg → out/in/a.jpg"),
    ("in/a.jpg\nin/b.jpg", "in", "out", {"name": "same"}, "in/a.jpg and in/b.jpg"),
    ("in/1.jpg\nin/2.jpg\nin/3.jpg\nin/4.jpg", "in", "out", {"name": "same"}, "in/3.jpg … → out/same.jpg"),
    ("in/a.jpg", "in", "in", {}, "the output is the input itself: in/a.jpg .*--in-place"),
    ("a.jpg", "a.jpg", "a.jpg", {}, "the output is the input itself"),
    ("a.jpg", "./a.jpg", ".", {}, "the output is the input itself"),
    ("in/a.jpg\nl -> in", "in", "l", {}, "the output is the input itself"),
    ("in/a.jpg\nin/a.png", "in/a.jpg", "in/a.png", {}, None),
    ("in/a.jpg\nin/b.png", "in/a.jpg in/b.png", "in", {"name": "b", "format": "png"}, "several inputs"),
    ("a.jpg\na.png", "a.jpg a.png", ".", {"name": "{stem}", "format": "png", "in_place": True}, "several inputs"),
    ("a.jpg\nb.jpg\nout/c.jpg -> ../b.jpg", "a.jpg b.jpg", "out", {"name": "c"}, "several inputs"),
    ("a.jpg\nx/b.jpg\nout/a.jpg -> ../x/b.jpg", "a.jpg x/b.jpg", "out", {}, "would overwrite another input: a.jpg → out/a.jpg, which is"),
    ("in/a.jpg\nin/b.jpg -> a.jpg", "in", None, {"in_place": True}, "several inputs"),
    ("in/a.jpg", "in", "in", {"name": "{stem}_t"}, "outputs would lie among the inputs.*-o in/out"),
    ("in/a.jpg", "in", None, {}, "no output given"),
    ("in/a.jpg", "in", None, {"in_place": True, "format": "png"}, "--in-place keeps"),
    ("in/a.jpg", "in", "b.png", {}, "-o b.png names one file"),
    ("a.jpg\nb.jpg", "a.jpg b.jpg", "c.jpg", {}, "-o c.jpg names one file"),
    ("a.jpg\nb.jpg", "a.jpg b.jpg", "-", {}, "takes one input, there are 2"),
    ("in/a.jpg\nfile", "in", "file", {}, "-o file is a file"),
    ("a.jpg", "a.jpg", "b.png", {"format": "jpg"}, "contradict"),
    ("a.jpg", "a.jpg", "b.png", {"name": "c"}, "both name the output"),
    ("a.mp4", "a.mp4", "b.png", {}, "is a film and cannot be written as .png"),
    ("a.jpg", "a.jpg", "b.mp4", {}, "is a picture and cannot be written as .mp4"),
    ("a.jpg", "a.jpg", "out", {"format": "docx"}, "no format that pixcli knows"),
    ("a.jpg", "a.jpg", "out", {"name": "{steam}"}, "no field {steam} .*there are stem"),
    ("a.jpg", "a.jpg", "out", {"name": "{stem.__class__}"}, "no field"),
    ("a.jpg", "a.jpg", "out", {"name": "{stem"}, "expected '}'"),
    ("a.jpg", "a.jpg", "out", {"name": "{stem:d}"}, "Unknown format code"),
    ("a.jpg", "a.jpg", "out", {"name": "{stem}.png"}, "--format png"),
    ("a.jpg", "a.jpg", "out", {"name": "../{stem}"}, "a name below OUT"),
    ("a.jpg", "a.jpg", "out", {"name": "/tmp/{stem}"}, "a name below OUT"),
    ("a.jpg", "a.jpg", "out", {"name": ""}, "--name is empty"),
    ("a.jpg", "a.jpg", "out", {"on_exist": "ask"}, "--on-exist ask"),
    ("a.jpg", "a.jpg", "out", {"shard": (4, 4)}, "--shard 4/4"),
    ("a.jpg", "", "out", {}, "no input given"),
]  # fmt: skip


@pytest.mark.parametrize(("drawing", "inputs", "out", "given", "message"), REFUSED)
def test_collisions_and_contradictions_are_found_before_work(draw: Draw, make: Make, drawing: str, inputs: str, out: str | None, given: dict[str, object], message: str | None) -> None:  # fmt: skip
    draw(drawing)
    before = sorted(Path().rglob("*"))
    if message is None:  # an existing file that nobody gave as an input is the ledger's business
        assert [j.action for j in make(inputs, out, **given).jobs] == ["refuse"]
    else:
        with pytest.raises(UsageError, match=message):
            make(inputs, out, **given)
    assert sorted(Path().rglob("*")) == before


def test_long_lists_of_collisions_are_cut(draw: Draw, make: Make) -> None:
    draw("\n".join(f"in/{n}.{s}" for n in range(9) for s in ("jpg", "png")))
    with pytest.raises(UsageError, match="; and 6 more"):
        make("in", format="webp")


def test_names_that_differ_by_case_only_collide_where_the_file_system_says_so(
    draw: Draw, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw("in/x.png\nin/X.png")
    monkeypatch.setattr(collide, "case_matters", lambda folder: False)
    with pytest.raises(UsageError, match=r"in/X.png and in/x.png"):
        make("in")


def test_unicode_forms_count_as_one_name() -> None:
    assert collide.fold(unicodedata.normalize("NFD", "ÉCOLE")) == collide.fold("école")


AWKWARD = [
    b"a b.png", b"it's \"quoted\".png", b"two\nlines.png", b"-rf.png", b"--help.png", "🦊 fox.png".encode(), b"bad\xff\xfe.png",
    b"Gr\xfc\xdfe.png", "café.png".encode(), "cafe\u0301.png".encode(), "abc\u202egnp.png".encode(), b"a\tb.png", b"frame%03d.png",
    b"img[1]*?.png", b"$HOME;`id`&|.png", b"a\\b.png", b"{stem}{0}.png", b"file:x.png", b"\x1b[31mred.png", b"n" * 251 + b".png",
    b"a..png", b"X.PNG", b".png", b"CON.png", b"x.png ", b".hidden.png",
]  # fmt: skip


def test_awkward_names_come_out_as_they_went_in(
    draw: Draw, make: Make, run: Callable[..., list[str]]
) -> None:
    draw("in/")
    for name in AWKWARD:
        Path("in", os.fsdecode(name)).write_bytes(b"P")
    walked = {n for n in AWKWARD if not n.startswith(b".")}
    assert {os.fsencode(j.output.name) for j in make("in").jobs} == walked

    named = [f"in/{os.fsdecode(name)}" for name in AWKWARD if b"caf" not in name] + ["in/café.png"]
    assert len(run(named)) == len(named)
    assert {os.fsencode(n) for n in os.listdir("out")} - {b".pixcli"} == {
        os.fsencode(Path(n).name) for n in named
    }
    again = make(named)
    assert again.counts == {"do": 0, "skip": len(named), "refuse": 0, "problems": 0}
    for line in again.describe():
        assert line.isprintable()
        line.encode()


def test_awkward_names_work_in_a_list(draw: Draw, make: Make) -> None:
    draw("in/")
    for name in AWKWARD:
        Path("in", os.fsdecode(name)).write_bytes(b"P")
    Path("list").write_bytes(b"\0".join(b"in/" + n for n in AWKWARD))
    assert len(make([], listed_from="list").jobs) == len(AWKWARD)


def test_a_name_that_grows_too_long_is_refused_alone(draw: Draw, make: Make) -> None:
    draw(f"in/{'n' * 251}.png\nin/a.png")
    jobs = make("in", format="webp").jobs
    assert [(j.action, j.reason) for j in jobs] == [
        ("do", "new"),
        ("refuse", "the output's name is too long"),
    ]
