"""Whether a network's footprint is true: for the tests of every network."""

from __future__ import annotations

import torch
from torch import nn

from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
from pixcli.infer.tiles import smallest, up

CPU = torch.device("cpu")


def reach_of(net: nn.Module, footprint: Footprint, channels: int = 3) -> int:
    """The network's true reach in pixels; beyond the declared one only the first pixels are seen.

    One input pixel is made NaN, and every output that looks at it becomes NaN, however small its weight. (A
    change would fade below rounding long before the border of a deep network's reach.) Raises AssertionError
    when the output is not `scale` times the input.
    """
    assert footprint.reach is not None
    multiple, scale = footprint.multiple, footprint.scale
    margin = up(footprint.reach + multiple + 1, multiple)
    side = 2 * margin + multiple
    run = Runner(net, footprint, CPU).forward
    reach = 0
    for phase in {0, multiple // 2, multiple - 1}:
        x = torch.rand(1, channels, side, side, generator=torch.Generator().manual_seed(phase))
        x[:, :, margin + phase, margin + phase] = torch.nan
        with torch.inference_mode():
            y = run(x)
        assert y.shape[2:] == (side * scale, side * scale), (
            f"{tuple(y.shape)} of {side} pixels at scale {scale}"
        )
        rows, columns = y[0].isnan().any(0).nonzero().unbind(1)
        assert len(rows), "no output looks at this pixel"
        spread = torch.cat([rows, columns]).div(scale, rounding_mode="floor") - (margin + phase)
        reach = max(reach, int(spread.abs().max()))
    return reach


def assert_true(net: nn.Module, footprint: Footprint, channels: int = 3) -> None:
    """The declared reach is the true one, up to the rounding to multiples."""
    reach = reach_of(net, footprint, channels)
    assert footprint.reach is not None
    assert reach <= footprint.reach, f"looks {reach} pixels far, declared {footprint.reach}"
    assert footprint.reach - reach < footprint.multiple, f"looks only {reach} pixels far of {footprint.reach}"


def assert_tiled_is_whole(
    net: nn.Module,
    footprint: Footprint,
    channels: int = 3,
    size: tuple[int, int] | None = None,
    tile: int = 1,
) -> None:
    """Tiles and the whole picture give the same, to a tenth of what half a grey level allows."""
    assert footprint.reach is not None
    side = smallest(footprint.reach, footprint.multiple)
    height, width = size or (side + 13, 2 * side + 1)
    x = torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(0))
    whole = Runner(net, footprint, CPU, tile=1 << 20)(x)
    tiled = Runner(net, footprint, CPU, tile=tile)(x)
    assert tiled.shape[2:] == (height * footprint.scale, width * footprint.scale)
    limit = 0.05 / 255 * max(1.0, float(whole.abs().max()))
    assert float((tiled - whole).abs().max()) < limit
