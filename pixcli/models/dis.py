"""dis: motion without a network or weights, by OpenCV (Kroeger et al., ECCV 2016), to compare with."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pixcli.errors import WeightsError

LUMA = (0.299, 0.587, 0.114)


class Dis(nn.Module):
    """(N, 6, H, W) in 0..1, the first picture, then the second → (N, 2, H, W) flow in pixels; on a processor.

    Raises WeightsError where OpenCV is missing.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            cv2: Any = import_module("cv2")
        except ImportError:
            raise WeightsError("dis needs one more package", 'pip install "pixcli[dis]"') from None
        self.search: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def forward(self, x: Tensor) -> Tensor:
        grey = (x.reshape(len(x), 2, 3, *x.shape[2:]) * torch.tensor(LUMA).view(3, 1, 1)).sum(2)
        frames = (grey * 255).round().clamp(0, 255).byte().numpy()
        flows = [self.search.calc(np.ascontiguousarray(a), np.ascontiguousarray(b), None) for a, b in frames]
        return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2)
