"""Labels that follow the picture: a dense CRF over what a network says of each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PIXELS = 400_000  # that the CRF sees at most: 0.5 kB each while it works
STEPS = 5  # of mean field; ten change little


def refined(logits: Tensor, picture: Tensor) -> Tensor:
    """Logits (K, h, w) → (K, h', w') after mean field with the authors' kernels, at the picture's size.

    picture: (3, H, W) float in [0, 1]. Larger ones than PIXELS are reduced to that, and so are the logits.
    """
    import torch
    from torch.nn import functional as F

    from pixcli.nets.crf import Kernels, mean_field

    height, width = picture.shape[1:]
    f = min(1.0, (PIXELS / (height * width)) ** 0.5)
    size = (max(1, int(height * f)), max(1, int(width * f)))
    if f < 1:
        picture = F.interpolate(picture[None], size=size, mode="area")[0]
    logits = F.interpolate(logits[None].float(), size=size, mode="bilinear", align_corners=False)[0]
    with torch.inference_mode():
        return mean_field(logits, Kernels(picture), STEPS).clamp(min=1e-6).log()
