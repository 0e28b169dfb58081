"""One entry a network of pixcli.nets.NETWORKS: how the tests build and feed it, and its parameter counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Case:
    """arguments: of a small one, where there is a choice. reach: its reach, None for the whole picture.

    grows: output pixels per input pixel. fixed: height and width of the one input that it takes, then of what
    it gives. picture: it gives a picture; if not, numbers of another kind. scale: what forward(x, scale) is
    given, when it takes that.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    channels: int = 3
    out: int = 3
    grows: Fraction = Fraction(1)
    multiple: int = 1
    fixed: tuple[int, int, int, int] | None = None
    picture: bool = True
    scale: int | None = None
    reach: int | None = None
    rate: float = 3e-3  # for overfitting
    dark: bool = False  # it can do nothing but brighten
    heavy: bool = False  # too large to be trained in a test of seconds


HALF, QUARTER, EIGHTH = Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)
SMALL = (68, 84)  # height and width that suit networks of a fixed size

CASES = {
    "subpixel": Case({"channels": 16, "blocks": 2}, grows=Fraction(3), scale=3, reach=7),
    "lite-colour": Case({"channels": 16}, channels=1, out=313, grows=QUARTER, multiple=32, rate=1e-2),
    "lite-depth": Case({"channels": 16}, out=4, grows=HALF, multiple=32, rate=1e-2),
    "lite-flow": Case(
        {"pyramid": [8] * 3, "common": 8, "decoder": [16, 8], "context": [8, 8]},
        channels=6,
        out=2,
        multiple=8,
        picture=False,
        rate=1e-2,
    ),
    "lite-segment": Case(
        {"heads": {"labels": 11, "rooms": 5}, "channels": 16}, out=16, grows=HALF, multiple=32, rate=1e-2
    ),
    "lite-panoptic": Case(
        {"classes": 8, "channels": 16, "width": 16}, out=11, grows=QUARTER, multiple=32, rate=1e-2
    ),
    "zhang2016": Case(channels=1, out=313, grows=QUARTER, multiple=8, rate=5e-4, heavy=True),
    "srcnn": Case({"scale": 3}, grows=Fraction(3), reach=4),
    "vdsr": Case({"depth": 6, "features": 16}, grows=Fraction(2), scale=2, reach=5),
    "edsr": Case({"scale": 4, "blocks": 2, "features": 16}, grows=Fraction(4), reach=8),
    "srresnet": Case({"scale": 2, "blocks": 2, "features": 16}, grows=Fraction(2), reach=12),
    "restore-unet": Case(
        {"maps": 1, "channels": [8, 8, 8], "blocks": [1, 1, 1]}, channels=4, multiple=8, reach=51
    ),
    "damage-unet": Case(
        {"channels": [8, 8, 8], "blocks": [1, 1, 1]}, out=1, multiple=8, picture=False, reach=51
    ),
    "illumination-unet": Case({"channels": [8, 8, 8, 8]}, multiple=16),
    "pan": Case({"scale": 4, "blocks": 1, "features": 16}, grows=Fraction(4), reach=6),
    "dncnn": Case({"depth": 4, "features": 16}, channels=1, out=1, reach=4),
    "ircnn": Case({"channels": 3, "features": 16}, reach=16),
    "ffdnet": Case({"depth": 4, "features": 16}, channels=4, multiple=2, reach=9),
    "prenet": Case({"turns": 2, "features": 8, "blocks": 1}, reach=10),
    "zero-dce": Case({"features": 8}, reach=7, dark=True),
    "zero-dce-pp": Case({"features": 8}, multiple=12, dark=True),
    "sci": Case(reach=3, rate=1e-2, dark=True),
    "ruas": Case(reach=17, rate=1e-2, dark=True),
    "burger": Case({"hidden": [64, 64]}, channels=1, out=1, multiple=3, reach=16),
    "ssda": Case({"channels": 3, "maps": 1, "hidden": [32, 32]}, channels=4, multiple=2, reach=7, rate=1e-2),
    "koehler": Case({"channels": 1, "hidden": [64]}, channels=2, out=1, multiple=3, reach=25),
    "eigen2013": Case({"features": 32}, reach=11),
    "schuler": Case({"stages": 2, "filters": 4, "window": 5, "kernel": 5}, rate=3e-2),
    "nah2017": Case({"features": 8, "blocks": 1}, multiple=4, reach=80),
    "srn": Case({"features": 2, "blocks": 1, "lstm": True}, multiple=16, reach=525),
    "deblurgan-v2": Case({"features": 16}, multiple=32),
    "partial-unet": Case({"layers": 3, "features": 8}, channels=4, multiple=8, rate=1e-2),
    "fill-vae": Case({"features": [8, 8], "latent": 4}, channels=4, multiple=4, rate=1e-2),
    "see-in-the-dark": Case({"features": 4}, channels=4, grows=Fraction(2), multiple=16, reach=102),
    "hdrnet": Case({"side": 32, "cells": 8, "illumination": True}, dark=True),
    "fcn": Case(
        {"classes": 8, "caffe": False, "width": 4, "hidden": 16}, out=8, multiple=32, reach=240, rate=1e-2
    ),
    "segnet": Case({"classes": 8, "width": 4}, out=8, rate=1e-2),
    "unet": Case(
        {"channels": 3, "classes": 8, "width": 4, "padding": True}, out=8, multiple=16, reach=102, rate=1e-2
    ),
    "dilation": Case(
        {"classes": 8, "context": "basic", "width": 4, "hidden": 16},
        out=8,
        grows=EIGHTH,
        multiple=8,
        rate=1e-2,
    ),
    "deeplab-v1": Case(
        {"classes": 8, "scales": True, "width": 4, "hidden": 16, "side_width": 8},
        out=8,
        grows=EIGHTH,
        multiple=8,
        rate=1e-2,
    ),
    "espnet": Case({"classes": 8, "p": 1, "q": 1}, out=8, multiple=8, reach=461, rate=1e-2),
    "eigen2014": Case({"size": SMALL, "hidden": 32}, out=1, fixed=(*SMALL, 15, 19), picture=False, rate=3e-4),
    "eigen2015": Case(
        {"encoder": "alexnet", "size": SMALL, "hidden": 32}, out=4, fixed=(*SMALL, 29, 37), picture=False
    ),
    "unet-depth": Case({"width": 4, "norm": True}, out=1, multiple=16, reach=102, picture=False, rate=1e-2),
    "densedepth": Case({"features": 32, "blocks": [1, 1, 1, 1], "growth": 8}, out=1, grows=HALF, multiple=32),
    "monodepth": Case({"width": 2}, out=2, multiple=128, picture=False, rate=3e-2),
    "flownet-simple": Case({"width": 4}, channels=6, out=2, grows=QUARTER, multiple=64),
    "flownet-corr": Case(
        {"width": 4, "reach": 4, "bias": False}, channels=6, out=2, grows=QUARTER, multiple=64
    ),
    "pwc-net": Case(
        {"pyramid": [4] * 6, "dense": [4] * 5, "context": [4] * 6},
        channels=6,
        out=2,
        grows=QUARTER,
        multiple=64,
    ),
    "spynet": Case({"levels": 2}, channels=6, out=2, multiple=2, picture=False),
    "deeplab-v3-plus": Case(
        {"classes": 8, "depths": [1, 1, 1, 1], "width": 8, "channels": 16},
        out=8,
        grows=QUARTER,
        multiple=32,
        rate=1e-2,
    ),
    "deconvnet": Case(
        {"classes": 8, "side": 32, "width": 8, "hidden": 32}, out=8, fixed=(32, 32, 32, 32), rate=1e-2
    ),
    "hed": Case({"width": 4}, out=6, rate=1e-2),
    "hypercolumns": Case(
        {"classes": 8, "grid": 3, "width": 4, "hidden": 16},
        out=8,
        grows=QUARTER,
        multiple=32,
        rate=1e-2,
    ),
    "zoom-out": Case(
        {"classes": 8, "window": 32, "width": 4, "hidden": 16, "units": 32},
        channels=4,
        out=8,
        multiple=32,
        rate=1e-2,
    ),
    "sharpmask": Case(
        {"side": 32, "features": 16, "width": 8, "depths": [1, 1, 1]},
        out=1,
        fixed=(64, 64, 32, 32),
        picture=False,
        rate=1e-2,
    ),
    "crf-rnn": Case({"classes": 8, "alpha": 10, "beta": 30}, channels=11, out=8, rate=3e-1),
    "panoptic-fpn": Case(
        {"body": "lite0", "things": 9, "stuff": 8, "channels": 16, "width": 16, "hidden": 16},
        out=8,
        grows=QUARTER,
        multiple=32,
        rate=1e-2,
    ),
    "torchvision-segment": Case({"classes": 8}, out=8, grows=EIGHTH, multiple=8, rate=1e-2),
    "torchvision-mask-rcnn": Case({"classes": 9}, grows=QUARTER, multiple=32, picture=False, heavy=True),
    "torchvision-raft": Case({"updates": 2}, channels=6, out=2, multiple=8, picture=False, rate=1e-2),
}

