"""Our figures against an independent script that measures the same from the same files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from pixcli.evaluate import datasets, maps, measures
from pixcli.evaluate.protocols import KINDS, SuperRes, bicubic, compare, pairs

DATA = os.environ.get("PIXCLI_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="PIXCLI_DATA names no folder with test sets")


def judged(kind: str, out: Path, truth: Path, border: int, *more: str) -> dict[str, float]:
    script = Path(str(DATA)) / "measure" / "measure.py"
    if not script.exists():
        pytest.skip("PIXCLI_DATA has no measure/measure.py")
    pytest.importorskip("skimage")
    words = [sys.executable, str(script), kind, str(out), str(truth), "--border", str(border), *more]
    answer = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(answer))


@needs_data
@pytest.mark.parametrize("kind", KINDS)
def test_figures_agree_with_the_independent_script(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for folder in ("out", "truth"):
        (tmp_path / folder).mkdir()
    for path in datasets.find("set5").pictures:
        truth = datasets.read(path)[40:167, 60:181]
        noisy = np.clip(truth + rng.normal(0, 12, truth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(truth).save(tmp_path / "truth" / f"{path.stem}.webp", lossless=True)
        Image.fromarray(noisy).save(tmp_path / "out" / f"{path.stem}.png")
    border = 0 if kind == "color" else 3
    ours = measures.means(compare(kind, pairs(tmp_path / "out", tmp_path / "truth"), border))
    theirs = judged(kind, tmp_path / "out", tmp_path / "truth", border)
    assert set(ours) == set(theirs) - {"n"}
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], abs=0.01 if "psnr" in name else 1e-3), name


@needs_data
@pytest.mark.parametrize(("scale", "wanted"), [(2, 33.68), (3, 30.41), (4, 28.43)])
def test_bicubic_baseline_on_set5_is_the_known_one(scale: int, wanted: float) -> None:
    rules = SuperRes(scale)
    found = []
    for path in datasets.find("set5").pictures:
        truth = rules.truth(datasets.read(path))
        again = bicubic(rules.degrade(truth), *truth.shape[:2])
        a, b = (measures.crop(measures.luma(p.astype(np.float64)), scale) for p in (again, truth))
        found.append(measures.psnr(a, b))
    assert np.mean(found) == pytest.approx(wanted, abs=0.01)


@needs_data
@pytest.mark.parametrize("name", datasets.SETS)
def test_the_sets_are_complete(name: str) -> None:
    assert len(datasets.find(name).pictures) == datasets.SETS[name]


@needs_data
@pytest.mark.parametrize("kind", ["labels", "depth", "normals", "flow"])
def test_figures_of_maps_agree_with_the_independent_script(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    every = []
    for folder in ("out", "truth"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        out, truth = (tmp_path / folder / f"{name}.png" for folder in ("out", "truth"))
        if kind == "labels":
            values = [
                rng.integers(0, 5, (40, 50), dtype=np.uint8),
                rng.integers(0, 7, (40, 50), dtype=np.uint8),
            ]
        elif kind == "depth":
            values = [rng.integers(500, 9000, (48, 64), dtype=np.uint16) for _ in range(2)]
            values[1][:9, :9] = 0
        elif kind == "normals":
            values = [rng.integers(1, 256, (40, 50, 3), dtype=np.uint8) for _ in range(2)]
            values[1][:5] = 0
        else:
            values = [rng.integers(32000, 33000, (30, 40, 3), dtype=np.uint16) for _ in range(2)]
            values[1][..., 2] = rng.integers(0, 2, (30, 40))
        for path, pixels in zip((out, truth), values, strict=True):
            path.write_bytes(imagecodecs.png_encode(pixels))
        every.append(values)
    words, ours = [], {}
    if kind == "labels":
        words = ["--classes", "6", "--void", "5"]
        ours = maps.labels(sum(maps.confusion(a, b, 6, {5}) for a, b in every))
    elif kind == "depth":
        words = ["--crop", "eigen", "--align", "median"]
        rows = [maps.depth(a / 1000, b / 1000, "eigen", "median") for a, b in every]
        ours = {k: float(np.mean([row[k] for row in rows])) for k in rows[0]}
    elif kind == "normals":
        ours = maps.normals(np.concatenate([maps.angles(a.astype(float), b.astype(float)) for a, b in every]))
    else:
        pytest.importorskip("cv2")
        read = [[maps.read_flow(tmp_path / where / f"{n}.png") for where in ("out", "truth")] for n in "ab"]
        rows = [maps.flow(out[0], *truth) for out, truth in read]
        ours = {k: float(np.mean([row[k] for row in rows])) for k in rows[0]}
    theirs = judged(kind, tmp_path / "out", tmp_path / "truth", 0, *words)
    for name, value in ours.items():
        assert value == pytest.approx(theirs[name], rel=1e-5, abs=1e-4), name
