"""Each shipped network against the processor's own matrix product in the chosen precision."""

from __future__ import annotations

import pytest
import torch
from timing import TINY, as_picture, by_turns, photograph, ready, shipped, tell
from torch.utils.flop_counter import FlopCounterMode

pytestmark = pytest.mark.bench
TARGET = 0.85  # for plain convolution networks
KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def flops(call: object) -> int:
    """Floating-point operations of convolutions and matrix products in one call; a multiply-add is two."""
    with FlopCounterMode(display=False) as counter:
        call()  # type: ignore[operator]
    return int(counter.get_total_flops())


def test_network_against_the_matrix_product(device: str) -> None:
    cards = shipped()
    if not cards:
        pytest.skip("no weights are shipped")
    sides = [64] if TINY else [256, 512, 1024] if device == "cpu" else [512, 1024, 2048]
    size = 256 if TINY else 2048 if device == "cpu" else 8192
    for card in cards:
        net = ready(card, device)
        a = torch.rand(size, size, device=net.device).to(KINDS[net.precision])
        b = torch.rand_like(a)
        for side in sides:
            infer = net.infer([as_picture(photograph(side, side, 1))])

            def product(a: torch.Tensor = a, b: torch.Tensor = b) -> None:
                a @ b
                if a.is_cuda:
                    torch.cuda.synchronize()

            count = flops(infer)
            best = by_turns({"network": infer, "product": product})
            rate, limit = count / best["network"] / 1e9, 2 * size**3 / best["product"] / 1e9
            tell(
                "network against matrix product",
                model=card.name,
                device=device,
                precision=net.precision,
                side=side,
                gflop=count / 1e9,
                seconds=best["network"],
                network_gflops=rate,
                product_gflops=limit,
                ratio=rate / limit,
                target=TARGET,
                input_mpx_per_s=side * side / best["network"] / 1e6,
            )
