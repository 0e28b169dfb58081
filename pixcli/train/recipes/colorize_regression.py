"""colorize-regression: the same network asked for ab itself, by the squared error, to compare with.

Start it from a checkpoint of `colorize` (`--start runs/colorize/last.pt`); all but the last layer fits.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from pixcli.train.loop import Schedule
from pixcli.train.recipes.colorize import Colorize


class ColorizeRegression(Colorize):
    name = "colorize_regression"
    title = "Colour by regression: safe and grey; for comparison"
    arguments = {"channels": 128, "bins": 0}  # noqa: RUF012
    schedule = Schedule(steps=2_000, rate=5e-4, batch=32, warmup=100, decay=0.02, ema=0.998, clip=1.0)

    def colour_loss(self, answer: Tensor, ab: Tensor) -> Tensor:
        return 0.5 * F.mse_loss(answer, ab / 110) * 100

    def calibrate(self, net: nn.Module) -> dict[str, float]:
        return {"saturation": 1.0}


RECIPE = ColorizeRegression()
