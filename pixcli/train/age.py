"""What time and old cameras do to a black-and-white photograph, to train on photographs that are neither."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Grey = NDArray[np.float32]


def grey_of(rgb: NDArray[np.uint8], rng: np.random.Generator) -> Grey:
    """(H, W) in 0..1 of (H, W, 3): as the eye sees it, as an emulsion blind to red, or a mixture between."""
    eye = np.array((0.299, 0.587, 0.114))
    if rng.random() < 0.3:
        emulsion = np.array((0.05, 0.45, 0.5)) if rng.random() < 0.4 else rng.dirichlet((3.0, 5.0, 2.0))
        eye = eye + rng.random() * (emulsion - eye)
    grey: Grey = (rgb @ (eye / 255)).astype(np.float32)
    return grey


def age(grey: Grey, rng: np.random.Generator) -> Grey:
    """The same photograph, older: softer, faded, vignetted, grainy. One in three is left as it is."""
    if rng.random() < 0.35:
        return grey
    if rng.random() < 0.35:
        grey = _blurred(grey, rng.uniform(0.4, 1.6))
    if rng.random() < 0.7:
        black, white = rng.uniform(-0.12, 0.22), rng.uniform(0.8, 1.12)
        grey = black + (white - black) * np.clip(grey, 0, 1) ** rng.uniform(0.65, 1.5)
    if rng.random() < 0.15:
        y, x = np.ogrid[-1 : 1 : grey.shape[0] * 1j, -1 : 1 : grey.shape[1] * 1j]
        grey = grey * (1 - rng.uniform(0.1, 0.5) * (x * x + y * y) / 2)
    if rng.random() < 0.6:
        grain = rng.normal(0, rng.uniform(0.005, 0.08), grey.shape).astype(np.float32)
        if rng.random() < 0.5:
            grain = 2 * _blurred(grain + 0.5, 0.8) - 1
        grey = grey + grain
    aged: Grey = np.clip(grey, 0, 1).astype(np.float32)
    return aged


def _blurred(grey: Grey, sigma: float) -> Grey:
    picture = Image.fromarray((np.clip(grey, 0, 1) * 255).astype(np.uint8))
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(sigma)))
    return np.multiply(blurred, np.float32(1 / 255), dtype=np.float32)
