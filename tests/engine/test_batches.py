"""Runs over small folders: what is made, told, counted and noted, and the exit code."""

from __future__ import annotations

import errno
import io
import itertools
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from folders import draw
from PIL import Image
from standin import Invert, do, plan_for

from pixcli import atomic
from pixcli.engine import Event, Item, Settings, run
from pixcli.errors import DeviceError, InputError
from pixcli.media import read
from pixcli.tasks import Sample


def items(events: Sequence[Event]) -> dict[str, Item]:
    return {Path(e.item.input).name: e.item for e in events if e.item is not None}


def temps(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.name.startswith(".pixcli-")]


def is_inverted(source: Path, made: Path) -> bool:
    return bool((255 - read(source).pixels == read(made).pixels).all())


def test_every_picture_is_made_under_its_own_place(photos: Path, tmp_path: Path) -> None:
    summary, events = do([photos], tmp_path / "out")
    assert (summary.done, summary.total, summary.exit_code) == (20, 20, 0)
    sources = sorted(photos.rglob("*.png"))
    assert all(is_inverted(s, tmp_path / "out" / s.relative_to(photos)) for s in sources)
    assert [e.kind for e in events if e.kind != "progress"] == ["start", *["item"] * 20, "summary"]
    assert summary.pixels == sum(Image.open(s).width * Image.open(s).height for s in sources)
    assert summary.peak_memory > 0
    assert temps(tmp_path) == []


def test_one_broken_file_among_twenty_is_one_failure(photos: Path, tmp_path: Path) -> None:
    broken = photos / "04.png"
    broken.write_bytes(broken.read_bytes()[:200])
    summary, events = do([photos], tmp_path / "out")
    assert (summary.done, summary.failed, summary.left, summary.exit_code) == (19, 1, 0, 1)
    item = items(events)["04.png"]
    assert (item.status, item.error, item.outputs) == ("failed", "input", ())
    assert "truncated" in item.text
    assert not (tmp_path / "out" / "04.png").exists()


def test_a_rerun_skips_what_is_done_and_tries_the_failures(photos: Path, tmp_path: Path) -> None:
    broken = photos / "04.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:200])
    do([photos], tmp_path / "out")
    broken.write_bytes(whole)
    task = Invert()
    summary, _ = do([photos], tmp_path / "out", task)
    assert (summary.done, summary.skipped, summary.exit_code) == (1, 19, 0)
    assert sum(task.batches) == 1
    summary, _ = do(
        [photos], tmp_path / "out", SimpleNamespace(name="invert", gathers="")
    )  # no network, for there is no work
    assert (summary.skipped, summary.exit_code) == (20, 0)


def test_small_pictures_of_one_size_share_the_network(tmp_path: Path) -> None:
    for n in range(24):
        draw(tmp_path / "in" / f"{n:02}.png", seed=n)
    gate = threading.Event()
    threading.Timer(0.3, gate.set).start()
    task = Invert(lambda samples: gate.wait(2) and None)
    do([tmp_path / "in"], tmp_path / "out", task)
    assert max(task.batches) > 4
    assert all(is_inverted(p, tmp_path / "out" / p.name) for p in (tmp_path / "in").iterdir())


def test_a_batch_with_a_bad_answer_fails_for_that_picture_alone(tmp_path: Path) -> None:
    for n in range(12):
        draw(tmp_path / "in" / f"{n:02}.png", seed=n)
    poison = read(tmp_path / "in" / "05.png").pixels

    def check(samples: Sequence[Sample]) -> None:
        if any((s.context.pixels == poison).all() for s in samples):
            raise InputError("the network's answer is not finite")

    summary, events = do([tmp_path / "in"], tmp_path / "out", Invert(check))
    assert (summary.done, summary.failed) == (11, 1)
    assert items(events)["05.png"].status == "failed"


