"""Runner: a network over pictures of any size. Tiles, batches, precision, out-of-memory and a check of what comes out."""

from __future__ import annotations

import gc
import inspect
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pixcli.errors import DeviceError, InputError
from pixcli.infer import memory, tiles
from pixcli.infer.footprint import Footprint
from pixcli.infer.tiles import Box, Tile, up

_FULL = {torch.uint8: 255.0, torch.uint16: 65535.0}
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_SMALL = 128 * 128  # pixels; smaller tiles are batched on a CPU too, up to this


class _Job(NamedTuple):
    sample: int
    tile: Tile


class _Flight(NamedTuple):
    """Answers of jobs on their way to the host: (jobs, C, h, w), and the extremes of each before rounding."""

    jobs: list[_Job]
    answers: Tensor
    low: Tensor
    high: Tensor
    landed: Any  # torch.cuda.Event, None on other devices


class Runner:
    """Runs one network on one device. Not for several threads at once; torch's own threads (torch.set_num_threads) do the work.

    net: forward(x) or forward(x, scale) on (N, C, H, W) float32; it is moved to the device, channels_last, eval.
    precision: "fp32", "bf16" or "fp16". Weights and the network's input and output stay float32 and autocast narrows what
    it may, so a network can add an exact skip. (Ten 3 x 3 convolutions of 64 channels, 256 px, on a CPU with bf16: autocast
    273, weights cast beforehand 290, fp32 97 GFLOP/s.) In fp32 on CUDA torch's setting of TF32 stands.
    tile: largest side in input pixels of what the network is given at once; by cache or free memory when None.
    say: is told in one line when memory made the tiles smaller.
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
    ) -> None:
        self.net = net.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.footprint, self.device, self.precision, self.tile = footprint, device, precision, tile
        self._say = say or (lambda text: None)
        self._scaled = "scale" in inspect.signature(net.forward).parameters
        self._load: memory.Load | None = None
        self._side_limit: int | None = None  # after a shortage of memory
        self._batch_limit: int | None = None
        self._news = ""

    def __call__(self, x: Tensor, out: torch.dtype = torch.float32) -> Tensor:
        """The network's answers, (N, C', H * scale, W * scale) in type `out`, on the CPU.

        x: (N, C, H, W) on the CPU, uint8 or uint16 (scaled to 0..1 on the device) or float32 (given as it is).
        out: float32, or uint8 or uint16: answers of 0..1, rounded and clipped on the device.
        A network of the whole picture may answer at another size; that is given back as it is.
        Raises InputError when an answer is not finite, or one value for a picture of many; DeviceError when memory does not
        suffice for the smallest tile.
        """
        return _Run(self, x, out).answer()

    def forward(self, x: Tensor) -> Tensor:
        """One run of the network, x (N, C, H, W) float32 on the device."""
        y: Tensor = self.net(x, self.footprint.scale) if self._scaled else self.net(x)
        return y

    def autocast(self, precision: str) -> torch.autocast:
        narrow = precision != "fp32"
        return torch.autocast(self.device.type, _TYPES.get(precision, torch.bfloat16), enabled=narrow)

    def plan(self, channels: int, height: int, width: int) -> tuple[int, int]:
        """Side of the tiles and pixels at once for a picture (sizes multiples of the footprint's)."""
        reach, multiple = self.footprint.reach, self.footprint.multiple
        cpu = self.device.type == "cpu"
        if reach is None:
            return max(height, width), 1 << 62
        if cpu and (self.tile or height * width <= _SMALL):
            return min(self.tile or _SMALL, self._side_limit or _SMALL), _SMALL
        if self._load is None:
            side = up(48, multiple)
            with torch.inference_mode(), self.autocast(self.precision):
                self._load = memory.measure(
                    self.forward, torch.zeros(1, channels, side, side, device=self.device)
                )
        room = memory.pixels_at_once(self._load, self.device)
        most = min(int(room**0.5), self.tile or 4096, self._side_limit or 4096)
        width_of_value = 4 if self.precision == "fp32" else 2
        rate = memory.cpu_rate(self._load, width_of_value) if cpu else memory.card_rate
        side = self.tile or tiles.best_side(height, width, reach, multiple, rate, most)
        return min(side, most), _SMALL if cpu else room

    def shrink(self, jobs: list[_Job], height: int, width: int) -> list[_Job]:
        """The same jobs, smaller. Raises DeviceError when they are as small as can be."""
        if len(jobs) > 1:
            self._batch_limit = len(jobs) // 2
            return jobs
        (sample, tile), reach, multiple = jobs[0], self.footprint.reach, self.footprint.multiple
        side = max(tile.padded.height, tile.padded.width)
        floor = side if reach is None else tiles.smallest(reach, multiple)
        if side <= floor:
            what = "picture" if reach is None else "tile"
            hint = (
                "use --device cpu"
                if self.device.type != "cpu"
                else "close other programs or take a smaller model"
            )
            size = f"{tile.padded.width} x {tile.padded.height}"
            raise DeviceError(f"out of memory on {self.device} for a {what} of {size} pixels", hint)
        assert reach is not None
        self._side_limit = max(floor, side // 2)
        self._news = (
            f"out of memory on {self.device}: tiles of at most {self._side_limit} pixels from here on"
        )
        return self.split(_Job(sample, tile), height, width)

    def split(self, job: _Job, height: int, width: int) -> list[_Job]:
        """The job in tiles of the size that memory allows by now."""
        reach, limit = self.footprint.reach, self._side_limit
        if reach is None or limit is None or max(job.tile.padded.height, job.tile.padded.width) <= limit:
            return [job]
        cut = tiles.cut(job.tile.core, height, width, reach, self.footprint.multiple, limit)
        return [_Job(job.sample, t) for t in cut]

    def batch_limit(self, pixels: int, tile: Tile) -> int:
        most = max(1, pixels // (tile.padded.height * tile.padded.width))
        return min(most, self._batch_limit or most)

    def tell(self) -> None:
        if self._news:
            self._say(self._news)
            self._news = ""


class _Run:
    """One call of a Runner: the pictures, what is still to do, and the answer as it grows."""

    def __init__(self, runner: Runner, x: Tensor, out: torch.dtype) -> None:
        self.runner, self.x, self.out = runner, x, out
        self.height, self.width = (up(n, runner.footprint.multiple) for n in x.shape[2:])
        self.result: Tensor | None = None
        self.low = torch.full((len(x),), torch.inf)
        self.high = torch.full((len(x),), -torch.inf)

    def answer(self) -> Tensor:
        r, f = self.runner, self.runner.footprint
        side, self.pixels = r.plan(self.x.shape[1], self.height, self.width)
        whole = Box(0, 0, self.height, self.width)
        if f.reach is None:
            cut = [Tile(whole, whole)]
        else:
            side = max(side, tiles.smallest(f.reach, f.multiple))
            cut = tiles.cut(whole, self.height, self.width, f.reach, f.multiple, side)
        with torch.inference_mode(), r.autocast(r.precision):
            self._work((_Job(i, t) for i in range(len(self.x)) for t in cut), r.precision)
        for i in range(len(self.x)):
            if self.low[i] == self.high[i] and _extent(self.x[i]) > 1 / 16:
                raise InputError(
                    "the network answers with one value for the whole picture", "try another model"
                )
        assert self.result is not None
        return self.result

    def _work(self, todo: Iterable[_Job], precision: str) -> None:
        """Run all jobs. A card computes one batch while the one before it is put in its place."""
        jobs, before = deque(todo), None
        while jobs:
            jobs.extendleft(reversed(self.runner.split(jobs.popleft(), self.height, self.width)))
            group = [jobs.popleft()]
            most, shape = self.runner.batch_limit(self.pixels, group[0].tile), _shape(group[0])
            while jobs and len(group) < most and _shape(jobs[0]) == shape:
                group.append(jobs.popleft())
            flight = self._launch(group)
            if before:
                self._land(before, precision)
            before = flight
            if flight is None:  # out of here the failed run's tensors are gone
                gc.collect()
                if self.runner.device.type == "cuda":
                    torch.cuda.empty_cache()
                jobs.extendleft(reversed(self.runner.shrink(group, self.height, self.width)))
            else:
                self.runner.tell()
        if before:
            self._land(before, precision)

    def _launch(self, jobs: list[_Job]) -> _Flight | None:
        """Start these jobs, all of one shape; None when memory does not suffice."""
        try:
            return self._run(jobs)
        except (RuntimeError, MemoryError) as fault:
            if not memory.is_shortage(fault):
                raise
        return None

    def _run(self, jobs: list[_Job]) -> _Flight:
        cuda = self.runner.device.type == "cuda"
        batch = torch.stack([self._take(j) for j in jobs])
        if cuda:
            batch = batch.pin_memory()
        batch = batch.to(self.runner.device, non_blocking=True)
        x = batch.to(torch.float32, memory_format=torch.channels_last)
        if batch.dtype in _FULL:
            x = x.div_(_FULL[batch.dtype])
        y = self.runner.forward(x).float()
        low, high = y.amin((1, 2, 3)), y.amax((1, 2, 3))  # both NaN when one value is
        if self.out in _FULL:
            y = y.clamp(0, 1).mul_(_FULL[self.out]).round_().to(self.out)
        if not cuda:
            return _Flight(jobs, y.cpu(), low.cpu(), high.cpu(), None)
        host = [torch.empty(t.shape, dtype=t.dtype, pin_memory=True) for t in (y, low, high)]
        for there, here in zip((y, low, high), host, strict=True):
            here.copy_(there, non_blocking=True)
        landed = torch.cuda.Event()
        landed.record(torch.cuda.current_stream(self.runner.device))
        return _Flight(jobs, host[0], host[1], host[2], landed)

    def _take(self, job: _Job) -> Tensor:
        """The pixels of a padded box, (C, h, w); what lies beyond the picture repeats its last row and column."""
        _, _, height, width = self.x.shape
        box = job.tile.padded
        part = self.x[job.sample, :, box.top : min(box.bottom, height), box.left : min(box.right, width)]
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
        for i, job in enumerate(flight.jobs):
            low, high = flight.low[i], flight.high[i]
            finite = bool(low.isfinite() & high.isfinite())
            if precision != "fp32" and (not finite or (low == high and _extent(self._take(job)) > 0)):
                redo.append(job)
            elif not finite:
                raise InputError("the network's answer is not finite, in fp32 too", "try another model")
            else:
                self.low[job.sample] = torch.minimum(self.low[job.sample], low)
                self.high[job.sample] = torch.maximum(self.high[job.sample], high)
                self._place(job, flight.answers[i])
        if redo:
            with self.runner.autocast("fp32"):
                self._work(redo, "fp32")

    def _place(self, job: _Job, values: Tensor) -> None:
        scale, core, box = self.runner.footprint.scale, job.tile.core, job.tile.padded
        n, _, height, width = self.x.shape
        fits = values.shape[1:] == (box.height * scale, box.width * scale)
        size = (height * scale, width * scale) if fits else tuple(values.shape[1:])
        if not fits and self.runner.footprint.reach is not None:
            raise ValueError(
                f"the network's footprint is wrong: {box} gave {tuple(values.shape)} at scale {scale}"
            )
        if self.result is None:
            self.result = _allocate((n, values.shape[0], *size), self.out)
        if not fits:
            self.result[job.sample] = values
            return
        top, left, bottom, right = core.top, core.left, min(core.bottom, height), min(core.right, width)
        self.result[job.sample, :, top * scale : bottom * scale, left * scale : right * scale] = values[
            :,
            (top - box.top) * scale : (bottom - box.top) * scale,
            (left - box.left) * scale : (right - box.left) * scale,
        ]


def _shape(job: _Job) -> tuple[int, int]:
    return job.tile.padded.height, job.tile.padded.width


def _extent(x: Tensor) -> float:
    """The largest difference within a picture, in units of its full range."""
    values = x.to(torch.int32) if x.dtype == torch.uint16 else x
    return float(values.max() - values.min()) / _FULL.get(x.dtype, 1.0)


def _allocate(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """An ordinary tensor (not one of inference mode, which nobody could change later)."""
    try:
        with torch.inference_mode(False):
            return torch.empty(shape, dtype=dtype)
    except (RuntimeError, MemoryError) as fault:
        if not memory.is_shortage(fault):
            raise
    raise InputError(f"the answer of {shape[-1]} x {shape[-2]} pixels does not fit into memory")
