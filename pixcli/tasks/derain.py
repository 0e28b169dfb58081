"""derain: rain and drops out of photographs and films."""

from __future__ import annotations

from typing import Any

from pixcli.tasks.base import Option
from pixcli.tasks.same_size import SameSize


class Derain(SameSize):
    """Remove falling rain, or drops on a window, from photographs and films.

    Streaks and drops have a model each; --model takes any other in its place.
    """

    name, default = "derain", "derain"
    example = "pixcli derain street/ -o dry/"

    kind = Option("rain", "rain: falling streaks; drops: drops and dirt on glass.", choices=("rain", "drops"))

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.values["kind"] == "drops":
            self.default = "derain-drops"
