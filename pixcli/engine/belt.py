"""The belt: decoding threads ahead ‖ the network's thread ‖ encoding threads behind.

What is in flight is bounded in bytes, so a folder of thumbnails runs hundreds ahead and a panorama goes
alone. Every load goes through every stage, failed ones too, so that order and count are kept; outcomes are
told on the caller's thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from pixcli.engine.interrupts import Stop
from pixcli.engine.room import Room

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.tasks import Sample

T = TypeVar("T")
R = TypeVar("R")
TICK_S = 0.1  # how soon a waiting thread sees a request to stop


@dataclass(frozen=True)
class Load(Generic[T]):
    """One thing to carry. cost: its bytes in flight. prepare: reads and prepares it, on a decoding thread."""

    tag: T
    cost: int
    prepare: Callable[[], Sample]


@dataclass
class Outcome(Generic[T, R]):
    """What became of a load: value, or error, or neither when the run was stopped before the network."""

    tag: T
    value: R | None = None
    error: Exception | None = None
    seconds: float = 0.0


@dataclass
class _Parcel(Generic[T, R]):
    number: int
    load: Load[T]
    out: Outcome[T, R]
    sample: Sample | None = None
    answer: Tensor | None = None


class Budget:
    """Bytes and number of loads in flight. One load is always let in."""

    def __init__(self, limit: int, most: int) -> None:
        self.limit, self.most = limit, most
        self.used = self.number = 0
        self.changed = threading.Condition()

    def take(self, cost: int, stop: Stop) -> None:
        """Wait until there is room, or until the run is stopped: then what is let in will not be read."""
        with self.changed:
            while self.number and not stop.asked and not self._fits(cost):
                self.changed.wait(TICK_S)
            self.used += cost
            self.number += 1

    def _fits(self, cost: int) -> bool:
        return self.number < self.most and self.used + cost <= self.limit

    def give(self, cost: int) -> None:
        with self.changed:
            self.used -= cost
            self.number -= 1
            self.changed.notify_all()


class Belt(Generic[T, R]):
    """Carry loads from `source` through prepare → infer → finish.

    source: advanced by one decoding thread at a time. note: called by an encoding thread with each outcome
    before it takes the next; what it raises becomes the outcome's error. ordered: the network sees the loads
    in the order of the source, and outcomes come in it (the frames of a film); else in any.
    """

    def __init__(
        self,
        source: Iterator[Load[T]],
        infer: Callable[[Sequence[Sample]], list[Tensor]],
        finish: Callable[[T, Tensor, Sample], R],
        *,
        note: Callable[[Outcome[T, R]], None] | None = None,
        stop: Stop,
        room: Room,
        ordered: bool = False,
    ) -> None:
        self.source, self.infer, self.finish, self.note = source, infer, finish, note
        self.stop, self.room, self.ordered = stop, room, ordered
        self.budget = Budget(room.memory, room.most)
        self.broken: BaseException | None = None
        self.pulled = 0
        self.pulling = threading.Lock()
        self.early: dict[int, _Parcel[T, R]] = {}
        self.turn, self.decoding = 0, room.decoders
        # None is the end of a queue. No queue needs a bound of its own: the budget bounds them together.
        self.ready: queue.SimpleQueue[_Parcel[T, R] | None] = queue.SimpleQueue()
        self.answered: queue.SimpleQueue[_Parcel[T, R] | None] = queue.SimpleQueue()
        self.finished: queue.SimpleQueue[_Parcel[T, R] | None] = queue.SimpleQueue()

    def outcomes(self) -> Generator[Outcome[T, R] | None]:
        """The outcomes, and None now and then while there are none.

        Raises what broke the source, after everything before it is through. When the caller leaves early the
        belt is stopped, and what is in the network is waited for.
        """
        import torch

        # torch counts threads per thread: those beside the network share the processor among themselves
        # instead of each taking all of it, which is a quarter less work in all
        whole = torch.get_num_threads()
        part = max(1, whole // max(self.room.decoders, self.room.encoders))
        stages = [(self._decode, part)] * self.room.decoders
        stages += [(self._network, whole)] + [(self._encode, part)] * self.room.encoders
        threads = [threading.Thread(target=self._stage, args=stage, daemon=True) for stage in stages]
        for thread in threads:
            thread.start()
        held: dict[int, _Parcel[T, R]] = {}
        expected, encoding = 0, self.room.encoders
        try:
            while encoding:
                try:
                    parcel = self.finished.get(timeout=1.0)
                except queue.Empty:
                    yield None
                    continue
                if parcel is None:
                    encoding -= 1
                    continue
                held[parcel.number] = parcel
                while held and (not self.ordered or expected in held):
                    parcel = held.pop(expected) if self.ordered else held.popitem()[1]
                    expected += 1
                    yield parcel.out
                    self.budget.give(parcel.load.cost)
            if self.broken is not None:
                raise self.broken
        except GeneratorExit:
            self.stop.ask()
            raise
        finally:
            for thread in threads:
                thread.join()

    def _stage(self, stage: Callable[[], None], cores: int) -> None:
        """A stage never dies without a word: what is no fault of a single load breaks the whole belt."""
        import torch

        try:
            torch.get_num_threads()  # a thread's first look would later undo what is set before it
            torch.set_num_threads(cores)
            stage()
        except BaseException as e:
            self.broken = self.broken or e
            self.stop.ask()
            for end in (self.ready, self.answered, self.finished):
                for _ in range(self.room.decoders + self.room.encoders):
                    end.put(None)

    def _pull(self) -> _Parcel[T, R] | None:
        with self.pulling:
            if self.stop.asked or self.broken is not None:
                return None
            try:
                load = next(self.source, None)
            except Exception as e:
                self.broken = e
                return None
            if load is None:
                return None
            parcel: _Parcel[T, R] = _Parcel(self.pulled, load, Outcome(load.tag))
            self.pulled += 1
            self.budget.take(load.cost, self.stop)
            return parcel

    def _decode(self) -> None:
        while (parcel := self._pull()) is not None:
            began = time.perf_counter()
            if not self.stop.asked:
                try:
                    parcel.sample = parcel.load.prepare()
                except Exception as e:
                    parcel.out.error = e
            parcel.out.seconds += time.perf_counter() - began
            self.ready.put(parcel)
            del parcel
        self.ready.put(None)

    def _next(self, wait: bool) -> _Parcel[T, R] | None:
        """The network's next parcel; None when all are through, or none is ready and `wait` is off."""
        while True:
            if self.early and (not self.ordered or self.turn in self.early):
                number = self.turn if self.ordered else next(iter(self.early))
                self.turn += 1
                return self.early.pop(number)
            if self.decoding == 0:
                return None
            try:
                parcel = self.ready.get(block=wait)
            except queue.Empty:
                return None
            if parcel is None:
                self.decoding -= 1
            else:
                self.early[parcel.number] = parcel

    def _network(self) -> None:
        parcel = self._next(wait=True)
        while parcel is not None:
            group, follower = [parcel], None
            if parcel.sample is not None and not self.stop.asked:
                kind = _kind(parcel.sample)
                most = self.room.together(parcel.sample.tensor.shape)
                while len(group) < most and (follower := self._next(wait=False)) is not None:
                    if follower.sample is None or _kind(follower.sample) != kind:
                        break
                    group.append(follower)
                    follower = None
                self._answer(group)
            for each in group:
                self.answered.put(each)
            parcel = follower
            del group, each, follower  # a picture that is through must not live on while we wait
            parcel = parcel or self._next(wait=True)
        for _ in range(self.room.encoders):
            self.answered.put(None)

    def _answer(self, group: list[_Parcel[T, R]]) -> None:
        began = time.perf_counter()
        try:
            answers = self.infer([p.sample for p in group if p.sample is not None])
            for parcel, answer in zip(group, answers, strict=True):
                parcel.answer = answer
        except Exception as e:
            if len(group) == 1:
                group[0].out.error = e
        took = (time.perf_counter() - began) / len(group)
        for parcel in group:
            parcel.out.seconds += took
            if parcel.answer is None and parcel.out.error is None:  # one of several is at fault: each alone
                self._answer([parcel])

    def _encode(self) -> None:
        while (parcel := self.answered.get()) is not None:
            began = time.perf_counter()
            if parcel.answer is not None and parcel.sample is not None:
                try:
                    parcel.out.value = self.finish(parcel.load.tag, parcel.answer, parcel.sample)
                except Exception as e:
                    parcel.out.error = e
            parcel.sample = parcel.answer = None
            parcel.out.seconds += time.perf_counter() - began
            if self.note is not None:
                try:
                    self.note(parcel.out)
                except Exception as e:
                    parcel.out.error = e
            self.finished.put(parcel)
            del parcel
        self.finished.put(None)


def _kind(sample: Sample) -> tuple[object, ...]:
    """What samples must have in common to share a batch."""
    return sample.tensor.shape, sample.tensor.dtype, sample.answer
