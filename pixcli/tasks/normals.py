"""normals: which way each surface faces."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pixcli.errors import UsageError
from pixcli.tasks.base import Option, Result, Sample
from pixcli.tasks.geometry import EPS, RADIUS, Geometry
from pixcli.tasks.working import enlarged, unrest

if TYPE_CHECKING:
    from torch import Tensor

    from pixcli.media.picture import Array
    from pixcli.tasks.base import Memory

# signs of x, y, z against the camera's own axes (x right, y down, z forward)
CONVENTIONS = {"camera": (1, 1, 1), "opengl": (1, -1, -1), "directx": (1, 1, -1)}
AXES = {
    "camera": "x right, y down, z forward",
    "opengl": "x right, y up, z towards the camera",
    "directx": "x right, y down, z towards the camera",
}


class Normals(Geometry):
    """Tell which way the surfaces in photographs and films face.

    A map is an RGB PNG: (n + 1) / 2 of the unit vector n. In the camera's axes x is right, y down and z
    forward, so that a wall before the camera is near (0, 0, -1); for opengl y is up and z towards the camera,
    for directx y is down and z towards the camera. npy and exr hold n itself.
    """

    name, default = "normals", "depth-normals"
    part, signs = slice(-3, None), (-1, 1, 1)
    flicker_unit = "degrees"
    example = "pixcli normals photos/ -o normals/ --convention opengl"
    forms = MappingProxyType({"png": ".png", "npy": ".npy", "exr": ".exr"})

    bits = Option(8, "Of each channel of a PNG: 8 or 16.", int, min=8, max=16)
    convention = Option("camera", "The axes.", choices=tuple(CONVENTIONS))

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        if self.values["bits"] not in (8, 16):
            raise UsageError(f"--bits {self.values['bits']}: is neither 8 nor 16")

    def flicker(self, before: Memory, after: Memory) -> float | None:
        from torch.nn import functional as F

        def change(a: Tensor, b: Tensor) -> Tensor:
            return F.cosine_similarity(a, b, 0)[None].clamp(-1, 1).acos().rad2deg()

        return unrest(before, after, change)

    def finish(self, answer: Tensor, sample: Sample) -> Result:
        import numpy as np

        from pixcli.media.maps import Map
        from pixcli.media.picture import Picture

        n = self.full(answer, sample.context.rgb)
        form = self.map_format()
        text = {"Software": "pixcli", "model": self.model.card.name}
        axes = AXES[self.values["convention"]]
        if form != "png":
            made = Map(n, form, text=text | {"normals": axes})
        else:
            kind = np.uint16 if self.values["bits"] == 16 else np.uint8
            made = Map(coded(n, np.dtype(kind)), text=text | {"normals": f"(n + 1) / 2; {axes}"})
        return Result(maps={"": made}, view=lambda: Picture(coded(n, np.dtype(np.uint8))))

    def full(self, x: Tensor, rgb: Array) -> Array:
        """(H, W, 3) float32 at the picture's size, of unit length, in the convention that was asked for."""
        import numpy as np
        import torch
        from torch.nn import functional as F

        signs = torch.tensor(CONVENTIONS[self.values["convention"]], dtype=torch.float32)[:, None, None]
        full = np.empty(rgb.shape, np.float32)
        for top, bottom, strip in enlarged(F.normalize(x, dim=0), rgb, RADIUS, EPS):
            length = strip.square().sum(0).sqrt_().clamp_(min=1e-12)  # F.normalize takes ten times as long
            full[top:bottom] = (strip * (signs / length)).permute(1, 2, 0).numpy()
        return full


def coded(n: Array, kind: Any) -> Array:
    """(n + 1) / 2 over the full range of uint8 or uint16."""
    import numpy as np

    half = np.float32(np.iinfo(kind).max / 2)
    code = n * half
    code += half
    return np.rint(code, out=code).astype(kind)
