"""Files of motion, and its colours."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pixcli.errors import InputError
from pixcli.media.flow_colours import flow_colours, wheel
from pixcli.media.flow_files import FORMATS, encode_flow, read_flow


@pytest.mark.parametrize("kind", FORMATS)
def test_a_flow_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    flow = draw.normal(0, 40, (5, 7, 2)).astype(np.float32)
    known = draw.random((5, 7)) < 0.7
    path = tmp_path / f"a.{kind}"
    path.write_bytes(encode_flow(flow, known, kind))
    again, still = read_flow(path)
    assert again.dtype == np.float32
    assert np.array_equal(still, known)
    assert np.all(again[~known] == 0)
    if kind == "png":
        assert np.abs(again - flow)[known].max() <= 1 / 128
        path.write_bytes(encode_flow(again, still, kind))
        assert np.array_equal(read_flow(path)[0], again)
    else:
        assert np.array_equal(again[known], flow[known])


def test_motion_beyond_what_png_holds_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "far.png"
    path.write_bytes(encode_flow(np.float32([[[511.9, 0], [513, 0], [0, -600]]]), None, "png"))
    assert read_flow(path)[1].tolist() == [[True, False, False]]


def test_npz_is_read_by_numpy_alone() -> None:
    stored = np.load(io.BytesIO(encode_flow(np.ones((2, 3, 2), np.float32), None, "npz")))
    assert stored["flow"].shape == (2, 3, 2)
    assert stored["valid"].all()


def bomb() -> bytes:
    """An .npz whose header promises ten terabytes."""
    head, packed = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f4", "fortran_order": False, "shape": (1 << 20, 1 << 20, 2)}
    )
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("flow.npy", head.getvalue())
    return packed.getvalue()


def other() -> bytes:
    packed = io.BytesIO()
    np.savez(packed, flow=np.zeros((3, 3), np.float32))
    return packed.getvalue()


GOOD = encode_flow(np.zeros((4, 4, 2), np.float32), None, "flo")
SPOILT = {
    "empty": b"",
    "no flow": b"RIFF and more",
    "truncated .flo": GOOD[:-1],
    "impossible": b"PIEH" + struct.pack("<ii", -3, 4),
    "more than": b"PIEH" + struct.pack("<ii", 1 << 30, 1 << 30),
    "more than ": bomb(),
    "PNG": encode_flow(np.zeros((4, 4, 2), np.float32), None, "png")[:50],
    "damaged .npz": b"PK\x03\x04 nothing",
    "not (H, W, 2)": other(),
}


@pytest.mark.parametrize("words", SPOILT)
def test_a_broken_file_is_one_clear_line(words: str, tmp_path: Path) -> None:
    path = tmp_path / "spoilt"
    path.write_bytes(SPOILT[words])
    with pytest.raises(InputError, match="spoilt: ") as said:
        read_flow(path)
    assert words == "empty" or words.strip() in str(said.value)
    assert "\n" not in str(said.value)


def test_published_files_agree() -> None:
    if "PIXCLI_DATA" not in os.environ:
        pytest.skip("PIXCLI_DATA is not set")
    folder = Path(os.environ["PIXCLI_DATA"], "data", "flow").resolve()
    flow, known = read_flow(folder / "formats" / "venus.flo")
    coded, there = read_flow(folder / "test" / "mb_venus" / "flow.png")
    assert flow.shape == (380, 420, 2)
    assert np.array_equal(known, there)
    assert np.abs(flow - coded).max() <= 1 / 128
    assert np.linalg.norm(flow[known], axis=-1).mean() == pytest.approx(3.802, abs=0.01)
    street, some = read_flow(folder / "test" / "kitti_street" / "flow.png")
    assert some.mean() == pytest.approx(0.162, abs=0.001)
    assert np.linalg.norm(street[some], axis=-1).mean() == pytest.approx(51.010, abs=0.01)


def test_the_wheel_is_middleburys() -> None:
    hues = wheel()
    assert hues.shape == (55, 3)
    assert hues[[0, 15, 21, 25, 36, 49]].tolist() == [
        [255, 0, 0],
        [255, 255, 0],
        [0, 255, 0],
        [0, 255, 255],
        [0, 0, 255],
        [255, 0, 255],
    ]
    flow = np.float32([[[0, 0], [2, 0], [1, 0], [4, 0], [0, 0]]])
    known = np.array([[True, True, True, True, False]])
    still, right, slow, fast, unknown = flow_colours(flow, known, largest=2)[0].astype(int)
    assert still.tolist() == [255, 255, 255]
    assert unknown.tolist() == [0, 0, 0]
    assert right.tolist() == [255, 0, 0]  # to the right is red
    assert slow.tolist() == [255, 127, 127]
    assert fast.tolist() == [191, 0, 0]
    assert flow_colours(np.zeros((2, 2, 2), np.float32)).min() == 255
