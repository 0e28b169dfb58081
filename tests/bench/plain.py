"""What a user would write with the same weights: each picture whole, NCHW, float32, Pillow in and out.

python plain.py TASK INPUT_FOLDER OUTPUT_FOLDER DEVICE   prints the seconds after start-up
"""

from __future__ import annotations

import inspect
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from timing import default
from torch import Tensor, nn
from torch.nn import functional

from pixcli.media import Picture, Ride
from pixcli.models import load
from pixcli.tasks import TASKS


class Whole:
    """Stands where the runner stands: float32, the whole picture at once, in PyTorch's own layout."""

    def __init__(self, net: nn.Module, footprint: Any, device: str) -> None:
        self.net, self.footprint, self.device = net.to(device).eval(), footprint, device
        self.more = (footprint.scale,) if "scale" in inspect.signature(net.forward).parameters else ()

    @torch.inference_mode()
    def __call__(self, x: Tensor, out: torch.dtype = torch.float32) -> Tensor:
        height, width = x.shape[-2:]
        peak = {torch.uint8: 255, torch.uint16: 65535}
        x = x.to(self.device).float() / peak.get(x.dtype, 1)
        m, s = self.footprint.multiple, self.footprint.scale
        x = functional.pad(x, (0, -width % m, 0, -height % m), mode="replicate")
        y = self.net(x, *self.more)[..., : height * s, : width * s].cpu()
        return (y.clamp(0, 1) * peak[out]).round().to(out) if out in peak else y


def main(name: str, source: Path, target: Path, device: str) -> None:
    card = default(name)
    assert card is not None
    task = TASKS[name]()
    task.attach(load(card), lambda net, footprint: Whole(net, footprint, device))  # type: ignore[arg-type,return-value]
    target.mkdir()
    began = time.perf_counter()
    for path in sorted(source.iterdir()):
        with Image.open(path) as image:
            pixels = np.array(image)
        picture = Picture(pixels.reshape(*pixels.shape[:2], -1), ride=Ride(format="JPEG"))
        sample = task.prepare(picture)
        result = task.finish(task.infer([sample])[0], sample).pictures[""]
        Image.fromarray(result.pixels.squeeze()).save(target / path.name, quality=92)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
