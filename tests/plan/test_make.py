# ruff: noqa: E501, PTH208
from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pixcli import plan
from pixcli.errors import InputError, NothingToDo

from .conftest import Draw, kind_of

Make = Callable[..., plan.Plan]
Run = Callable[..., list[str]]


def nothing() -> None:
    pass


def touch_input() -> None:
    os.utime("in/a.jpg", ns=(5, 5))


def edit_output() -> None:
    Path("out/a.jpg").write_text("by hand")


def drop_output() -> None:
    Path("out/a.jpg").unlink()


RERUNS = [
    # what happened after the first run; what the second asks for; action and reason
    (nothing, {}, "skip", "up to date"),
    (touch_input, {}, "do", "the input changed"),
    (drop_output, {}, "do", "the output is gone"),
    (
        edit_output,
        {},
        "refuse",
        "out/a.jpg was changed since pixcli made it; --on-exist overwrite replaces it",
    ),
    (edit_output, {"on_exist": "overwrite"}, "do", "overwrites"),
    (edit_output, {"force": True}, "refuse", "out/a.jpg was changed"),
    (nothing, {"options": {"scale": 3}}, "do", "--scale was not given, is 3"),
    (nothing, {"options": {"scale": None}}, "skip", "up to date"),
    (nothing, {"weights": "abc"}, "do", "the weights changed"),
    (
        nothing,
        {"weights": "abc", "options": {"strict": True}},
        "do",
        "--strict was not given, is true; the w",
    ),
    (
        nothing,
        {"task": "u"},
        "refuse",
        "out/a.jpg exists and was made by t; --on-exist overwrite replaces it",
    ),
    (nothing, {"force": True}, "do", "forced"),
    (nothing, {"on_exist": "overwrite"}, "do", "overwrites"),
    (nothing, {"on_exist": "error"}, "refuse", "out/a.jpg exists (--on-exist error)"),
    (drop_output, {"on_exist": "error"}, "do", "the output is gone"),
    (nothing, {"retry_failed": True}, "skip", "did not fail before"),
]


@pytest.mark.parametrize(("meanwhile", "given", "action", "reason"), RERUNS)
def test_a_second_run(draw: Draw, make: Make, run: Run, meanwhile: Callable[[], None], given: dict[str, object], action: str, reason: str) -> None:  # fmt: skip
    draw("in/a.jpg")
    assert run("in") == ["a.jpg"]
    meanwhile()
    (job,) = make("in", **given).jobs
    assert (job.action, job.reason[: len(reason)]) == (action, reason)


