"""What the tasks share whose network sees the whole picture at a working size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pixcli.infer.footprint import Footprint
    from pixcli.media.picture import Array, Picture
    from pixcli.tasks.base import Memory

STRIP = 1 << 16  # pixels that are worked on together at full size
LONGEST = 4  # times the working side: what a panorama's longer side is limited to
SIDE = 256  # where the card says none
STEADY = 0.85  # share kept of the frame before
STILL, CUT = 0.03, 0.12  # change of lightness that counts as motion; mean change that is a cut


def working_size(height: int, width: int, side: int, multiple: int) -> tuple[int, int]:
    """Height and width in the picture's shape, the shorter near `side`; multiples of `multiple`.

    The longer is at most LONGEST times `side`.
    """
    f = side / min(height, width)
    return tuple(  # type: ignore[return-value]
        max(multiple, round(min(v * f, side * LONGEST) / multiple) * multiple) for v in (height, width)
    )


def reduced(rgb: Array, height: int, width: int) -> Tensor:
    """(3, height, width) float32 in 0..1 of a picture (H, W, 3), resized by bicubic with antialiasing."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    from pixcli.media.picture import peak_of

    x = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    if rgb.dtype != np.uint8:  # 8 bits are reduced as they lie, twenty times as fast
        x = x.float()
    small = F.interpolate(x, size=(height, width), mode="bicubic", antialias=True)[0] / peak_of(rgb.dtype)
    return small.clamp(0, 1)


def seen(picture: Picture, footprint: Footprint) -> tuple[Array, Tensor]:
    """The picture as sRGB (H, W, 3), and what a network of this footprint is given: (3, h, w) in 0..1."""
    import numpy as np

    from pixcli.media.alpha import bleed
    from pixcli.media.colour import to_srgb

    rgb = np.require(bleed(to_srgb(picture), picture.alpha), requirements=["C", "W"])
    if footprint.reach is not None:
        return rgb, planes(rgb).clamp(0, 1)
    side = footprint.side or SIDE
    return rgb, reduced(rgb, *working_size(picture.height, picture.width, side, footprint.multiple))


def planes(rgb: Array) -> Tensor:
    """(H, W, 3) → (3, H, W) float32 in 0..1."""
    import torch

    from pixcli.media.picture import peak_of

    return torch.from_numpy(rgb).permute(2, 0, 1).float() / peak_of(rgb.dtype)


def luma(x: Tensor) -> Tensor:
    """(3, H, W) → (1, H, W), by BT.601's weights."""
    return 0.299 * x[:1] + 0.587 * x[1:2] + 0.114 * x[2:]


def enlarged(x: Tensor, rgb: Array, radius: int = 0, eps: float = 1e-3) -> Iterator[tuple[int, int, Tensor]]:
    """Strips (top, bottom, (C, bottom - top, W)) of a small map (C, h, w) at the size of its picture.

    radius: of the guided filter that brings it up along the picture's edges; 0: bilinear.
    """
    import torch

    from pixcli.infer.guided import coefficients, rows

    height, width = rgb.shape[:2]
    if guided := radius > 0 and x.shape[1:] != (height, width):
        x = coefficients(luma(reduced(rgb, *x.shape[1:])), x, radius, eps)
    step = max(1, STRIP // width)
    for top in range(0, height, step):
        bottom = min(height, top + step)
        strip = rows(x, top, bottom, height, width)
        if guided:
            gain, offset = strip.chunk(2)
            strip = torch.addcmul(offset, gain, luma(planes(rgb[top:bottom])).clamp(0, 1))
        yield top, bottom, strip


def steadied(memory: Memory, lightness: Tensor, answer: Tensor) -> tuple[Tensor, Memory]:
    """What stands still is evened over time; what moves, or follows a cut, takes its own.

    lightness: (1, h', w') in 0..1 of the frame. answer: (C, h, w) of its network.
    """
    from torch.nn import functional as F

    now = F.interpolate(lightness[None], size=answer.shape[1:], mode="area")[0]
    still = stillness(memory, (answer, now))
    if memory is not None and still is not None:
        answer = answer + STEADY * still * (memory[0] - answer)
    return answer, (answer, now)


def stillness(before: Memory, after: Memory) -> Tensor | None:
    """(1, h, w): 1 where nothing moved between two frames, falling to 0; None at a cut and at the start."""
    if before is None or after is None or before[0].shape != after[0].shape:
        return None
    change = (after[1] - before[1]).abs()
    return (-((change / STILL) ** 2)).exp() if change.mean() < CUT else None


def unrest(before: Memory, after: Memory, change: Callable[[Tensor, Tensor], Tensor]) -> float | None:
    """The mean of change(answer, answer before), (1, h, w), where nothing moved."""
    still = stillness(before, after)
    if before is None or after is None or still is None:
        return None
    return float((change(after[0], before[0]) * still).sum() / still.sum().clamp(min=1e-6))
