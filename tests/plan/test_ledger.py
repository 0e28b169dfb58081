from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pixcli import plan
from pixcli.errors import OutputError, UsageError
from pixcli.plan import alive
from pixcli.plan.ledger import Ledger

from .conftest import Draw

Make = Callable[..., plan.Plan]
Run = Callable[..., list[str]]
LEDGER = Path("out/.pixcli/ledger.sqlite")

# A run in a process of its own: writes each name that it does, one a line; "hang": it stops amid a job.
RUNNER = """
import sys, time
from pathlib import Path
from pixcli import plan
how = sys.argv[1]
p = plan.make(["in"], "out", task="t", kind_of=lambda path: "picture", on_exist=sys.argv[2])
print("planned", flush=True)
sys.stdin.readline()
with p.ledger() as ledger:
    for n, job in enumerate(p.todo):
        if not ledger.claim(job):
            continue
        print(job.relative, flush=True)
        job.output.parent.mkdir(parents=True, exist_ok=True)
        temp = job.output.with_suffix(".tmp")
        temp.write_text("P" + job.relative)
        temp.replace(job.output)
        if how == "hang" and n == 3:
            time.sleep(600)
        time.sleep(0.001)
        ledger.done(job)
"""


def start(how: str = "run", on_exist: str = "skip") -> subprocess.Popen[str]:
    env = os.environ | {"PYTHONPATH": str(Path(plan.__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, how, on_exist],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    )
    assert process.stdout
    assert process.stdout.readline() == "planned\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.parametrize("on_exist", ["skip", "overwrite"])
def test_runs_at_the_same_time_share_the_work_and_do_nothing_twice(
    draw: Draw, make: Make, run: Run, on_exist: str
) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(60)))
    if on_exist == "overwrite":
        run("in")
    processes = [start(on_exist=on_exist) for _ in range(3)]
    for p in processes:
        go(p)
    did = Counter(name for p in processes for name in p.communicate(timeout=300)[0].split())
    assert [p.returncode for p in processes] == [0, 0, 0]
    assert did == Counter(f"{n}.jpg" for n in range(60))
    assert make("in").counts["skip"] == 60


def test_a_killed_run_is_taken_over(draw: Draw, make: Make, run: Run) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(8)))
    process = start("hang")
    assert process.stdout
    go(process)
    done = [process.stdout.readline().strip() for _ in range(4)]
    hung = make("in")
    assert [j.reason for j in hung.jobs] == ["up to date"] * 3 + ["another run is at it"] + ["new"] * 4
    with hung.ledger() as ledger:
        assert not ledger.claim(hung.jobs[3])  # it lives

    process.send_signal(signal.SIGKILL)
    time.sleep(0.05)
    assert not rows()[3].alive  # before anybody waited for it: a zombie claims nothing
    process.wait()
    # the output lies there complete, yet nobody noted so: done once more, never refused as foreign
    assert [j.reason for j in make("in").jobs] == ["up to date"] * 3 + ["was left unfinished"] + ["new"] * 4
    assert run("in") == [f"{n}.jpg" for n in range(8) if f"{n}.jpg" not in done[:3]]
    assert run("in") == []


def rows() -> list[plan.Row]:
    return sorted(plan.rows(Path("out")).values(), key=lambda r: r.output)


def test_a_run_that_ends_lets_go_of_its_claims(draw: Draw, make: Make, run: Run) -> None:
    draw("in/a.jpg\nin/b.jpg")
    first = make("in")
    ledger = first.ledger()
    assert ledger.claim(first.jobs[0])
    assert [r.alive for r in rows()] == [True]
    ledger.close()
    ledger.close()
    assert [(r.status, r.alive) for r in rows()] == [("open", False)]
    assert run("in") == ["a.jpg", "b.jpg"]


def test_a_claim_of_another_machine_lasts_as_long_as_it_is_renewed(
    draw: Draw, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw("in/a.jpg")
    p = make("in")
    with monkeypatch.context() as there:
        there.setattr(alive, "me", lambda: ("elsewhere", 1, "1"))
        far = p.ledger()
        assert far.claim(p.jobs[0])
    with p.ledger() as ledger:
        assert not ledger.claim(p.jobs[0])
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 3600)
        assert ledger.claim(p.jobs[0])
        far.close()
        row = ledger.state(p.jobs[0])
        assert row
        assert row.status == "claimed"  # closing lets go of nothing that somebody else took over


