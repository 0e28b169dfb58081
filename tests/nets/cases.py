"""One entry a network of pixcli.nets.NETWORKS: how the tests build and feed it, and its parameter counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Case:
    """arguments: of a small one, where there is a choice. reach: its reach, None for the whole picture.

    grows: output pixels per input pixel. scale: what forward(x, scale) is given, when it takes that.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    channels: int = 3
    out: int = 3
    grows: Fraction = Fraction(1)
    multiple: int = 1
    scale: int | None = None
    reach: int | None = None
    rate: float = 3e-3  # for overfitting
    dark: bool = False  # it can do nothing but brighten
    heavy: bool = False  # too large to be trained in a test of seconds


QUARTER = Fraction(1, 4)

CASES = {
    "subpixel": Case({"channels": 16, "blocks": 2}, grows=Fraction(3), scale=3, reach=7),
    "lite-colour": Case({"channels": 16}, channels=1, out=313, grows=QUARTER, multiple=32, rate=1e-2),
    "zhang2016": Case(channels=1, out=313, grows=QUARTER, multiple=8, rate=5e-4, heavy=True),
    "srcnn": Case({"scale": 3}, grows=Fraction(3), reach=4),
    "vdsr": Case({"depth": 6, "features": 16}, grows=Fraction(2), scale=2, reach=5),
    "edsr": Case({"scale": 4, "blocks": 2, "features": 16}, grows=Fraction(4), reach=8),
    "srresnet": Case({"scale": 2, "blocks": 2, "features": 16}, grows=Fraction(2), reach=12),
    "restore-unet": Case({"maps": 1, "channels": [8, 8, 8], "blocks": [1, 1, 1]}, channels=4, multiple=8),
    "pan": Case({"scale": 4, "blocks": 1, "features": 16}, grows=Fraction(4), reach=6),
    "dncnn": Case({"depth": 4, "features": 16}, channels=1, out=1, reach=4),
    "ircnn": Case({"channels": 3, "features": 16}, reach=16),
    "ffdnet": Case({"depth": 4, "features": 16}, channels=4, multiple=2, reach=9),
    "prenet": Case({"turns": 2, "features": 8, "blocks": 1}, reach=10),
    "zero-dce": Case({"features": 8}, reach=7, dark=True),
    "zero-dce-pp": Case({"features": 8}, multiple=12, dark=True),
    "sci": Case(reach=3, rate=1e-2, dark=True),
    "ruas": Case(reach=17, rate=1e-2, dark=True),
}

FULL = {"blocks": 32, "features": 256, "residual": 0.1}
PARAMETERS = [
    ("subpixel", {}, 825_984),
    ("zhang2016", {}, 32_235_385),
    ("zhang2016", {"model_out": True}, 32_236_011),
    ("srcnn", {}, 8_129),
    ("srcnn", {"kernels": [9, 3, 5]}, 24_513),
    ("srcnn", {"kernels": [9, 5, 5]}, 57_281),
    ("srcnn", {"channels": 3}, 20_099),
    ("vdsr", {}, 665_921),
    ("vdsr", {"bias": False}, 664_704),
    ("edsr", {"scale": 2}, 1_369_859),
    ("edsr", {"scale": 3}, 1_554_499),
    ("edsr", {"scale": 4}, 1_517_571),
    ("edsr", {"scale": 2} | FULL, 40_729_603),
    ("edsr", {"scale": 3} | FULL, 43_680_003),
    ("edsr", {"scale": 4} | FULL, 43_089_923),
    ("srresnet", {}, 1_549_462),
    ("pan", {"scale": 2}, 261_403),
    ("pan", {"scale": 3}, 261_403),
    ("pan", {"scale": 4}, 272_419),
    *(
        ("dncnn", {"channels": c, "depth": d} | how, count)
        for (c, d), counts in {
            (1, 17): (556_097, 557_057, 555_137),
            (1, 20): (667_073, 668_225, 665_921),
            (3, 17): (558_403, 559_363, 557_443),
            (3, 20): (669_379, 670_531, 668_227),
        }.items()
        for how, count in zip(({}, {"bias": True}, {"norm": False}), counts, strict=True)
    ),
    ("ircnn", {}, 185_857),
    ("ircnn", {"channels": 3}, 188_163),
    ("ffdnet", {"channels": 1}, 485_316),
    ("ffdnet", {}, 852_108),
    ("prenet", {}, 168_963),
    ("prenet", {"shared": True}, 94_979),
    ("prenet", {"lstm": False}, 95_107),
    ("prenet", {"shared": True, "lstm": False}, 21_123),
    ("zero-dce", {}, 79_416),
    ("zero-dce-pp", {}, 10_561),
    ("sci", {}, 258),
    ("ruas", {}, 3_438),
]
