# ruff: noqa: E501
from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from pixcli.errors import UsageError
from pixcli.plan.discover import discover

from .conftest import Draw, kind_of

CASES = [
    ("a folder gives its tree, sorted", "in/b.jpg in/a.jpg in/x/c.mp4 in/a/z.jpg", "in", "a/z.jpg a.jpg b.jpg x/c.mp4"),
    ("files keep the order that was typed", "b.jpg a.jpg", "b.jpg a.jpg", "b.jpg a.jpg"),
    ("two folders lie below their own names", "p/a.jpg q/a.jpg", "p q", "p/a.jpg q/a.jpg"),
    ("a folder beside a file too", "p/a.jpg b.jpg", "p b.jpg", "p/a.jpg b.jpg"),
    ("a dot names its folder", "p/a.jpg q/a.jpg", "p/. q/", "p/a.jpg q/a.jpg"),
    ("rubbish is passed over", "in/a.jpg in/n.txt in/.DS_Store in/Thumbs.db in/desktop.ini in/.h.jpg in/.git/x.jpg", "in", "a.jpg"),
    ("a hidden folder that was named is searched", ".h/a.jpg", ".h", "a.jpg"),
    ("a hidden file that was named is taken", ".h.jpg", ".h.jpg", ".h.jpg"),
    ("a pipe in a folder is passed over", "in/a.jpg\nin/p |", "in", "a.jpg"),
    ("a link to nothing too", "in/a.jpg\nin/l.jpg -> nowhere", "in", "a.jpg"),
    ("a loop of links ends", "in/x/a.jpg\nin/x/up -> ..\nin/self -> .", "in", "x/a.jpg"),
    ("what has two ways is known by its real place", "in/z/a.jpg\nin/a -> z", "in", "z/a.jpg"),
    ("a linked folder from outside is entered", "far/a.jpg\nin/l -> ../far", "in", "l/a.jpg"),
    ("a linked file is a file", "far/a.jpg\nin/l.jpg -> ../far/a.jpg", "in", "l.jpg"),
    ("the same file by two spellings comes once", "in/a.jpg", "in/a.jpg ./in/a.jpg in/../in/a.jpg", "a.jpg"),
    ("a file and its folder give it once", "in/a.jpg in/b.jpg", "in/b.jpg in", "b.jpg in/a.jpg"),
    ("our output folder is passed over", "in/a.jpg in/out/a.jpg in/x/out/b.jpg", "in", "a.jpg x/out/b.jpg"),
    ("an empty folder gives nothing", "in/", "in", ""),
]  # fmt: skip