def same_length() -> None:
    """Other content, with size and time as they were: nothing but the content tells."""
    before = Path("in/a.jpg").stat()
    Path("in/a.jpg").write_text("P" + "x" * (before.st_size - 1))
    os.utime("in/a.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))


def touch_both() -> None:
    touch_input()
    os.utime("out/a.jpg", ns=(7, 7))


CHECKSUMS = [
    # what happened after a run with --checksum; action and reason with it, and without
    (nothing, ("skip", "up to date"), ("skip", "up to date")),
    (touch_input, ("skip", "up to date"), ("do", "the input changed")),
    (touch_both, ("skip", "up to date"), ("refuse", "out/a.jpg was changed since")),
    (same_length, ("do", "the input changed"), ("skip", "up to date")),
    (edit_output, ("refuse", "out/a.jpg was changed since"), ("refuse", "out/a.jpg was changed since")),
    (drop_output, ("do", "the output is gone"), ("do", "the output is gone")),
]


@pytest.mark.parametrize(("meanwhile", "checked", "unchecked"), CHECKSUMS)
def test_a_second_run_by_content(
    draw: Draw,
    make: Make,
    run: Run,
    meanwhile: Callable[[], None],
    checked: tuple[str, str],
    unchecked: tuple[str, str],
) -> None:
    draw("in/a.jpg")
    assert run("in", checksum=True) == ["a.jpg"]
    meanwhile()
    for checksum, (action, reason) in ((True, checked), (False, unchecked)):
        (job,) = make("in", checksum=checksum).jobs
        assert (job.action, job.reason[: len(reason)]) == (action, reason)


def test_what_was_done_without_checksum_is_known_by_size_and_time(draw: Draw, make: Make, run: Run) -> None:
    draw("in/a.jpg")
    run("in")
    assert make("in", checksum=True).jobs[0].reason == "up to date"
    touch_input()
    assert run("in", checksum=True) == ["a.jpg"]
    touch_both()
    assert make("in", checksum=True).jobs[0].reason == "up to date"


def test_in_place_by_content(draw: Draw, make: Make, run: Run) -> None:
    draw("in/a.jpg")
    given = {"out": None, "in_place": True, "checksum": True}
    assert run("in", **given) == ["a.jpg"]
    touch_input()
    assert run("in", **given) == []


def test_what_the_rest_costs_by_an_earlier_run(
    draw: Draw, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four inputs of 1000 pixels in 8 s by the clock, however many threads had them at once."""
    draw("\n".join(f"in/{n}.jpg" for n in range(10)))
    given = {"weights": "w", "options": {"scale": 2}}
    first = make("in", **given)
    assert first.cost(lambda job: 1000) == plan.Cost(10_000, None)
    now = 1e9
    monkeypatch.setattr(time, "time", lambda: now)
    with first.ledger() as ledger:
        for job in first.jobs[:4]:
            assert ledger.claim(job)
        for job in first.jobs[:4]:
            now += 2
            job.output.write_text("P")
            ledger.done(job, seconds=2, pixels=1000)
    for also in ({}, {"options": {"scale": 3}, "on_exist": "overwrite"}):
        rest = make("in", **(given | also))
        cost = rest.cost(lambda job: 1000)
        assert cost.seconds == pytest.approx(0.002 * 1000 * len(rest.todo))
    assert make("in", **given).summary(plan.Cost(6000, 12.0)) == (
        "6 to do, 54 B, 0.0 megapixels, about 12 s by an earlier run, 4 up to date"
    )
    assert make("in", weights="other").cost(lambda job: 1000).seconds is None
    assert make("in", **given).cost(lambda job: 0).seconds is None  # headers that do not say
    data = make("in", **given).as_dict(plan.Cost(6000, 12.0))
    assert (data["pixels"], data["seconds"]) == (6000, 12.0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (99, "99 s"), (1234, "21 min"), (8100, "2 h 15 min")]
)
def test_times_are_told_as_people_say_them(seconds: float, words: str) -> None:
    assert str(plan.Cost(2_500_000, seconds)) == f"2.5 megapixels, about {words} by an earlier run"


def test_a_file_of_the_same_name_from_another_folder_does_not_replace_the_first(
    draw: Draw, make: Make, run: Run
) -> None:
    draw("jan/a.jpg\nfeb/a.jpg")
    run("jan")
    Path("feb/a.jpg").write_text("Panother")
    (job,) = make("feb").jobs
    assert job.action == "refuse"
    assert "was made from" in job.reason


def test_an_input_folder_that_moved_is_still_known(draw: Draw, make: Make, run: Run) -> None:
    draw("in/a.jpg")
    run("in")
    Path("in").rename("moved")
    assert make("moved").counts["skip"] == 1


def test_a_foreign_file_is_left_alone(draw: Draw, make: Make) -> None:
    draw("in/a.jpg\nin/b.jpg\nout/a.jpg\nout/b.jpg/")
    a, b = make("in").jobs
    assert (a.action, a.reason) == (
        "refuse",
        "out/a.jpg exists and was not made by pixcli; --on-exist overwrite replaces it",
    )
    assert (b.action, b.reason) == ("refuse", "out/b.jpg is a folder")
    a, b = make("in", on_exist="overwrite").jobs
    assert (a.action, b.action) == ("do", "refuse")
    assert make("in", on_exist="error").counts["refuse"] == 2


def test_failures_are_tried_again_and_alone_when_asked(draw: Draw, make: Make) -> None:
    draw("in/a.jpg\nin/b.jpg")
    first = make("in")
    with first.ledger() as ledger:
        for job in first.jobs:
            assert ledger.claim(job)
        ledger.failed(first.jobs[0], "truncated \udcff", seconds=1)
        first.jobs[1].output.write_text("made")
        ledger.done(first.jobs[1])
    for given in ({}, {"retry_failed": True}):
        assert [(j.action, j.reason) for j in make("in", **given).jobs] == [
            ("do", "failed before: truncated \\udcff"),
            ("skip", "did not fail before" if given else "up to date"),
        ]


def test_what_was_written_under_another_name_is_known(draw: Draw, make: Make) -> None:
    draw("in/a.gif")
    first = make("in")
    with first.ledger() as ledger:
        assert ledger.claim(first.jobs[0])
        Path("out/a.png").write_text("made")
        ledger.done(first.jobs[0], [Path("out/a.png")], lost=("animation",))
    assert make("in").counts["skip"] == 1
    Path("out/a.png").unlink()
    assert make("in").jobs[0].reason == "the output is gone"


def test_reserving_another_name(draw: Draw, make: Make) -> None:
    draw("in/a.gif\nin/a.heic\nin/a.png\nin/b.gif\nout/b.png")
    p = make("in")
    by_name = {j.input.name: j for j in p.jobs}
    p.reserve(by_name["a.gif"], Path("out/a.gif"))
    for name, wanted, text in (
        ("a.gif", "out/a.png", "which belongs to in/a.png"),
        ("a.gif", "in/a.heic", "which belongs to in/a.heic"),
        ("b.gif", "out/b.png", "exists and was not made by pixcli"),
    ):
        with pytest.raises(InputError, match=text):
            p.reserve(by_name[name], Path(wanted))
    p.reserve(by_name["a.gif"], Path("out/a.webp"))
    p.reserve(by_name["a.gif"], Path("out/a.webp"))
    with pytest.raises(InputError, match=r"which belongs to in/a.gif"):
        p.reserve(by_name["a.heic"], Path("out/a.webp"))


def test_in_place_is_done_once(draw: Draw, make: Make, run: Run) -> None:
    draw("in/a.jpg\nin/x/b.jpg")
    given = {"out": None, "in_place": True}
    assert run("in", **given) == ["a.jpg", "x/b.jpg"]
    assert Path("in/a.jpg").read_text() == "P made of Pin/a.jpg"
    assert run("in", **given) == []
    os.utime("in/a.jpg", ns=(5, 5))
    assert [j.reason for j in make("in", **given).jobs] == ["the input changed", "up to date"]


def test_in_place_does_not_do_its_own_result_again(draw: Draw, make: Make) -> None:
    draw("in/a.jpg")
    given = {"out": None, "in_place": True}
    first = make("in", **given)
    ledger = first.ledger()
    assert ledger.claim(first.jobs[0])
    time.sleep(0.01)
    Path("in/a.jpg").write_text("Pdone")
    ledger.close()  # as if killed before it could note so
    (job,) = make("in", **given).jobs
    assert (job.action, job.reason) == ("skip", "done by a run that ended before it could note so")

    with first.ledger() as ledger:
        assert ledger.claim(make("in", **given).jobs[0])
        ledger.done(first.jobs[0])
    assert make("in", **given).jobs[0].reason == "up to date"
    assert make("in", **given, options={"sigma": 3}).jobs[0].action == "refuse"
    assert make("in", **given, options={"sigma": 3}, force=True).jobs[0].action == "do"


def test_planning_touches_nothing(draw: Draw, make: Make, run: Run) -> None:
    here = draw("in/a.jpg")
    make("in")
    assert sorted(os.listdir(here)) == ["in"]
    run("in")

    def look() -> list[tuple[Path, int]]:
        return sorted((p, p.stat().st_mtime_ns) for p in here.rglob("*"))

    before = look()
    make("in", force=True).describe()
    assert look() == before


def test_shards_share_out_everything_and_new_files_move_no_old_ones(draw: Draw, make: Make) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(40)))
    shards = [{j.relative for j in make("in", shard=(i, 3)).jobs} for i in range(3)]
    assert sum(map(len, shards)) == 40 == len(set.union(*shards))
    assert all(5 < len(s) < 25 for s in shards)
    assert make("in", shard=(0, 3)).elsewhere == 40 - len(shards[0])
    draw("in/new.jpg")
    assert all(
        shards[i] == {j.relative for j in make("in", shard=(i, 3)).jobs} - {"new.jpg"} for i in range(3)
    )


def test_a_shard_without_files_is_no_error(draw: Draw, make: Make) -> None:
    draw("in/a.jpg")
    assert [len(make("in", shard=(i, 2)).jobs) for i in range(2)] in ([0, 1], [1, 0])


def test_nothing_to_do(draw: Draw, make: Make) -> None:
    draw("in/n.txt")
    with pytest.raises(NothingToDo, match=r"1 other files passed over"):
        make("in")
    lost = make("gone.jpg")
    assert lost.jobs == ()
    assert lost.counts["problems"] == 1


def test_a_plan_can_be_read_and_printed(draw: Draw, make: Make) -> None:
    draw("in/a.jpg\nin/b.mp4\nin/n.txt\nout/a.jpg")
    p = make("in gone.jpg")
    assert p.describe() == [
        "do     in/a.jpg → out/in/a.jpg (new)",
        "do     in/b.mp4 → out/in/b.mp4 (new)",
        "error  gone.jpg: no such file or folder",
        "2 to do (1 of them films), 18 B, 0 up to date, 1 with problems, 1 other files passed over",
    ]
    data = json.loads(json.dumps(p.as_dict()))
    assert data["counts"] == {"do": 2, "skip": 0, "refuse": 0, "problems": 1}
    assert data["jobs"][1] == {
        "action": "do",
        "kind": "film",
        "input": "in/b.mp4",
        "output": "out/in/b.mp4",
        "bytes": 9,
        "reason": "new",
    }
    assert data["problems"] == [{"input": "gone.jpg", "text": "no such file or folder"}]


def test_streams_need_no_ledger_and_no_file(draw: Draw, make: Make) -> None:
    draw("a.jpg")
    p = make("a.jpg", "-")
    with p.ledger() as ledger:
        assert ledger.claim(p.jobs[0])
        ledger.done(p.jobs[0])
    (job,) = make("-", "b.png").jobs
    assert (job.input, job.output, job.action) == (plan.STREAM, Path("b.png"), "do")
    assert os.listdir() == ["a.jpg"]


def test_five_thousand_files_are_looked_at_once_each(draw: Draw, make: Make) -> None:
    draw("in/")
    for n in range(5000):
        Path(f"in/{n}.jpg").write_bytes(b"P")
    looks = []

    def count(path: Path) -> str | None:
        looks.append(path)
        return kind_of(path)

    began = time.process_time()
    assert make("in", kind_of=count).counts["do"] == 5000
    assert len(looks) == len(set(looks)) == 5000
    assert time.process_time() - began < 2  # 0.3 s on an idle machine


def replace_input() -> None:
    Path("in/a.jpg").write_text("Panother picture")


def take_input_away() -> None:
    Path("in/a.jpg").unlink()


@pytest.mark.parametrize(
    ("meanwhile", "weights", "stands"),
    [
        (nothing, "w", ("done", "")),
        (take_input_away, "w", ("done", "")),
        (nothing, "v", ("stale", "the model m was changed since")),
        (replace_input, "w", ("stale", "the input was changed since")),
        (edit_output, "w", ("stale", "a.jpg was changed since")),
        (drop_output, "w", ("stale", "a.jpg is gone")),
        (touch_both, "w", ("done", "")),
    ],
)
def test_how_an_output_stands(
    draw: Draw, run: Run, meanwhile: Callable[[], None], weights: str, stands: tuple[str, str]
) -> None:
    draw("in/a.jpg")
    run("in", weights="w", model="m", checksum=True)
    meanwhile()
    (row,) = plan.rows(Path("out")).values()
    assert plan.standing(row, Path("out"), {"m": weights}, checksum=True) == stands
