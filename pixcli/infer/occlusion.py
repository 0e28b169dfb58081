"""Which pixels of a picture the other one does not show, by the flows both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixcli.nets import matching

if TYPE_CHECKING:
    from torch import Tensor


def occluded(forward: Tensor, backward: Tensor, share: float = 0.01, least: float = 0.5) -> Tensor:
    """(N, 1, H, W) bool: the way there and back does not end where it began, or leads out of the picture.

    forward, backward: (N, 2, H, W) flow in pixels, from the first picture to the second and from it to the
    first. Seen is what has |there + back|² ≤ share · (|there|² + |back|²) + least (Sundaram et al. 2010).
    """
    h, w = forward.shape[2:]
    back = matching.warp(backward, forward)
    lengths = (forward.square() + back.square()).sum(1, keepdim=True)
    astray = (forward + back).square().sum(1, keepdim=True) > share * lengths + least
    at = matching.grid(h, w, forward.device) + forward
    x, y = at[:, :1], at[:, 1:]
    gone: Tensor = astray | (x < -0.5) | (x > w - 0.5) | (y < -0.5) | (y > h - 0.5)
    return gone
