import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pixcli.errors import OutputError, UsageError
from pixcli.evaluate import Table, evaluate, measures
from pixcli.evaluate.protocols import compare, pairs
from pixcli.infer.footprint import Footprint
from pixcli.models import Card, save
from pixcli.nets import build


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """An untrained network of the shipped kind, small: close to bicubic, as its corrections start small."""
    torch.manual_seed(1)
    arguments = {"channels": 8, "blocks": 1, "scales": [2]}
    card = Card(
        name="tiny",
        task="superres",
        network="subpixel",
        path=tmp_path / "tiny.safetensors",
        arguments=arguments,
        footprint=Footprint(reach=6),
        scales=(2,),
    )
    save(card.path, build("subpixel", arguments), card)
    return str(card.path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three colour pictures and a grey one, of odd sizes."""
    folder = tmp_path / "set"
    folder.mkdir()
    for i, name in enumerate(("a.png", "b.webp", "c.bmp", "gray.png")):
        y, x = np.mgrid[0 : 41 + i, 0:37] / 6
        waves = (
            np.stack([127 + 100 * np.sin(x + y * (1 + p / 5) + i + p) for p in range(3)], -1)
            .round()
            .astype(np.uint8)
        )
        image = Image.fromarray(waves[..., 0] if name.startswith("gray") else waves)
        image.save(folder / name, **({"lossless": True} if name.endswith("webp") else {}))
    return folder


@pytest.fixture
def table(weights: str, pictures: Path, tmp_path: Path) -> Table:
    return evaluate("superres", pictures, model=weights, scale=2, keep=tmp_path / "kept")


def test_one_row_for_each_picture_with_the_baseline_beside(table: Table) -> None:
    assert [row["picture"] for row in table.rows] == ["a", "b", "c", "gray"]
    for row in table.rows:
        assert row["psnr"] == pytest.approx(row["bicubic_psnr"], abs=6)
    assert table.mean["psnr"] == pytest.approx(np.mean([row["psnr"] for row in table.rows]))
    assert table.figure == "psnr"


def test_figures_are_those_of_the_files_that_are_kept(table: Table, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    rows = compare("y", pairs(kept / "output", kept / "truth"), border=2)
    again = measures.means(rows)
    assert again["psnr"] == table.mean["psnr"]
    assert Image.open(kept / "truth" / "b.png").size == (36, 42)
    assert Image.open(kept / "input" / "b.png").size == (18, 21)


def test_card_rows_and_json_are_plain(table: Table, weights: str) -> None:
    rows = json.loads(json.dumps(table.to_json()))
    assert rows["mean"]["psnr"] == table.mean["psnr"]
    psnr = next(row for row in table.measures() if row["measure"] == "psnr")
    assert psnr["set"] == "set"
    assert (
        psnr["command"] == f"pixcli eval superres {Path(weights).parent / 'set'} --scale 2 --model {weights}"
    )


def test_kept_folder_must_be_new(table: Table, weights: str, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not empty"):
        evaluate("superres", pictures, model=weights, scale=2, keep=tmp_path / "kept")


def test_options_of_no_task_are_refused(weights: str, pictures: Path) -> None:
    with pytest.raises(UsageError):
        evaluate("superres", pictures, model=weights, scale=2, colour="no")


def test_colorize_is_given_gray_and_measured_by_ab(pictures: Path, tmp_path: Path) -> None:
    arguments = {"channels": 8, "bins": 0}
    card = Card(
        name="tiny",
        task="colorize",
        network="lite-colour",
        path=tmp_path / "tiny.safetensors",
        arguments=arguments,
        footprint=Footprint(reach=None, multiple=32, side=64),
    )
    save(card.path, build("lite-colour", arguments), card)
    table = evaluate("colorize", pictures, model=str(card.path), keep=tmp_path / "kept")
    assert Image.open(tmp_path / "kept" / "input" / "a.png").mode == "L"
    assert table.mean["ab_rmse_gray"] > table.mean["ab_rmse_own_tint"] > 0
    assert table.mean["chroma_share"] == pytest.approx(table.mean["chroma"] / table.mean["chroma_truth"])
    assert table.mean["lightness_diff"] < 1
    gray = table.rows[-1]
    assert gray["ab_rmse_gray"] == pytest.approx(0, abs=0.01)
