"""Motion for people: Middlebury's colour wheel (hue is direction, saturation is speed), and arrows.

Baker et al., IJCV 2011, and their released code: 55 hues, of unequal steps so that all look as different.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pixcli.media.colour import as_type

STEPS = (15, 6, 4, 11, 13, 6)  # red → yellow → green → cyan → blue → magenta → red


def wheel() -> NDArray[np.float64]:
    """(55, 3): the hues in 0..255."""
    corners = np.array([(255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255)])
    parts = []
    for here, there, n in zip(corners, np.roll(corners, -1, 0), STEPS, strict=True):
        parts.append(here + np.trunc((there - here) * (np.arange(n) / n)[:, None]))
    return np.concatenate(parts)


def flow_colours(
    flow: NDArray[np.float32], known: NDArray[np.bool_] | None = None, largest: float | None = None
) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a flow (H, W, 2): white where nothing moves, black where it is not known.

    largest: the speed in pixels that gives the full hue, else the largest in this flow (a film needs one for
    all of it); what is faster is darker.
    """
    known = np.ones(flow.shape[:2], bool) if known is None else known
    motion = np.where(known[..., None], flow, 0).astype(np.float64)
    speed = np.hypot(motion[..., 0], motion[..., 1])
    radius = (speed / max(largest or speed.max(initial=0.0), 1e-9))[..., None]
    at = (np.arctan2(-motion[..., 1], -motion[..., 0]) / np.pi + 1) / 2 * (sum(STEPS) - 1)
    low = np.floor(at).astype(int)
    hues, part = wheel() / 255, (at - low)[..., None]
    hue = (1 - part) * hues[low] + part * hues[(low + 1) % len(hues)]
    colour = np.where(radius <= 1, 1 - radius * (1 - hue), 0.75 * hue)
    return np.where(known[..., None], np.floor(255 * colour), 0).astype(np.uint8)


def flow_arrows(
    flow: NDArray[np.float32], rgb: NDArray[np.generic], count: int, largest: float | None = None
) -> NDArray[np.uint8]:
    """(H, W, 3): the picture (H, W, 3), paled, with arrows in the wheel's hues where a flow (H, W, 2) begins.

    count: of arrows along the longer side. largest: the speed in pixels whose arrow is as long as arrows lie
    apart (longer ones overlap), else the largest in this flow.
    """
    paled = as_type(np.ascontiguousarray(rgb), np.uint8) // 2 + np.uint8(64)
    image = Image.fromarray(paled)
    draw = ImageDraw.Draw(image)
    height, width = flow.shape[:2]
    step = max(8, max(height, width) // count)
    places = [np.arange(min(step, n) // 2, n, step) for n in (height, width)]
    some = flow[np.ix_(*places)].astype(np.float64)
    fastest = largest or float(np.hypot(some[..., 0], some[..., 1]).max(initial=0.0))
    hues = flow_colours(some.astype(np.float32), None, 1e-6)  # the full hue, however slow
    thick = max(1, step // 12)
    for i, y in enumerate(places[0]):
        for j, x in enumerate(places[1]):
            u, v = some[i, j] * step / max(fastest, 1e-9)
            length = float(np.hypot(u, v))
            if length < 1:
                continue
            colour = tuple(int(c) for c in hues[i, j])
            draw.line((x, y, x + u, y + v), fill=colour, width=thick)
            head = min(length / 2, step / 3) / length
            back, side = np.array((u, v)) * head, np.array((-v, u)) * head * 0.6
            tip = np.array((x + u, y + v))
            draw.polygon([tuple(tip), tuple(tip - back + side), tuple(tip - back - side)], fill=colour)
    return np.asarray(image)
