"""Door: a task with its network, called with pictures from Python; what `pixcli.load` returns."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from PIL import Image

from pixcli import media
from pixcli.engine import Settings, attach
from pixcli.errors import InputError, PixcliError, UsageError
from pixcli.media import Picture
from pixcli.media.colour import as_type
from pixcli.media.maps import Map, encode_map
from pixcli.media.metadata import icc_space
from pixcli.models import find
from pixcli.models import load as load_model
from pixcli.tasks import TASKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

BESIDE = ("exif", "dpi", "xmp", "comment")  # what of PIL's `info` is still true of the result


class Door:
    """A loaded task. task: the Task; card: that of the weights in use; device: what was taken, in words.

    Not for several threads at once.
    """

    def __init__(
        self,
        task: str,
        *,
        model: str | None,
        device: str,
        precision: str,
        runtime: str,
        options: dict[str, Any],
    ) -> None:
        if task not in TASKS:
            raise UsageError(f"there is no task {task!r}", f"there are: {', '.join(TASKS)}")
        self.task = TASKS[task](**options)
        for key, example in self.task.needs.items():
            if self.task.values[key] is None:
                raise UsageError(
                    f"{task} needs {key}", f"for instance: pixcli.load({task!r}, {key}={example!r})"
                )
        self.card = find(model or self.task.default, task)
        settings = Settings(device=device, precision=precision, runtime=runtime)
        self.device = attach(self.task, load_model(self.card), settings)

    def __repr__(self) -> str:
        return f"<pixcli {self.task.name} with {self.card.name} on {self.device}>"

    @overload
    def __call__(self, image: Image.Image | str | Path, after: Any = None) -> Image.Image: ...
    @overload
    def __call__(self, image: NDArray[Any], after: Any = None) -> NDArray[Any]: ...
    def __call__(
        self, image: Image.Image | NDArray[Any] | str | Path, after: Any = None
    ) -> Image.Image | NDArray[Any]:
        """What the task makes of a picture, as the kind that was given; the input is not changed.

        after: the second picture, of any kind, for a task that compares two.

        A PIL picture (any mode) gives a PIL picture, with its profile; so does a path, upright by its EXIF.
        PIL knows more than 8 bits for grey only: give an array for 16-bit colour.
        An array is (H, W) or (H, W, C) with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha, sRGB; uint8,
        uint16, or float with 0..1. An array of that type comes back, (H, W) when (H, W) was given and the
        result is grey. A task that gives maps gives the values that its file would hold, in their own type.

        Raises InputError when this picture cannot be used.
        """
        more = () if after is None else (_picture_of(after),)
        if isinstance(image, np.ndarray):
            made = self._make(_from_array(image), *more)
            return _to_array(made, image) if isinstance(made, Picture) else made.values
        if isinstance(image, Image.Image):
            beside = {k: v for k, v in image.info.items() if k in BESIDE}
            return _to_pil(self._make(_from_pil(image), *more), beside)
        picture = _picture_of(image)
        beside = {"exif": picture.ride.exif, "dpi": picture.ride.dpi, "xmp": picture.ride.xmp}
        return _to_pil(self._make(picture, *more), {k: v for k, v in beside.items() if v is not None})

    def _make(self, picture: Picture, *more: Picture) -> Picture | Map:
        self.task.check(picture.width, picture.height)
        if more and not self.task.apart():
            raise UsageError(f"{self.task.name} takes one picture at a time")
        sample = self.task.prepare(picture, *more)
        return self.task.finish(self.task.infer([sample])[0], sample).parts()[""]


def _picture_of(image: Image.Image | NDArray[Any] | str | Path) -> Picture:
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, Image.Image):
        return _from_pil(image)
    try:
        return replace(media.read(image), name=Path(image).name)
    except PixcliError as fault:
        raise InputError(f"{image}: {fault.what}", fault.hint) from fault


def _from_array(array: NDArray[Any]) -> Picture:
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] > 4):
        raise InputError(
            f"an array of shape {array.shape} is no picture", "(H, W) or (H, W, C) with C from 1 to 4"
        )
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise InputError(f"an array of {array.dtype} is no picture", "uint8, uint16, or float with 0..1")
    if array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            raise InputError("the array holds NaN or infinite numbers")
    array = np.ascontiguousarray(array if array.ndim == 3 else array[..., None])
    if array.shape[2] in (2, 4):
        return Picture(array[..., :-1], array[..., -1])
    return Picture(array)


def _to_array(picture: Picture, given: NDArray[Any]) -> NDArray[Any]:
    pixels = picture.pixels
    if picture.alpha is not None:
        pixels = np.concatenate([pixels, picture.alpha[..., None]], axis=2)
    if given.ndim == 2 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return np.ascontiguousarray(pixels.astype(given.dtype, copy=False))


def _from_pil(image: Image.Image) -> Picture:
    """Through the reader, which knows modes, palettes and profiles; EXIF stays outside, nothing is turned."""
    buffer = io.BytesIO()
    form = "PNG" if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else "TIFF"
    if image.mode in ("PA", "La", "RGBa", "RGBX", "HSV", "YCbCr", "I"):
        if image.mode == "I":
            raise InputError("a PIL picture of mode I has 32 bits", "convert it to I;16 or F")
        image, form = image.convert({"PA": "RGBA", "La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGB")), "PNG"
    kept = {k: image.info[k] for k in ("icc_profile", "transparency") if image.info.get(k) is not None}
    if form == "TIFF":
        kept.pop("transparency", None)
        image.save(buffer, form, **kept)
    else:
        image.save(buffer, form, compress_level=0, **kept)
    return media.read(buffer.getvalue())


def _to_pil(picture: Picture | Map, info: dict[str, Any]) -> Image.Image:
    if not isinstance(picture, Picture):
        if picture.format != "png":
            raise InputError(f"PIL has no picture for {picture.format}", "give an array")
        return Image.open(io.BytesIO(encode_map(picture)))
    gray = picture.gray and picture.alpha is None
    pixels = picture.pixels if gray else as_type(picture.pixels, np.uint8)
    if picture.alpha is not None:
        pixels = np.concatenate([pixels, as_type(picture.alpha, np.uint8)[..., None]], axis=2)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if gray else pixels))
    image.info.update(info)
    if icc_space(picture.ride.icc) == ("GRAY" if picture.gray else "RGB"):
        image.info["icc_profile"] = picture.ride.icc
    return image
