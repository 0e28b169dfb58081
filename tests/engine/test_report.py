"""The page of a run: what stands in it, that it needs nothing else, and that it never costs the run."""

from __future__ import annotations

import base64
import io
import re
import signal
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from folders import Start, draw, film
from PIL import Image
from standin import Invert, plan_for

from pixcli.engine import Event, Item, Settings, Summary, listen_report, run
from pixcli.engine.listen_report import Report
from pixcli.errors import OutputError


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def pictures(self, kind: str) -> list[Image.Image]:
        found = [str(a["src"]) for t, a in self.tags if t == "img" and a["class"] == kind]
        return [Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))) for src in found]


def report_of(inputs: list[Path], tmp_path: Path, **settings: Any) -> Page:
    path = tmp_path / "report.html"
    report = Report(path, {"command": "pixcli invert", "weights": "sha256 0123"})
    run(Invert(), plan_for(inputs, tmp_path / "out"), Settings(**settings), [report], device="cpu")
    return Page(path)


def test_failures_come_first_and_every_name_is_escaped(photos: Path, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>&\"'\n\udcff.png"
    (photos / name).write_bytes(b"\x89PNG\r\n\x1a\n")
    page = report_of([photos], tmp_path)
    assert "onerror" not in "".join(str(attrs.keys()) for _, attrs in page.tags)
    assert "<img src=x onerror=alert(1)>&\"'\\n\\xff.png" in page.text
    assert page.text.index("1 failed") < page.text.index("Before and after") < page.text.index("The run")
    for word in ("20", "stand-in", "cpu", "pixcli invert", "sha256 0123", "exit code"):
        assert word in page.text


def test_the_page_needs_nothing_but_itself(photos: Path, tmp_path: Path) -> None:
    page = report_of([photos], tmp_path)
    links = [a.get(key) for _, a in page.tags for key in ("src", "href", "srcset", "data", "action")]
    assert all(link.startswith("data:image/webp;base64,") for link in links if link is not None)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert not [t for t, _ in page.tags if t in ("link", "iframe", "object", "base")]


def test_before_and_after_show_the_two_files(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (250, 20, 20)).save(tmp_path / "a.png")
    page = report_of([tmp_path / "a.png"], tmp_path)
    (old,), (new,) = page.pictures("old"), page.pictures("new")
    assert old.size == new.size == (40, 30)
    assert old.convert("RGB").getpixel((20, 15)) == pytest.approx((250, 20, 20), abs=6)
    assert new.convert("RGB").getpixel((20, 15)) == pytest.approx((5, 235, 235), abs=6)
    (slider,) = [a for t, a in page.tags if t == "input"]
    assert (slider["type"], "a.png" in str(slider["aria-label"])) == ("range", True)


def test_a_large_picture_is_shown_small_and_a_part_of_it_at_full_size(tmp_path: Path) -> None:
    flat = Image.new("RGB", (1200, 900), (90, 90, 90))
    with Image.open(draw(tmp_path / "noise.png", 200, seed=1)) as noise:
        flat.paste(noise, (900, 700))
    flat.save(tmp_path / "big.png")
    page = report_of([tmp_path / "big.png"], tmp_path)
    whole, part = page.pictures("new")
    assert (whole.size, part.size) == ((560, 420), (560, 420))
    low, high = part.convert("L").getextrema()
    assert high - low > 100  # it is the part where something is to be seen
    assert page.pictures("old")[1].size == part.size


def test_a_film_is_shown_by_a_frame(tmp_path: Path) -> None:
    page = report_of([film(tmp_path / "a.mp4", 12)], tmp_path)
    (old,), (new,) = page.pictures("old"), page.pictures("new")
    red, _, blue = old.convert("RGB").getpixel((16, 12))
    assert 20 <= red <= 80  # of the fifth frame or so: 10 a frame
    assert new.convert("RGB").getpixel((16, 12))[2] == pytest.approx(255 - blue, abs=12)


def test_what_cannot_be_shown_costs_nothing(photos: Path, tmp_path: Path) -> None:
    report = Report(tmp_path / "r.html", {})
    report(Event("start", task="invert", total=3))
    gone = Item("done", str(photos / "gone.png"), (str(photos / "gone too.png"),))
    text = Item("done", str(photos / "00.png"), (str(tmp_path / "flow.flo"),))
    (tmp_path / "flow.flo").write_bytes(b"PIEH")
    same = Item("done", str(photos / "00.png"), (str(photos / "00.png"),))
    for item in (gone, text, same):
        report(Event("item", item=item))
    report(Event("summary", summary=Summary(3, 3)))
    page = Page(tmp_path / "r.html")
    assert (len(page.pictures("new")), len(page.pictures("old"))) == (1, 0)


@pytest.fixture
def synchronous(monkeypatch: pytest.MonkeyPatch) -> Callable[[Report], None]:
    """Thumbnails without reading files, as fast as they are asked for."""
    made = SimpleNamespace(bytes=100, before="", after="", detail_before="", detail_after="", size=(1, 1))
    monkeypatch.setattr(listen_report, "pair", lambda before, after: made)
    return lambda report: report.queue.join()


def test_thousands_of_files_make_a_page_of_bounded_size(tmp_path: Path, synchronous: Any) -> None:
    report = Report(tmp_path / "r.html", {})
    report(Event("start", task="invert", total=9000))
    for n in range(5000):
        report(Event("item", item=Item("done", f"{n}.png", (f"out/{n}.png",), lost=("icc",))))
        if n % 4 == 0:
            synchronous(report)
    for n in range(4000):
        report(Event("item", item=Item("failed", f"bad {n}.png", text="truncated")))
    report(Event("summary", summary=Summary(9000, 5000, 0, 4000, exit_code=1)))
    page = Page(tmp_path / "r.html")
    shown = sum(t == "figure" for t, _ in page.tags)
    assert listen_report.MOST / 2 <= shown <= listen_report.MOST
    assert f"{shown} of 5,000 files, spread over the run" in page.text
    assert "The first 1000 of 4000" in page.text
    numbers = [int(m) for m in re.findall(r'title="(\d+)\.png"', page.source)]
    assert numbers == sorted(numbers)
    assert max(b - a for a, b in zip([0, *numbers], [*numbers, 5000], strict=True)) <= 128
    assert len(page.source) < 1_000_000


def test_an_interrupted_run_has_its_page(start: Start, photos: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    process = start(photos, tmp_path / "out", "--slow", 0.2, "--report", page, "--json")
    assert process.stdout is not None
    while '"done"' not in (process.stdout.readline() or '"done"'):
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped: interrupted" in Page(page).text


def test_a_killed_run_has_a_page_that_says_that_it_was_running(tmp_path: Path) -> None:
    report = Report(tmp_path / "r.html", {})
    report(Event("start", task="invert", total=2))
    report.write()
    assert "still running" in Page(tmp_path / "r.html").text


def test_a_run_that_could_not_begin_says_why(tmp_path: Path) -> None:
    Report(tmp_path / "r.html", {}).fail("no CUDA card (use --device cpu)")
    assert "no CUDA card" in Page(tmp_path / "r.html").text


def test_a_place_that_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        Report(tmp_path / "file" / "r.html", {})
