"""How much memory and cache a network takes for a pixel, and how to know that there was too little."""

from __future__ import annotations

import ctypes
import gc
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_CPU_BYTES = 512 << 20  # in one tile's activations, so that 100 megapixels in and out fit into 3 GB
_CARD_PIXELS = 4 << 20  # keep a card busy; more at once only delays the first answer
_CACHE_BYTES = 20 << 20  # of 32 MB, which other programs share

_KEPT_BYTES = 1 << 30  # of freed memory, ready for the next tensors
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


@dataclass(frozen=True)
class Demand:
    """Values in an activation per input pixel: in the largest, and as a mean over the arithmetic."""

    widest: float
    usual: float

    def bytes(self, pixels: int) -> float:
        """Upper estimate of a run: input, output, skip and workspace of the widest layer, in fp32."""
        return 4 * 4 * self.widest * pixels


def measure(run: Callable[[Tensor], Tensor], x: Tensor) -> Demand:
    """The demand of a network, seen in one run on the small batch x (N, C, H, W)."""
    watch = _Watch()
    with watch:
        run(x)
    pixels = x.shape[0] * x.shape[2] * x.shape[3]
    usual = math.exp(watch.logs / watch.work) if watch.work else watch.widest
    return Demand(watch.widest / pixels, usual / pixels)


class _Watch(TorchFunctionMode):
    """Notes the largest result, and the convolutions' geometric mean weighted by multiplications."""

    def __init__(self) -> None:
        super().__init__()
        self.widest = 1.0
        self.work = self.logs = 0.0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.dim() == 4:
            self.widest = max(self.widest, out.numel())
            if func is torch.conv2d:
                work = out.numel() * args[1][0].numel()
                self.work += work
                self.logs += work * math.log(out.numel())
        return out


def cpu_rate(demand: Demand, value_bytes: int) -> Callable[[float], float]:
    """Relative speed of a CPU by the side of a tile.

    Fitted to ten 3 x 3 convolutions of 48 channels in fp32, GFLOP/s on a server processor with 32 MB of cache
    and on an older one: 64 px 195 and 123, 128 px 216 and 168, 256 px 216 and 163, 384 px 178 and 99, 512 px
    156 and 83.
    """

    def rate(side: float) -> float:
        held = 2 * demand.usual * value_bytes * side**2
        cache = max(0.57, 1 - 0.16 * max(0.0, math.log2(held / _CACHE_BYTES)))
        return cache * side**2 / (side**2 + 32**2)

    return rate


def card_rate(side: float) -> float:
    """Relative speed of a card by the side of a tile: a launch costs the same for every size."""
    return side**2 / (side**2 + 256**2)


def pixels_at_once(demand: Demand, device: torch.device) -> int:
    """Input pixels that may be in the network together, by what is free on the device."""
    if device.type != "cuda":
        return int(_CPU_BYTES / demand.bytes(1))
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(_CARD_PIXELS, int(free / 2 / demand.bytes(1)))


def keep_freed() -> None:
    """Let the process keep freed memory, up to a gigabyte, where its C library is glibc.

    By itself glibc gives every tensor of more than 32 MB back to the system at once, and the next one costs a
    page fault for each 4 kB: a sixth to a quarter of the time of a U-Net in fp32 on photographs of 6
    megapixels. What the user has set of glibc's allocator stands.
    """
    if sys.platform != "linux" or any(k.startswith(("MALLOC_", "GLIBC_TUNABLES")) for k in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def is_shortage(fault: BaseException) -> bool:
    """Whether this fault says that memory ran out, on a card or on the host."""
    if isinstance(fault, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(fault).lower()
    signs = ("out of memory", "can't allocate", "cannot allocate", "could not allocate", "alloc_failed")
    return isinstance(fault, RuntimeError) and any(sign in text for sign in signs)


def release(device: torch.device) -> None:
    """Give back what a failed run held. Call it after the `except` block: its fault holds the tensors."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
