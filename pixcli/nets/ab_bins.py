"""The 313 colour bins of Zhang et al. (ECCV 2016): the ab plane in steps of 10, as far as sRGB's gamut goes.

Order and values are those of the published `pts_in_hull.npy`: by a, then by b.
"""

import torch
from torch import Tensor

AB_ROWS = (  # a, first b, last b
    (-90, 50, 90),
    (-80, 20, 90),
    (-70, 0, 90),
    (-60, -20, 90),
    (-50, -30, 100),
    (-40, -40, 100),
    (-30, -50, 100),
    (-20, -50, 100),
    (-10, -60, 100),
    (0, -70, 100),
    (10, -80, 90),
    (20, -80, 90),
    (30, -90, 90),
    (40, -100, 90),
    (50, -100, 80),
    (60, -110, 80),
    (70, -110, 80),
    (80, -110, 70),
    (90, -110, 70),
    (100, -90, 0),
)


def bins() -> Tensor:
    """Bin centres, (313, 2) float32: a, b."""
    return torch.tensor(
        [(a, b) for a, low, high in AB_ROWS for b in range(low, high + 1, 10)], dtype=torch.float32
    )
