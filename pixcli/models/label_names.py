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


def rows(names: tuple[tuple[str, str], ...]) -> tuple[dict[str, Any], ...]:
    """As a card has them."""
    return tuple({"name": name, "color": list(bytes.fromhex(colour))} for name, colour in names)


LABELS = {"camvid": rows(CAMVID), "cityscapes": rows(CITYSCAPES)}
