"""`pixcli.load(...)`: what the task writes, as the kind that was given."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

import pixcli
from pixcli.errors import InputError, UsageError, WeightsError
from pixcli.tasks import TASKS
from tests.conftest import NEEDED

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def double(tiny):
    return pixcli.load("superres", model=str(tiny["superres"]), device="cpu", scale=2)


@pytest.fixture(scope="module")
def colour(tiny):
    return pixcli.load("colorize", model=str(tiny["colorize"]), device="cpu")


@pytest.mark.parametrize("task", TASKS)
def test_every_task_takes_every_kind(tiny, tmp_path, task):
    net = pixcli.load(task, model=str(tiny[task]), device="cpu", **NEEDED.get(task, {}))
    array = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = Image.fromarray(array)
    image.save(tmp_path / "a.png")
    if net.task.apart():
        after = Image.fromarray(np.roll(array, 2, axis=1))
        flows = [net(kind, after) for kind in (array, np.asarray(image), array.astype(np.float32) / 255)]
        assert all(flow.shape == (12, 16, 2) for flow in flows)
        np.testing.assert_allclose(flows[0], flows[2], atol=1e-3)
        with pytest.raises(InputError, match="motion takes two"):
            net(array)
        return
    from_array, from_image, from_path = net(array), net(image), net(tmp_path / "a.png")
    assert isinstance(from_array, np.ndarray)
    assert isinstance(from_image, Image.Image)
    assert isinstance(from_path, Image.Image)
    np.testing.assert_array_equal(from_array, np.asarray(from_image))
    np.testing.assert_array_equal(from_array, np.asarray(from_path))
    np.testing.assert_array_equal(np.asarray(image), array)  # the input is as it was


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_arrays_keep_type_and_channels(double, dtype, channels):
    shape = (6, 7) if channels is None else (6, 7, channels)
    array = RNG.random(shape)
    array = (
        (array * np.iinfo(dtype).max).astype(dtype) if np.dtype(dtype).kind == "u" else array.astype(dtype)
    )
    made = double(array)
    assert made.dtype == dtype
    assert made.shape == (12, 14, *shape[2:])
    assert abs(made.mean() / (array.mean() or 1) - 1) < 0.2  # the same range


@pytest.mark.parametrize(
    ("mode", "back"),
    [
        *((mode, mode) for mode in ("L", "LA", "RGB", "RGBA", "I;16", "F")),
        *(("1", "L"), ("P", "RGB"), ("CMYK", "RGB"), ("YCbCr", "RGB")),
    ],
)
def test_pil_pictures_of_every_mode(double, mode, back):
    rgb = Image.fromarray(RNG.integers(0, 256, (6, 7, 3), dtype=np.uint8))
    if mode == "I;16":
        image = Image.fromarray(RNG.integers(0, 65536, (6, 7), dtype=np.uint16))
    elif mode == "F":
        image = Image.fromarray(RNG.random((6, 7), dtype=np.float32))
    else:
        image = rgb.convert(mode)
    made = double(image)
    assert (made.mode, made.size) == (back, (14, 12))


def test_a_grey_array_comes_out_in_colour(colour):
    made = colour(RNG.integers(0, 256, (40, 30), dtype=np.uint8))
    assert made.shape == (40, 30, 3)


def test_profile_and_resolution_stay(double):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(RNG.integers(0, 256, (6, 7, 3), dtype=np.uint8))
    image.info |= {"icc_profile": icc, "dpi": (300, 300)}
    assert double(image).info["icc_profile"] == icc
    assert double(image).info["dpi"] == (300, 300)


def test_faults_are_told(double, tmp_path):
    with pytest.raises(InputError, match="shape"):
        double(np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(InputError, match="int64"):
        double(np.zeros((2, 2), np.int64))
    with pytest.raises(InputError, match="NaN"):
        double(np.full((4, 4), np.nan))
    with pytest.raises(InputError, match=r"gone\.png"):
        double(tmp_path / "gone.png")
    with pytest.raises(UsageError, match="no task 'nothing'"):
        pixcli.load("nothing")
    with pytest.raises(UsageError, match="no option 'size'"):
        pixcli.load("superres", size=3)
    with pytest.raises(WeightsError):
        pixcli.load("superres", model="no-such-model")