@pytest.mark.parametrize(("drawing", "inputs", "found"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_found(draw: Draw, drawing: str, inputs: str, found: str) -> None:
    draw(drawing if "\n" in drawing else drawing.replace(" ", "\n"))
    answer = discover(inputs.split(), kind_of=kind_of, out="in/out")
    assert [f.relative for f in answer.found] == found.split()
    assert answer.problems == []
    assert all(f.kind == ("film" if f.relative.endswith("mp4") else "picture") for f in answer.found)


@pytest.mark.parametrize(
    ("drawing", "named", "text"),
    [
        ("", "gone.jpg", "no such file or folder"),
        ("l.jpg -> gone", "l.jpg", "a link to something that is not there"),
        ("p.jpg |", "p.jpg", "a pipe, not a regular file"),
        ("", "/dev/zero", "a device, not a regular file"),
        ("n.txt", "n.txt", "neither a picture nor a film that pixcli reads"),
        ("Thumbs.db", "Thumbs.db", "neither a picture nor a film that pixcli reads"),
        ("a.jpg", "a.jpg/b.jpg", "Not a directory"),
        ("", "n" * 300, "File name too long"),
    ],
)
def test_what_was_named_and_is_no_use_is_a_problem(draw: Draw, drawing: str, named: str, text: str) -> None:
    draw(drawing)
    answer = discover([named], kind_of=kind_of)
    assert answer.found == []
    assert [(str(p.path), p.text) for p in answer.problems] == [(named, text)]


def test_a_file_that_cannot_be_read_is_a_problem_even_in_a_folder(draw: Draw) -> None:
    draw("in/a.jpg\nin/b.jpg")

    def refuse(path: Path) -> str | None:
        if path.name == "a.jpg":
            raise PermissionError(13, "Permission denied")
        return kind_of(path)

    answer = discover(["in"], kind_of=refuse)
    assert [f.relative for f in answer.found] == ["b.jpg"]
    assert [p.text for p in answer.problems] == ["Permission denied"]


def test_nothing_but_regular_files_is_ever_opened(draw: Draw) -> None:
    draw("in/a.jpg\nin/p |\np.jpg |")
    opened = []

    def watch(path: Path) -> str | None:
        opened.append(path)
        assert stat.S_ISREG(path.stat().st_mode)
        return kind_of(path)

    discover(["in", "p.jpg", "/dev/zero"], kind_of=watch)
    assert opened == [Path("in/a.jpg")]


def test_only_the_folder_itself_without_recursion(draw: Draw) -> None:
    draw("in/a.jpg\nin/x/b.jpg")
    assert [f.relative for f in discover(["in"], kind_of=kind_of, recursive=False).found] == ["a.jpg"]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"in/x/a.jpg\nin/y/a.jpg\n", "x/a.jpg y/a.jpg"),
        (b"\xef\xbb\xbfin/x/a.jpg\r\n\r\nin/y/a.jpg", "x/a.jpg y/a.jpg"),
        (b"in/y/a.jpg\0in/x/a.jpg\0", "y/a.jpg x/a.jpg"),
        (b"in/x/a.jpg\nin/x/a.jpg\n", "a.jpg"),
        (b"in\n", "x/a.jpg y/a.jpg"),
        (b"in/x\nin/y/a.jpg\n", "x/a.jpg y/a.jpg"),
    ],
)
def test_a_list_keeps_the_tree_below_what_its_paths_share(draw: Draw, data: bytes, found: str) -> None:
    draw("in/x/a.jpg\nin/y/a.jpg")
    Path("list").write_bytes(data)
    for source, stdin in (("list", None), ("-", io.BytesIO(data))):
        answer = discover([], kind_of=kind_of, listed_from=source, stdin=stdin)
        assert [f.relative for f in answer.found] == found.split()
        assert answer.problems == []


def test_a_list_that_cannot_be_read_is_wrong_usage(draw: Draw) -> None:
    draw("a.jpg")
    with pytest.raises(UsageError, match="--from gone: No such file"):
        discover([], kind_of=kind_of, listed_from="gone")
    with pytest.raises(UsageError, match="stdin"):
        discover(["-"], kind_of=kind_of, listed_from="-", stdin=io.BytesIO())


def test_a_file_named_dash_is_not_stdin(draw: Draw) -> None:
    here = draw("-")
    assert discover(["-"], kind_of=kind_of).found[0].relative == "stdin"
    assert discover(["./-"], kind_of=kind_of).found[0].path == here / "-"


def test_passed_over_files_are_counted(draw: Draw) -> None:
    draw("in/a.jpg\nin/n.txt\nin/p |\nin/.hidden")
    assert discover(["in"], kind_of=kind_of).passed == 2


def test_a_name_that_promises_a_picture_is_a_problem_even_in_a_folder(draw: Draw) -> None:
    draw("in/a.jpg\nin/n.txt")
    for name in ("b.JPG", "c.mp4", "no.ts", "._d.jpg"):
        Path("in", name).write_text("x")
    answer = discover(
        ["in"], kind_of=kind_of, words_of=lambda path: "it is empty" if "b" in path.name else ""
    )
    assert [f.relative for f in answer.found] == ["a.jpg"]
    assert {(p.path.name, p.text) for p in answer.problems} == {
        ("b.JPG", "is named .jpg but is no picture or film (it is empty)"),
        ("c.mp4", "is named .mp4 but is no picture or film"),
    }
    assert answer.passed == 2


def test_fingerprints_are_those_of_the_files(draw: Draw) -> None:
    draw("in/a.jpg")
    os.utime("in/a.jpg", ns=(1, 123456789))
    (found,) = discover(["in"], kind_of=kind_of).found
    assert (found.size, found.mtime_ns) == (len("Pin/a.jpg"), 123456789)