def test_a_claim_is_renewed_while_the_work_lasts(
    draw: Draw, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixcli.plan.ledger.BEAT_S", 0.01)
    draw("in/a.jpg")
    p = make("in")
    with p.ledger() as ledger:
        assert ledger.claim(p.jobs[0])
        first = ledger.state(p.jobs[0])
        deadline = time.monotonic() + 60
        while (now := ledger.state(p.jobs[0])) and first and now.beat == first.beat:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_process_number_that_was_given_anew_claims_nothing() -> None:
    host, pid, born = alive.me()
    assert alive.runs(host, pid, born)
    assert not alive.runs(host, pid, born + "0")
    assert alive.runs("elsewhere", pid, born) is None


def test_a_plan_that_grew_old_does_nothing_twice(draw: Draw, make: Make, run: Run) -> None:
    draw("in/a.jpg\nin/b.jpg")
    old = make("in")
    other = make("in", options={"scale": 2})
    assert run("in/a.jpg") == ["a.jpg"]
    with old.ledger() as ledger:
        assert not ledger.claim(old.jobs[0])
        assert ledger.claim(old.jobs[1])
    with other.ledger() as ledger:
        assert ledger.claim(other.jobs[0])  # other options: another result


def test_threads_share_a_ledger(draw: Draw, make: Make) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(40)))
    p = make("in")
    claims: list[int] = []
    with p.ledger() as ledger:

        def take() -> None:
            for i, job in enumerate(p.jobs):
                if ledger.claim(job):
                    claims.append(i)
                    job.output.write_text("P")
                    ledger.done(job)

        threads = [threading.Thread(target=take) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert sorted(claims) == list(range(40))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if OUT lay on a network file system."""
    monkeypatch.setattr(alive, "is_remote", lambda folder: True)


def ledgers() -> list[str]:
    return sorted(p.name for p in LEDGER.parent.iterdir())


def test_shards_on_this_machine_share_one_ledger(draw: Draw, run: Run) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(8)))
    for i in range(3):
        run("in", shard=(i, 3))
    assert ledgers() == ["ledger.sqlite"]


@pytest.mark.usefixtures("network")
def test_shards_on_a_network_file_system_have_a_ledger_each_and_are_read_together(
    draw: Draw, make: Make, run: Run
) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(12)))
    did = [run("in", shard=(i, 3)) for i in range(3)]
    assert ledgers() == [f"ledger-{n}of3.sqlite" for n in (1, 2, 3)]
    assert len(rows()) == 12 == len(set().union(*map(set, did)))
    # whoever comes later knows all that was done, by whatever shard
    assert all(make("in", **given).counts["do"] == 0 for given in ({}, {"shard": (1, 2)}, {"shard": (2, 3)}))

    os.utime("in/5.jpg", ns=(5, 5))
    assert run("in") == ["5.jpg"]
    assert [run("in", shard=(i, 3)) for i in range(3)] == [[], [], []]
    os.utime("in/5.jpg", ns=(6, 6))
    assert [name for i in range(3) for name in run("in", shard=(i, 3))] == ["5.jpg"]
    assert run("in") == []
    assert [(r.status, r.key) for r in rows()] == [("done", rows()[0].key)] * 12


@pytest.mark.usefixtures("network")
def test_a_shard_does_not_read_what_its_sisters_may_be_writing(draw: Draw, make: Make, run: Run) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(8)))
    run("in", shard=(0, 2))
    (LEDGER.parent / "ledger-1of2.sqlite").write_text("half of a page")
    assert make("in", shard=(1, 2)).counts["do"] > 0
    with pytest.raises(OutputError, match=r"ledger-1of2.sqlite: .*damaged"):
        make("in")


@pytest.mark.usefixtures("network")
def test_a_failure_in_one_ledger_does_not_make_an_output_in_another_foreign(
    draw: Draw, make: Make, run: Run
) -> None:
    draw("in/a.jpg")
    run("in")
    os.utime("in/a.jpg", ns=(5, 5))
    (again,) = (p for i in range(2) if (p := make("in", shard=(i, 2))).jobs)
    with again.ledger() as ledger:
        assert ledger.claim(again.jobs[0])
        ledger.failed(again.jobs[0], "no")
    assert [j.reason for j in make("in").jobs] == ["failed before: no"]


def test_a_ledger_that_goes_away_in_mid_run_is_one_line(draw: Draw, make: Make) -> None:
    draw("in/a.jpg\nin/b.jpg")
    p = make("in")
    with p.ledger() as ledger:
        assert ledger.claim(p.jobs[0])
        shutil.rmtree("out")
        with pytest.raises(OutputError, match="the ledger was removed while we worked"):
            ledger.claim(p.jobs[1])
        p.ledger().close()  # and comes again with another run
        with pytest.raises(OutputError, match="the ledger was removed while we worked"):
            ledger.failed(p.jobs[0], "no")


def test_a_ledger_of_the_first_version_is_read_and_brought_up_to_date(
    draw: Draw, make: Make, run: Run
) -> None:
    draw("in/a.jpg\nin/b.jpg")
    run("in/a.jpg")
    with sqlite3.connect(LEDGER) as db:
        db.executescript(
            "PRAGMA user_version = 1; DROP TABLE setting; ALTER TABLE job DROP COLUMN digest;"
            "ALTER TABLE job DROP COLUMN pixels; ALTER TABLE job DROP COLUMN ended"
        )
    db.close()
    before = LEDGER.read_bytes()
    assert [j.reason for j in make("in").jobs] == ["up to date", "new"]
    assert make("in", weights="v").jobs[0].reason == "options or weights changed"
    assert LEDGER.read_bytes() == before
    assert run("in") == ["b.jpg"]
    assert run("in", checksum=True) == []
    assert [r.pixels for r in rows()] == [0, 0]


def test_what_the_ledger_knows(draw: Draw, make: Make) -> None:
    draw("in/x/a.jpg\nin/b.jpg")
    p = make("in", weights="w")
    with p.ledger() as ledger:
        assert ledger.state(p.jobs[0]) is None
        for job in p.jobs:
            assert ledger.claim(job)
        ledger.failed(p.jobs[0], "truncated", seconds=0.25)
        p.jobs[1].output.parent.mkdir()
        p.jobs[1].output.write_text("Pmade")
        ledger.done(p.jobs[1], seconds=1.5, lost=("icc", "16-bit"))
    b, a = rows()
    assert (b.output, b.task, b.status, b.error, b.seconds, b.outputs) == (
        "b.jpg",
        "t",
        "failed",
        "truncated",
        0.25,
        (),
    )
    assert (a.output, a.key, a.status, a.lost) == ("x/a.jpg", p.setting.key, "done", ("icc", "16-bit"))
    assert (a.input, a.size) == (str(Path("in/x/a.jpg").absolute()), len("Pin/x/a.jpg"))
    assert [(m.path, m.size) for m in a.outputs] == [("x/a.jpg", 5)]


def test_the_key_follows_all_that_matters() -> None:
    def key(task: str = "t", a: int = 1, weights: str = "w", **more: str) -> str:
        return plan.Setting(task, {"a": a, "b": None}, weights, **more).key

    assert key() == plan.Setting("t", {"b": None, "a": 1}, "w").key == key(model="by another name")
    assert len({key(), key("u"), key(a=2), key(weights="v")}) == 4


def truncate_half() -> None:
    LEDGER.write_bytes(LEDGER.read_bytes()[: LEDGER.stat().st_size // 2])


def truncate_page() -> None:
    LEDGER.write_bytes(LEDGER.read_bytes()[:4096])


def empty() -> None:
    LEDGER.write_bytes(b"")


def text() -> None:
    LEDGER.write_text("this is no database at all\n" * 200)


def foreign() -> None:
    LEDGER.unlink()
    with sqlite3.connect(LEDGER) as db:
        db.execute("CREATE TABLE job (id)")
    db.close()


def newer() -> None:
    with sqlite3.connect(LEDGER) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def garbled() -> None:
    data = bytearray(LEDGER.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    LEDGER.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (truncate_half, OutputError, "ledger.sqlite: .*damaged"),
        (truncate_page, OutputError, "ledger.sqlite: .*damaged"),
        (empty, OutputError, "ledger.sqlite: is no ledger of pixcli, or is damaged"),
        (text, OutputError, "ledger.sqlite: .*foreign"),
        (foreign, OutputError, "ledger.sqlite: is no ledger of pixcli"),
        (newer, UsageError, "newer pixcli .ledger version 99"),
        (garbled, OutputError, "ledger.sqlite: .*damaged"),
    ],
)
def test_a_ledger_that_is_no_good_is_one_line_and_stays_as_it_is(
    draw: Draw, make: Make, run: Run, damage: Callable[[], None], error: type[Exception], message: str
) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(30)))
    before = make("in")
    run("in")
    damage()
    data = LEDGER.read_bytes()
    with pytest.raises(error, match=message) as e:
        make("in")
    assert "\n" not in str(e.value)
    with pytest.raises(error, match=message):
        before.ledger()
    assert LEDGER.read_bytes() == data


def test_a_folder_that_cannot_be_written_is_one_line(draw: Draw, make: Make) -> None:
    draw("in/a.jpg\nfile")
    with pytest.raises(OutputError, match="Not a directory"):
        Ledger(Path("file/out"), plan.Setting("t"))
    if Path("/proc/self").is_dir():
        with pytest.raises(OutputError, match=r"/proc/.*cannot be written"):
            make("in", "/proc/pixcli").ledger()


def test_a_read_only_folder_is_one_line(draw: Draw, make: Make, run: Run) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    draw("in/a.jpg\nin/b.jpg\nout/")
    Path("out").chmod(0o555)
    with pytest.raises(OutputError, match="Permission denied"):
        make("in").ledger()
    Path("out").chmod(0o755)
    run("in/a.jpg")
    LEDGER.chmod(0o444)
    with pytest.raises(OutputError, match="readonly"):
        make("in").ledger()


def test_a_full_disk_is_an_output_error(draw: Draw, make: Make) -> None:
    draw("\n".join(f"in/{n}.jpg" for n in range(200)))
    p = make("in")
    with p.ledger() as ledger:
        ledger._db.execute("PRAGMA max_page_count = 4")
        with pytest.raises(OutputError, match="full"):
            any(not ledger.claim(job) for job in p.jobs)


def test_outputs_in_folders_of_odd_names(draw: Draw, make: Make, run: Run) -> None:
    odd = os.fsdecode(b"o%20#?\xff\n")
    draw("in/a.jpg")
    assert run("in", odd) == ["a.jpg"]
    assert run("in", odd) == []
    assert make("in", odd).counts["skip"] == 1
