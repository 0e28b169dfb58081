"""The classes that published networks of labels tell, by the set they were trained on: names and colours."""

from __future__ import annotations

from typing import Any

CAMVID = (  # SegNet's list
    ("sky", "808080"),
    ("building", "800000"),
    ("pole", "c0c080"),
    ("road", "804080"),
    ("pavement", "0000c0"),
    ("tree", "808000"),
    ("sign", "c08080"),
    ("fence", "404080"),
    ("car", "400080"),
    ("pedestrian", "404000"),
    ("bicyclist", "0080c0"),
    ("void", "000000"),
)
CITYSCAPES = (  # by train id
    ("road", "804080"),
    ("sidewalk", "f423e8"),
    ("building", "464646"),
    ("wall", "66669c"),
    ("fence", "be9999"),
    ("pole", "999999"),
    ("traffic light", "faaa1e"),
    ("traffic sign", "dcdc00"),
    ("vegetation", "6b8e23"),
    ("terrain", "98fb98"),
    ("sky", "4682b4"),
    ("person", "dc143c"),
    ("rider", "ff0000"),
    ("car", "00008e"),
    ("truck", "000046"),
    ("bus", "003c64"),
    ("train", "005064"),
    ("motorcycle", "0000e6"),
    ("bicycle", "770b20"),
    ("void", "000000"),
)
VOC = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor"
)
COCO = (  # things by id, from 1 on; "-" where there is none
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, -, "
    "stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, -, "
    "backpack, umbrella, -, -, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, "
    "baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, -, wine glass, cup, fork, "
    "knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, "
    "chair, couch, potted plant, bed, -, dining table, -, -, toilet, -, tv, laptop, mouse, remote, keyboard, "
    "cell phone, microwave, oven, toaster, sink, refrigerator, -, book, clock, vase, scissors, teddy bear, "
    "hair drier, toothbrush"
)
STUFF = {  # of COCO, by id
    92: "banner",
    93: "blanket",
    95: "bridge",
    100: "cardboard",
    107: "counter",
    109: "curtain",
    112: "door-stuff",
    118: "floor-wood",
    119: "flower",
    122: "fruit",
    125: "gravel",
    128: "house",
    130: "light",
    133: "mirror-stuff",
    138: "net",
    141: "pillow",
    144: "platform",
    145: "playingfield",
    147: "railroad",
    148: "river",
    149: "road",
    151: "roof",
    154: "sand",
    155: "sea",
    156: "shelf",
    159: "snow",
    161: "stairs",
    166: "tent",
    168: "towel",
    171: "wall-brick",
    175: "wall-stone",
    176: "wall-tile",
    177: "wall-wood",
    178: "water-other",
    180: "window-blind",
    181: "window-other",
    184: "tree-merged",
    185: "fence-merged",
    186: "ceiling-merged",
    187: "sky-other-merged",
    188: "cabinet-merged",
    189: "table-merged",
    190: "floor-other-merged",
    191: "pavement-merged",
    192: "mountain-merged",
    193: "grass-merged",
    194: "dirt-merged",
    195: "paper-merged",
    196: "food-other-merged",
    197: "building-other-merged",
    198: "rock-merged",
    199: "wall-other-merged",
    200: "rug-merged",
}
UNUSED = [n for n, name in enumerate(COCO.split(", "), 1) if name == "-"]


def rows(names: tuple[tuple[str, str], ...]) -> tuple[dict[str, Any], ...]:
    """As a card has them."""
    return tuple({"name": name, "color": list(bytes.fromhex(colour))} for name, colour in names)


def voc_colour(number: int) -> list[int]:
    """Of PASCAL VOC: bits 3 k, 3 k + 1 and 3 k + 2 of the class are bit 7 - k of red, green and blue."""
    return [sum((number >> 3 * k + c & 1) << 7 - k for k in range(3)) for c in range(3)]


THINGS: tuple[dict[str, Any], ...] = tuple(
    {"name": name, "id": n, "thing": True} for n, name in enumerate(COCO.split(", "), 1) if n not in UNUSED
)
LABELS: dict[str, tuple[dict[str, Any], ...]] = {
    "": (),
    "camvid": rows(CAMVID),
    "cityscapes": rows(CITYSCAPES),
    "voc": tuple({"name": name, "color": voc_colour(n)} for n, name in enumerate(VOC.split())),
    "coco": THINGS,
    "coco-panoptic": THINGS + tuple({"name": name, "id": n} for n, name in STUFF.items()),
}