def test_a_file_that_vanished_after_the_plan_is_a_failure(photos: Path, tmp_path: Path) -> None:
    plan = plan_for([photos], tmp_path / "out")
    (photos / "06.png").unlink()
    events: list[Event] = []
    with plan.ledger() as ledger:
        summary = run(Invert(), plan, Settings(), [events.append], ledger)
    assert (summary.done, summary.failed, summary.exit_code) == (19, 1, 1)
    assert items(events)["06.png"].text == "No such file or directory"


def test_a_missing_input_and_a_foreign_output_are_failures_and_the_rest_is_done(
    photos: Path, tmp_path: Path
) -> None:
    inputs = [photos, tmp_path / "nowhere.png"]
    foreign = next(j.output for j in plan_for(inputs, tmp_path / "out").jobs if j.input.name == "02.png")
    draw(foreign)
    summary, events = do(inputs, tmp_path / "out")
    assert (summary.done, summary.failed, summary.total, summary.exit_code) == (19, 2, 21, 1)
    assert items(events)["02.png"].error == "refused"


@pytest.mark.parametrize(("settings", "failed", "ended"), [
    ({"fail_fast": True}, 1, "first failure"), ({"max_failures": 3}, 3, "3 failures"), ({}, 20, ""),
])  # fmt: skip
def test_a_run_stops_at_the_number_of_failures_that_was_given(
    photos: Path, tmp_path: Path, settings: dict[str, Any], failed: int, ended: str
) -> None:
    def fail(samples: Sequence[Sample]) -> None:
        time.sleep(0.02)
        raise InputError("no")

    task = Invert(fail)
    summary, _ = do([photos], tmp_path / "out", task, workers=1, batch=1, **settings)
    assert summary.exit_code == 1
    assert summary.ended == ended
    assert failed <= summary.failed <= 20
    assert summary.total == summary.done + summary.skipped + summary.failed + summary.left == 20
    assert (summary.left > 0) == bool(settings)


def test_a_fault_of_the_program_is_one_line_and_a_trace_with_debug(photos: Path, tmp_path: Path) -> None:
    def fail(samples: Sequence[Sample]) -> None:
        raise KeyError("oops\nsecond line")

    for debug in (False, True):
        summary, events = do([photos / "00.png"], tmp_path / "out", Invert(fail), debug=debug)
        item = items(events)["00.png"]
        assert (summary.exit_code, item.error) == (1, "internal")
        assert item.text.startswith("KeyError: ")
        assert "\n" not in item.text
        assert ("in fail" in item.trace) == debug


def test_not_enough_memory_for_one_picture_is_its_own_failure(photos: Path, tmp_path: Path) -> None:
    calls = []

    def fail(samples: Sequence[Sample]) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError

    summary, _ = do([photos], tmp_path / "out", Invert(fail), batch=1)
    assert (summary.done, summary.failed, summary.exit_code) == (19, 1, 1)


def test_a_device_that_fails_ends_the_run(photos: Path, tmp_path: Path) -> None:
    def fail(samples: Sequence[Sample]) -> None:
        time.sleep(0.02)
        raise DeviceError("out of memory for the smallest tile")

    summary, _ = do([photos], tmp_path / "out", Invert(fail), workers=1, batch=1)
    assert summary.exit_code == 5
    assert summary.left > 0
    assert summary.ended == "out of memory for the smallest tile"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_an_output_that_cannot_be_written_ends_the_run_and_a_rerun_finishes(
    photos: Path, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 8:
            raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "os", SimpleNamespace(**{**vars(os), "fsync": fail}))
        summary, _ = do([photos], tmp_path / "out", workers=1, batch=1)
    assert summary.exit_code == 6
    assert os.strerror(number) in summary.ended
    assert 0 < summary.done < 20
    assert temps(tmp_path) == []
    again, _ = do([photos], tmp_path / "out")
    assert (again.done, again.skipped, again.exit_code) == (20 - summary.done, summary.done, 0)


