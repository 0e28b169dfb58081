"""The belt: order, bounds, batches, faults and stops, with loads that are numbers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pixcli.engine.belt import Belt, Load, Outcome
from pixcli.engine.interrupts import Stop
from pixcli.engine.room import Room
from pixcli.tasks import Sample

ROOM = Room(memory=1000, most=64, decoders=3, encoders=2, batch=4)


def sample_of(number: int, side: int = 2) -> Sample:
    return Sample(torch.full((1, side, side), float(number)), number, torch.float32)


def doubled(samples: Sequence[Sample]) -> list[Tensor]:
    return [s.tensor * 2 for s in samples]


def value(tag: int, answer: Tensor, sample: Sample) -> float:
    return float(answer.mean())


def loads(count: int, cost: int = 1, prepare: Callable[[int], Sample] = sample_of) -> Iterator[Load[int]]:
    for n in range(count):
        yield Load(n, cost, lambda n=n: prepare(n))  # type: ignore[misc]


def belt_of(source: Iterator[Load[int]], **changed: Any) -> Belt[int, float]:
    given: dict[str, Any] = {
        "infer": doubled,
        "finish": value,
        "stop": Stop(),
        "room": ROOM,
    } | changed
    return Belt(source, given.pop("infer"), given.pop("finish"), **given)


def outcomes(belt: Belt[int, float]) -> list[Outcome[int, float]]:
    return [o for o in belt.outcomes() if o is not None]


def slowly(n: int) -> Sample:
    time.sleep(0.01 if n % 3 == 0 else 0.0)
    return sample_of(n)


def test_every_load_has_one_outcome() -> None:
    found = outcomes(belt_of(loads(100)))
    assert sorted((o.tag, o.value) for o in found) == [(n, 2.0 * n) for n in range(100)]


def test_ordered_loads_pass_the_network_and_come_out_in_order() -> None:
    seen: list[int] = []

    def infer(samples: Sequence[Sample]) -> list[Tensor]:
        seen.extend(s.context for s in samples)
        return doubled(samples)

    found = outcomes(belt_of(loads(40, prepare=slowly), infer=infer, ordered=True))
    assert seen == [o.tag for o in found] == list(range(40))


def test_samples_of_one_shape_share_a_batch_and_others_do_not() -> None:
    sizes: list[set[int]] = []
    counts: list[int] = []
    gate = threading.Event()

    def infer(samples: Sequence[Sample]) -> list[Tensor]:
        gate.wait(1)
        sizes.append({s.tensor.shape[-1] for s in samples})
        counts.append(len(samples))
        return doubled(samples)

    belt = belt_of(
        loads(32, prepare=lambda n: sample_of(n, 2 if n < 16 else 3)),
        infer=infer,
        room=replace(ROOM, decoders=1),
    )
    threading.Timer(0.2, gate.set).start()
    assert len(outcomes(belt)) == 32
    assert all(len(s) == 1 for s in sizes)
    assert max(counts) == 4


def test_what_is_in_flight_stays_within_the_budget() -> None:
    alive = most = 0
    lock = threading.Lock()

    def enter(n: int) -> Sample:
        nonlocal alive, most
        with lock:
            alive += 10
            most = max(most, alive)
        return sample_of(n)

    belt = belt_of(loads(60, cost=10, prepare=enter), room=replace(ROOM, memory=50))
    for outcome in belt.outcomes():
        if outcome is not None:
            time.sleep(0.002)
            with lock:
                alive -= 10
    assert most <= 50


def test_a_load_above_the_whole_budget_goes_alone() -> None:
    assert len(outcomes(belt_of(loads(5, cost=5000)))) == 5


@pytest.mark.parametrize("ordered", [False, True])
def test_a_fault_is_the_outcome_of_its_own_load_alone(ordered: bool) -> None:
    def prepare(n: int) -> Sample:
        if n == 3:
            raise ValueError("bad file")
        return sample_of(n)

    def infer(samples: Sequence[Sample]) -> list[Tensor]:
        if any(s.context == 5 for s in samples):
            raise RuntimeError("bad answer")
        return doubled(samples)

    def finish(tag: int, answer: Tensor, sample: Sample) -> float:
        if tag == 7:
            raise OSError("bad write")
        return value(tag, answer, sample)

    found = outcomes(belt_of(loads(20, prepare=prepare), infer=infer, finish=finish, ordered=ordered))
    assert {o.tag: str(o.error) for o in found if o.error} == {3: "bad file", 5: "bad answer", 7: "bad write"}
    assert sum(o.value is not None for o in found) == 17


def test_a_stop_finishes_what_is_in_the_network_and_takes_nothing_new() -> None:
    stop = Stop()

    def infer(samples: Sequence[Sample]) -> list[Tensor]:
        if samples[-1].context >= 8:
            stop.ask()
        return doubled(samples)

    found = outcomes(belt_of(loads(1000), infer=infer, stop=stop, room=replace(ROOM, batch=1, most=16)))
    finished = [o for o in found if o.value is not None]
    assert 1 <= len(finished) <= 40
    assert len(found) < 60
    assert all(o.error is None for o in found)


def test_a_broken_source_is_raised_after_what_came_before_it() -> None:
    def source() -> Iterator[Load[int]]:
        yield from loads(5)
        raise ValueError("cut short")

    found = belt_of(source(), ordered=True).outcomes()
    tags = [next(o for o in found if o is not None).tag for _ in range(5)]
    assert tags == list(range(5))
    with pytest.raises(ValueError, match="cut short"):
        next(found)


def test_a_caller_who_leaves_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    stop = Stop()
    belt = belt_of(loads(1000), stop=stop)
    for outcome in belt.outcomes():
        if outcome is not None:
            break
    del belt, outcome
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_belt_that_ends_well_does_not_stop_the_run() -> None:
    for _ in range(20):
        stop = Stop()
        outcomes(belt_of(loads(3), stop=stop))
        assert not stop.asked


def test_stop_of_a_run_reaches_the_stop_of_a_film_but_not_back() -> None:
    run = Stop()
    film = Stop(run)
    film.ask()
    assert not run.asked
    other = Stop(run)
    run.ask()
    assert other.asked
