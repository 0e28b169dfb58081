"""Runner: a network over pictures of any size, in tiles and batches, with a check of what comes out."""

from __future__ import annotations

import inspect
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pixcli.errors import DeviceError, InputError
from pixcli.infer import memory
from pixcli.infer.converted import Converted, is_known, line_of, offer
from pixcli.infer.footprint import Footprint
from pixcli.infer.runtime import Runtime
from pixcli.infer.sizes import Sizes
from pixcli.infer.tiles import Tile, up

PATIENCE = 4.0  # seconds: about what it takes to convert a network and to measure it
_FULL = {torch.uint8: 255.0, torch.uint16: 65535.0}
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Runner:
    """Runs one network on one device. For one thread at a time; torch's own threads do the work.

    net: forward(x), or forward(x, scale), on (N, C, H, W) float32. It is moved to the device and set to eval.
    precision: fp32, bf16 or fp16. Weights, and what goes into the network and comes out, stay float32;
    autocast narrows what it may, so that a network can add an exact skip. In fp32 on CUDA torch's own setting
    of TF32 stands.
    tile: largest side, in input pixels, of what the network is given; by cache or free memory when None.
    say: is told in one line when memory made the tiles smaller.
    runtime: what else than torch may run the network on a CPU. Where it may choose, and the network was never
    converted before, torch works for PATIENCE seconds first: a few pictures are done by then.

    As many threads as torch takes by itself: one a core, unless torch.set_num_threads or OMP_NUM_THREADS
    say otherwise. Raises DeviceError when the weights do not fit on the device.
    """

    def __init__(
        self,
        net: nn.Module,
        footprint: Footprint,
        device: torch.device,
        precision: str = "fp32",
        *,
        tile: int | None = None,
        say: Callable[[str], None] | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self.footprint, self.device, self.precision, self.say = footprint, device, precision, say
        self.sizes = Sizes(footprint, device, _TYPES[precision].itemsize, tile)
        self.demand: memory.Demand | None = None
        self.runtime, self.spent = runtime, 0.0
        self.converted: dict[int, Converted | None] = {}  # by channels: some tasks have pictures of 1 and 3
        self.known: dict[int, bool] = {}
        self.with_scale = "scale" in inspect.signature(net.forward).parameters
        if device.type == "cpu":
            memory.keep_freed()
        try:
            self.net = net.eval().to(device).to(memory_format=torch.channels_last)
        except RuntimeError as fault:
            if not memory.is_shortage(fault):
                raise
            raise DeviceError(f"out of memory on {device} for the network's weights") from None

    def __call__(self, x: Tensor, out: torch.dtype = torch.float32) -> Tensor:
        """The network's answers, (N, C', H * scale, W * scale) in type `out`, on the CPU.

        x: (N, C, H, W) on the CPU, uint8 or uint16 (scaled to 0..1 on the device) or float32 (left as it is).
        out: float32; or uint8 or uint16, for answers of 0..1, which are rounded and clipped on the device.
        A network of the whole picture may answer at a size of its own; that is given back as it is.
        Raises InputError when an answer is not finite, or is one value for a picture of many; DeviceError
        when memory does not suffice for the smallest tile.
        """
        began = time.monotonic()
        answer = _Run(self, x, out).answer()
        self.spent += time.monotonic() - began
        return answer

    def network(self, channels: int) -> Callable[[Tensor], Tensor]:
        """What runs the network; decided once for each number of channels."""
        if self.runtime is None:
            return self.forward
        if channels not in self.converted:
            waits = self.runtime.asked == "auto" and self.spent < PATIENCE
            if waits and not self.known.setdefault(channels, is_known(self, channels)):
                return self.forward
            chose = self.runtime.chose
            net, why = offer(self, channels, self.runtime.asked, lambda news: chose("", news))
            self.converted[channels] = net
            chose("openvino" if net else "torch", why)
        return self.converted[channels] or self.forward

    def give_up(self, fault: BaseException) -> None:
        """OpenVINO failed in the midst of work: torch goes on."""
        assert self.runtime is not None
        self.converted = dict.fromkeys(self.converted)
        self.runtime.chose("torch", f"OpenVINO failed: {line_of(fault)}")

    def forward(self, x: Tensor) -> Tensor:
        """One run of the network by torch, x (N, C, H, W) float32 on the device."""
        y: Tensor = self.net(x, self.footprint.scale) if self.with_scale else self.net(x)
        return y.float()

    def cast(self, precision: str) -> torch.autocast:
        """Within it, the network computes in this precision.

        Ten 3 x 3 convolutions of 64 channels, one core with bf16 instructions, GFLOP/s at 192, 256, 384 px:
        autocast 415, 423, 375; weights and input cast beforehand 419, 425, 347; fp32 180, 175, 165.
        """
        narrow = precision != "fp32"
        return torch.autocast(
            self.device.type, _TYPES[precision] if narrow else torch.bfloat16, enabled=narrow
        )

    def weigh(self, channels: int) -> memory.Demand:
        """The network's demand per pixel, measured once, on a small black picture."""
        if self.demand is None:
            side = up(48, self.footprint.multiple)
            try:
                self.demand = memory.measure(
                    self.forward, torch.zeros(1, channels, side, side, device=self.device)
                )
            except (RuntimeError, MemoryError) as fault:
                if not memory.is_shortage(fault):
                    raise
                raise DeviceError(f"out of memory on {self.device} for {side} x {side} pixels") from None
        return self.demand


class _Job(NamedTuple):
    sample: int
    tile: Tile


class _Flight(NamedTuple):
    """Answers (jobs, C, h, w) on their way to the host, and the extremes of each before rounding."""

    jobs: list[_Job]
    answers: Tensor
    low: Tensor
    high: Tensor
    landed: torch.cuda.Event | None  # None where copies wait for their end


class _Run:
    """One call of a Runner: the pictures, and the answer as it grows."""

    def __init__(self, runner: Runner, x: Tensor, out: torch.dtype) -> None:
        self.runner, self.x, self.out = runner, x, out
        self.height, self.width = (up(n, runner.footprint.multiple) for n in x.shape[2:])
        self.result: Tensor | None = None
        self.net: Callable[[Tensor], Tensor] = runner.network(x.shape[1])
        self.low = torch.full((len(x),), torch.inf)
        self.high = torch.full((len(x),), -torch.inf)

    def answer(self) -> Tensor:
        runner = self.runner
        with torch.inference_mode(), runner.cast(runner.precision):
            cut = runner.sizes.plan(self.height, self.width, lambda: runner.weigh(self.x.shape[1]))
            self._work((_Job(i, tile) for i in range(len(self.x)) for tile in cut), runner.precision)
        for i, x in enumerate(self.x):
            if self.low[i] == self.high[i] and _extent(x) > 1 / 16:
                raise InputError("the network answers with one value for the whole picture")
        assert self.result is not None
        return self.result

    def _work(self, todo: Iterable[_Job], precision: str) -> None:
        """Run all jobs. A card computes one batch while the one before it is put in its place."""
        sizes, jobs = self.runner.sizes, deque(todo)
        before: _Flight | None = None
        news = ""
        while jobs:
            sample, tile = jobs.popleft()
            jobs.extendleft(_Job(sample, t) for t in reversed(sizes.refit(tile, self.height, self.width)))
            group = [jobs.popleft()]
            most, shape = sizes.together(group[0].tile), group[0].tile.padded.shape
            while jobs and len(group) < most and jobs[0].tile.padded.shape == shape:
                group.append(jobs.popleft())
            flight = self._launch(group)
            if before:
                self._land(before, precision)
            before = flight
            if flight is None:
                memory.release(self.runner.device)
                news = sizes.shrink(group[0].tile, len(group))
                jobs.extendleft(reversed(group))
            elif news:  # said when it helped, once for all rungs of the ladder
                if self.runner.say:
                    self.runner.say(news)
                news = ""
        if before:
            self._land(before, precision)

    def _launch(self, jobs: list[_Job]) -> _Flight | None:
        """Start these jobs, all of one shape; None when memory does not suffice."""
        try:
            return self._run(jobs)
        except (RuntimeError, MemoryError) as fault:
            if memory.is_shortage(fault):
                return None
            if self.net == self.runner.forward:
                raise
            self.runner.give_up(fault)
        self.net = self.runner.forward
        return self._launch(jobs)

    def _run(self, jobs: list[_Job]) -> _Flight:
        device = self.runner.device
        batch = torch.stack([self._take(*job) for job in jobs])
        if device.type == "cuda":
            batch = batch.pin_memory()
        x = batch.to(device, non_blocking=True).to(torch.float32, memory_format=torch.channels_last)
        if batch.dtype in _FULL:
            x.div_(_FULL[batch.dtype])
        y = self.net(x)
        low, high = y.amin((1, 2, 3)), y.amax((1, 2, 3))  # both NaN when one value is
        if self.out in _FULL:
            y = y.clamp(0, 1).mul_(_FULL[self.out]).round_().to(self.out)
        if device.type != "cuda":
            return _Flight(jobs, y.cpu(), low.cpu(), high.cpu(), None)
        answers, low, high = (_to_pinned(t) for t in (y, low, high))
        landed = torch.cuda.Event()  # type: ignore[no-untyped-call]
        landed.record(torch.cuda.current_stream(device))
        return _Flight(jobs, answers, low, high, landed)

    def _take(self, sample: int, tile: Tile) -> Tensor:
        """The pixels of a padded box, (C, h, w); beyond the picture its last row and column are repeated."""
        box, (height, width) = tile.padded, self.x.shape[2:]
        part = self.x[sample, :, box.top : min(box.bottom, height), box.left : min(box.right, width)]
        if box.bottom > height:
            part = torch.cat([part, part[:, -1:].expand(-1, box.bottom - height, -1)], 1)
        if box.right > width:
            part = torch.cat([part, part[:, :, -1:].expand(-1, -1, box.right - width)], 2)
        return part

    def _land(self, flight: _Flight, precision: str) -> None:
        """Put answers in their place; those that cannot be right are run again in fp32."""
        if flight.landed is not None:
            flight.landed.synchronize()
        redo = []
        for job, values, low, high in zip(flight.jobs, flight.answers, flight.low, flight.high, strict=True):
            finite = bool(low.isfinite() & high.isfinite())
            dead = bool(low == high)
            if precision != "fp32" and (not finite or (dead and _extent(self._take(*job)) > 0)):
                redo.append(job)
            elif not finite:
                raise InputError("the network's answer is not finite")
            else:
                self.low[job.sample] = torch.minimum(self.low[job.sample], low)
                self.high[job.sample] = torch.maximum(self.high[job.sample], high)
                self._place(job, values)
        if redo:
            self.net = self.runner.forward
            with self.runner.cast("fp32"):
                self._work(redo, "fp32")

    def _place(self, job: _Job, values: Tensor) -> None:
        s, core, box = self.runner.footprint.scale, job.tile.core, job.tile.padded
        height, width = self.x.shape[2:]
        own_size = values.shape[1:] != (box.shape[0] * s, box.shape[1] * s)
        if own_size and self.runner.footprint.reach is not None:
            raise ValueError(f"wrong footprint: {box.shape} gave {tuple(values.shape)}, not {s} times that")
        if self.result is None:
            size = values.shape[1:] if own_size else (height * s, width * s)
            self.result = _allocate((len(self.x), values.shape[0], *size), self.out)
        if own_size:
            self.result[job.sample] = values
            return
        top, left, bottom, right = core.top, core.left, min(core.bottom, height), min(core.right, width)
        rows = slice((top - box.top) * s, (bottom - box.top) * s)
        columns = slice((left - box.left) * s, (right - box.left) * s)
        self.result[job.sample, :, top * s : bottom * s, left * s : right * s] = values[:, rows, columns]


def _to_pinned(x: Tensor) -> Tensor:
    host = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
    return host.copy_(x, non_blocking=True)


def _extent(x: Tensor) -> float:
    """The largest difference within a picture; for integers as a part of their full range."""
    values: Any = x.to(torch.int32) if x.dtype == torch.uint16 else x  # torch has no extremes of uint16
    return float(values.max() - values.min()) / _FULL.get(x.dtype, 1.0)


def _allocate(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """An ordinary tensor (one of inference mode could not be changed by whoever gets it), to be filled.

    Laid out pixel by pixel, as networks answer and files are written.
    """
    try:
        with torch.inference_mode(False):
            return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)
    except (RuntimeError, MemoryError) as fault:
        if not memory.is_shortage(fault):
            raise
    raise InputError(f"an answer of {shape[-1]} x {shape[-2]} pixels does not fit into memory")
