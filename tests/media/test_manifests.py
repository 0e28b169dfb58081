"""The collections of valid and of hostile files, where PIXCLI_DATA names the folder that holds them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixcli.errors import InputError
from pixcli.media import frames, kind_of, plan_format, read, write, write_frames
from pixcli.media.kind import SUFFIXES

DATA = Path(os.environ.get("PIXCLI_DATA", "")) / "inputs"
SECONDS, BYTES = 20, 2 << 30

# Refused in words that say what to do.
REFUSED = {"tiff/grey_i16.tif"}
LIGHT = {"exr/rgb_half.exr", "hdr/rgbe.hdr"}  # they get a profile of linear light for the way
# Where the manifest allows more than one answer, or describes the stored form.
MODES = {"bmp/pal1_inverted.bmp": "L", "real/multiple_exif.jpg": "L"}  # the second has one component


def listed(which: str) -> list:
    if "PIXCLI_DATA" not in os.environ:
        reason = "PIXCLI_DATA does not name the folder with the collections"
        return [pytest.param({}, marks=pytest.mark.skip(reason=reason), id="none")]
    files = json.loads((DATA / which / "manifest.json").read_text())["files"]
    return [pytest.param(f, id=f["file"]) for f in files if not f["file"].startswith("film/")]


@pytest.mark.parametrize("entry", listed("good"))
def test_valid_files_are_read_rightly_and_written_back(entry, tmp_path):
    path, expected = DATA / "good" / entry["file"], entry["expect"]
    assert kind_of(path) == "picture"
    if entry["file"] in REFUSED:
        with pytest.raises(InputError):
            read(path)
        return
    picture = read(path)
    check(picture, entry)
    assert picture.ride.save.get("frames", 1) == expected["frames"]
    name, _ = plan_format(picture)
    out = tmp_path / f"out{SUFFIXES[name]}"
    many = expected["frames"] > 1
    lost = write_frames(frames(path), out) if many else write(picture, out)
    again = read(out)
    assert again.pixels.shape == picture.pixels.shape
    assert again.pixels.dtype == picture.pixels.dtype
    assert (again.alpha is None) == (picture.alpha is None)
    assert again.ride.icc == picture.ride.icc
    assert (again.ride.exif is None) == (picture.ride.exif is None)
    assert again.ride.xmp == picture.ride.xmp
    assert {"icc", "exif", "xmp", "dpi", "16-bit", "alpha", "float"}.isdisjoint(lost)
    if many and name != "AVIF":
        times = [f.ride.save.get("duration") for f in frames(path)]
        assert [f.ride.save.get("duration") for f in frames(out)] == times


def check(picture, entry):
    expected = entry["expect"]
    assert [picture.width, picture.height] == expected["size"]
    assert 8 * picture.pixels.dtype.itemsize == expected["bits"]
    mode = ("L" if picture.gray else "RGB") + ("" if picture.alpha is None else "A")
    assert mode == MODES.get(entry["file"], expected["mode"])
    assert (picture.ride.icc is None) == (expected["icc"] is None and entry["file"] not in LIGHT)
    if expected["dpi"]:
        np.testing.assert_allclose(picture.ride.dpi, expected["dpi"], atol=0.02)
    assert bool(picture.ride.exif) >= bool(entry.get("exif"))
    assert bool(picture.ride.xmp) >= bool(entry.get("xmp"))
    probes, tolerance = entry.get("probe_rgb"), entry.get("probe_rgb_tol")
    if probes is None and entry["mode"] not in ("CMYK", "LAB"):
        probes, tolerance = entry.get("probe"), entry.get("probe_tol")
    scale = 1.0
    if "native_max" in entry or entry["bits"] == 12:
        scale = picture.peak / entry.get("native_max", 4095)
    elif entry["file"] == "tiff/grey_u32.tif":
        scale = 1 / (2**32 - 1)
    samples = picture.pixels if picture.alpha is None else np.dstack((picture.pixels, picture.alpha))
    for x, y, truth in probes or ():
        if entry.get("probe_alpha_min", 0) > truth[-1]:
            continue
        seen = np.resize(samples[y, x].astype(float), len(truth))  # grey for three equal channels
        np.testing.assert_allclose(seen, np.multiply(truth, scale), atol=(tolerance or 0) + (scale != 1) / 2)


CHILD = f"""
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, ({BYTES} + (2 << 30), {BYTES} + (2 << 30)))
from pixcli.errors import InputError
from pixcli.media import frames, kind_of
kind_of(sys.argv[1])
try:
    for picture in frames(sys.argv[1]):
        assert picture.pixels.size
    print("decoded")
except InputError as e:
    assert chr(10) not in str(e), str(e)
    print("refused")
told = Path("/proc/self/status")  # getrusage counts what the process that began it held, too
if told.exists():
    peak = int(told.read_text().split("VmHWM:")[1].split()[0])
assert peak < {BYTES >> 10}, peak
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("entry", listed("bad"))
def test_broken_and_hostile_files_cost_little_and_do_nothing(entry, tmp_path):
    path = DATA / "bad" / entry["file"]
    command = [sys.executable, "-W", "error", "-c", CHILD, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() in {"refuse": ["refused"]}.get(entry["expect"], ["decoded", "refused"])
    assert not list(tmp_path.iterdir()), "nothing was run or written"