@pytest.mark.parametrize("nth", [1, 2, 5, 13, 20])
def test_a_failed_write_at_any_moment_leaves_old_outputs_whole(
    photos: Path, tmp_path: Path, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    do([photos], tmp_path / "out")
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.png")}
    calls = itertools.count(1)  # from several threads

    def fail(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and next(calls) == nth:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "os", SimpleNamespace(**{**vars(os), "fsync": fail}))
    summary, _ = do([photos], tmp_path / "out", plan={"force": True})
    assert summary.exit_code == 6
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.png")} == before
    assert temps(tmp_path) == []


def test_strict_keeps_nothing_that_lost_something(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (9, 9), np.uint16)
    (tmp_path / "in").mkdir()
    Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGBA").save(tmp_path / "in" / "a.png")
    for strict in (True, False):
        summary, events = do(
            [tmp_path / "in"], tmp_path / "out", plan={"format": "jpg"}, format="jpg", strict=strict
        )
        item = items(events)["a.png"]
        assert (tmp_path / "out" / "a.jpg").exists() != strict
        assert summary.exit_code == int(strict)
        assert "alpha" in (item.text if strict else item.lost)
        assert temps(tmp_path) == []


def test_a_gif_of_a_photograph_becomes_a_png_and_says_so(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.gif")
    summary, events = do([tmp_path / "in"], tmp_path / "out")
    item = items(events)["a.gif"]
    assert item.outputs == (str(tmp_path / "out" / "a.png"),)
    assert item.lost == ("format GIF",)
    assert do([tmp_path / "in"], tmp_path / "out")[0].skipped == summary.done == 1


def test_leftovers_of_a_killed_run_are_swept(photos: Path, tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / "out" / f".pixcli-{dead.pid}-{atomic._mark()}01234567.tmp"
    left.parent.mkdir()
    left.write_bytes(b"half")
    do([photos], tmp_path / "out")
    assert not left.exists()


def test_two_runs_at_once_share_the_work(photos: Path, tmp_path: Path) -> None:
    plans = [plan_for([photos], tmp_path / "out") for _ in range(2)]
    summaries: list[Any] = []

    def work(plan: Any) -> None:
        with plan.ledger() as ledger:
            summaries.append(run(Invert(), plan, Settings(batch=1), [], ledger))

    threads = [threading.Thread(target=work, args=(p,)) for p in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(s.done for s in summaries) == 20
    assert sum(s.skipped for s in summaries) == 20
    assert len(list((tmp_path / "out").rglob("*.png"))) == 20


def test_one_picture_from_stdin_to_stdout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = draw(tmp_path / "a.png")
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(source.read_bytes())))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out))
    summary, _ = do([Path("-")], "-")
    monkeypatch.undo()
    assert summary.exit_code == 0
    assert (read(out.getvalue()).pixels == 255 - read(source).pixels).all()


def test_a_listener_whose_reader_has_gone_does_not_stop_the_work(photos: Path, tmp_path: Path) -> None:
    def gone(event: Event) -> None:
        raise BrokenPipeError

    plan = plan_for([photos], tmp_path / "out")
    heard: list[Event] = []
    with plan.ledger() as ledger:
        summary = run(Invert(), plan, Settings(), [gone, heard.append], ledger)
    assert summary.done == 20
    assert heard[-1].kind == "summary"


def test_what_is_in_flight_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    first = draw(tmp_path / "in" / "0000.png", 200, 200)
    for n in range(1, 60):
        shutil.copy(first, first.with_name(f"{n:04}.png"))
    alive = most = 0
    lock = threading.Lock()

    class Counting(Invert):
        def prepare(self, picture: Any) -> Sample:
            nonlocal alive, most
            with lock:
                alive += 1
                most = max(most, alive)
            return super().prepare(picture)

        def finish(self, answer: Any, sample: Sample) -> Any:
            nonlocal alive
            with lock:
                alive -= 1
            return super().finish(answer, sample)

    two = 2 * 8 * 2 * 200 * 200
    assert do([tmp_path / "in"], tmp_path / "out", Counting(), memory=two)[0].done == 60
    assert most <= 2