FULL = {"blocks": 32, "features": 256, "residual": 0.1}
PARAMETERS = [
    ("subpixel", {}, 825_984),
    ("lite-depth", {}, 3_999_364),
    ("lite-flow", {}, 1_756_294),
    ("lite-panoptic", {}, 3_554_387),
    ("lite-panoptic", {"finest": 2}, 3_592_467),
    ("lite-segment", {"finest": 4}, 3_238_219),
    ("lite-segment", {}, 3_276_299),
    ("restore-unet", {"maps": 1}, 1_711_872),
    ("illumination-unet", {}, 718_872),
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
    ("burger", {}, 13_762_270),
    ("burger", {"window": 39, "hidden": [3072, 3072, 2559, 2047]}, 27_811_839),
    ("eigen2013", {}, 754_691),
    ("nah2017", {}, 11_721_321),
    ("nah2017", {"shuffle": False}, 11_719_953),
    ("srn", {}, 6_881_251),
    ("srn", {"lstm": True}, 6_881_251 + 1_180_160),
    ("deblurgan-v2", {}, 2_106_627),
    ("partial-unet", {}, 32_865_236),
    ("damage-unet", {}, 927_008),
    ("see-in-the-dark", {}, 7_760_268),
    ("see-in-the-dark", {"sensor": "xtrans"}, 7_762_203),
    ("see-in-the-dark", {"sensor": "rgb"}, 7_759_683),
    ("hdrnet", {}, 482_080),
    ("fcn", {"stride": 32, "fixed": False}, 134_346_581 + 1_806_336),
    ("fcn", {"stride": 16, "fixed": False}, 134_357_354 + 7_056 + 451_584),
    ("fcn", {"stride": 8, "fixed": False}, 134_362_751 + 2 * 7_056 + 112_896),
    ("segnet", {}, 29_449_355),
    ("segnet", {"classes": 12}, 29_449_932),
    ("segnet", {"classes": 21}, 29_455_125),
    ("segnet", {"basic": True}, 1_416_587),
    ("unet", {}, 31_030_658),
    ("unet", {"channels": 3, "classes": 21}, 31_033_045),
    ("unet", {"channels": 3, "classes": 1, "width": 32}, 7_760_097),
    ("dilation", {}, 134_346_581),
    ("dilation", {"context": "basic"}, 134_346_581 + 28_392),
    ("dilation", {"context": "large"}, 141_149_720),
    ("deeplab-v1", {}, 20_505_429),
    ("deeplab-v1", {"scales": True}, 20_505_429 + 1_206_016),
    ("espnet", {}, 364_569),
    ("deeplab-v3-plus", {}, 59_344_309),
    ("deconvnet", {}, 251_805_653),
    ("hed", {}, 14_716_171),
    ("crf-rnn", {}, 1_323),
    ("panoptic-fpn", {}, 44_401_393 + 1_630_774),
    ("espnet", {"classes": 12, "joined": True}, 354_517),
    ("eigen2014", {}, 70_757_734 + 119_437),
    ("eigen2015", {}, 217_970_376 + 4_070),
    ("eigen2015", {"encoder": "alexnet"}, 3_747_200 + 120_083_072 + 486_017 + 465_795 + 431_876 + 4_070),
    ("unet-depth", {}, 31_031_745),
    ("densedepth", {}, 42_657_689),
    ("densedepth", {"features": 832}, 21_365_405),
    ("monodepth", {}, 31_600_072),
    ("flownet-simple", {}, 38_676_514),
    ("flownet-simple", {"bias": False}, 38_675_536),
    ("flownet-corr", {}, 39_175_298),
    ("flownet-corr", {"bias": False}, 39_174_320),
    ("pwc-net", {}, 9_374_340),
    ("spynet", {}, 1_440_300),
    *(
        ("torchvision-segment", {"name": name}, count)
        for name, count in (
            ("fcn_resnet50", 35_322_218 - 2_365_205),  # without the auxiliary classifiers
            ("fcn_resnet101", 54_314_346 - 2_365_205),
            ("deeplabv3_resnet50", 42_004_074 - 2_365_205),
            ("deeplabv3_resnet101", 60_996_202 - 2_365_205),
            ("deeplabv3_mobilenet_v3_large", 11_029_328 - 3_851),
            ("lraspp_mobilenet_v3_large", 3_221_538),
        )
    ),
    ("torchvision-mask-rcnn", {}, 44_401_393),
    ("torchvision-mask-rcnn", {"name": "maskrcnn_resnet50_fpn_v2"}, 46_359_409),
    ("torchvision-raft", {}, 990_162),
    ("torchvision-raft", {"name": "raft_large"}, 5_257_536),
]
