"""Our figures against an independent script that measures the same from the same files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixcli.evaluate import datasets, measures
from pixcli.evaluate.protocols import KINDS, SuperRes, bicubic, compare, pairs

DATA = os.environ.get("PIXCLI_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="PIXCLI_DATA names no folder with test sets")


def judged(kind: str, out: Path, truth: Path, border: int) -> dict[str, float]:
    script = Path(str(DATA)) / "measure" / "measure.py"
    if not script.exists():
        pytest.skip("PIXCLI_DATA has no measure/measure.py")
    pytest.importorskip("skimage")
    words = [sys.executable, str(script), kind, str(out), str(truth), "--border", str(border)]
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
