"""precision.choose: in which number type a network computes. Importing this does not import torch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pixcli.errors import UsageError

if TYPE_CHECKING:
    from torch import device as TorchDevice

CHOICES = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Precision:
    """name: "fp32", "bf16" or "fp16". why: why it was taken, for people."""

    name: str
    why: str


def choose(spec: str, device: TorchDevice, bf16_ok: bool) -> Precision:
    """The precision for auto | fp32 | bf16 | fp16 on a device; bf16_ok: quality holds in 16 bits.

    auto is fp32 unless bf16_ok; then on a CPU bf16 where a probe of this very processor shows it faster
    (without bf16 instructions it is 10 to 200 times slower), on CUDA bf16, or fp16 where the card cannot, on
    mps fp16.
    Raises UsageError for an unknown name, and for fp16 on a CPU.
    """
    if spec not in CHOICES:
        raise UsageError(f"no precision is called {spec!r}", f"one of {', '.join(CHOICES)}")
    if spec == "fp16" and device.type == "cpu":
        raise UsageError("fp16 on a CPU is a hundred times slower than fp32", "take fp32, bf16 or auto")
    if spec != "auto":
        return Precision(
            spec, "asked for" if spec == "fp32" or bf16_ok else "asked for; quality was not measured in it"
        )
    if not bf16_ok:
        return Precision("fp32", "the model was not measured in 16 bits")
    if device.type == "cuda":
        if _card_has_bf16(device):
            return Precision("bf16", "this card computes in it")
        return Precision("fp16", "this card has no bf16")
    if device.type == "mps":
        return Precision("fp16", "this device computes in it")
    gain = bf16_gain()
    if gain >= 1.2:
        return Precision("bf16", f"{gain:.1f} times as fast as fp32 here")
    return Precision(
        "fp32", f"bf16 is only {gain:.1f} times as fast here" if gain >= 1 else "bf16 is slower here"
    )


@cache
def bf16_gain() -> float:
    """How many times as fast as in fp32 this processor convolves in bf16: a probe, once in a process.

    One 3 x 3 convolution, 64 to 64 channels, 48 x 48 pixels, channels_last: 2 ms in fp32 on one core. One
    thread and its own clock, lest other programs decide. A processor that imitates bf16 takes 20 to 500 ms.
    """
    import torch
    from torch.nn.functional import conv2d

    def once(dtype: torch.dtype) -> float:
        start = clock()
        conv2d(x[dtype], w[dtype], padding=1)
        return clock() - start

    fine = time.get_clock_info("thread_time").resolution < 1e-5
    clock = time.thread_time if fine else time.perf_counter
    types = (torch.float32, torch.bfloat16)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            x = {t: torch.ones(1, 64, 48, 48).to(t, memory_format=torch.channels_last) for t in types}
            w = {t: torch.ones(64, 64, 3, 3).to(t, memory_format=torch.channels_last) for t in types}
            best = {t: once(t) for t in types}  # prepares as well
            for _ in range(8 if best[torch.bfloat16] < 0.2 else 0):
                best = {t: min(best[t], once(t)) for t in types}
    finally:
        torch.set_num_threads(threads)
    return best[torch.float32] / best[torch.bfloat16]


def _card_has_bf16(device: TorchDevice) -> bool:
    """Natively: torch calls it supported on older cards too, where it is imitated."""
    import torch

    return torch.cuda.get_device_capability(device) >= (8, 0)
