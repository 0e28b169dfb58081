from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixcli.errors import InputError, UsageError
from pixcli.evaluate import datasets, evaluate
from pixcli.evaluate.protocols import Colorize, Files, SuperRes, compare, pairs


def picture(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width] / 9
    waves = np.stack([127 + 110 * np.sin(x * (1 + p / 3) + p) * np.cos(y - p) for p in range(3)], -1)
    return np.round(waves).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_superres_cuts_the_truth_to_a_multiple() -> None:
    rules = SuperRes(3)
    truth = rules.truth(picture(50, 41))
    assert truth.shape == (48, 39, 3)
    assert rules.degrade(truth).shape == (16, 13, 3)


def test_bicubic_as_the_answer_scores_as_the_baseline(tmp_path: Path) -> None:
    from pixcli.evaluate.protocols import bicubic

    rules = SuperRes(2, "rgb")
    truth = rules.truth(picture(40, 50))
    given = rules.degrade(truth)
    files = Files(
        save(tmp_path / "a.png", given),
        save(tmp_path / "b.png", bicubic(given, 40, 50)),
        save(tmp_path / "c.png", truth),
    )
    [row] = rules.rows([files])
    assert row["psnr"] == row["bicubic_psnr"] > 20
    assert row["ssim"] == row["bicubic_ssim"]


def test_gray_of_the_truth_keeps_its_lightness() -> None:
    from pixcli.evaluate.measures import lab

    truth = picture(20, 30)
    gray = Colorize().degrade(truth)
    assert gray.shape == (20, 30)
    got, wanted = (lab(p.astype(np.float64))[..., 0] for p in (np.repeat(gray[..., None], 3, -1), truth))
    assert np.abs(got - wanted).max() < 0.5  # half a step of 8 bit is 0.2 to 0.45 of L in the dark


def test_options_that_a_protocol_does_not_know_are_refused() -> None:
    sr = "superres"
    wrong = ((sr, {"scale": 2.5}), (sr, {"channel": "v"}), ("colorize", {"scale": 2}), ("dream", {}))
    for task, options in wrong:
        with pytest.raises(UsageError):
            evaluate(task, "no folder", **options)


def test_sizes_that_differ_are_refused(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a.png", picture(20, 20)), save(tmp_path / "b.png", picture(20, 21))
    with pytest.raises(InputError, match="cannot be measured"):
        compare("y", [(a, b)])


def test_a_truth_without_output_is_an_error(tmp_path: Path) -> None:
    out, truth = save(tmp_path / "out/a.png", picture(9, 9)), save(tmp_path / "truth/a.webp", picture(9, 9))
    assert pairs(out.parent, truth.parent) == [(out, truth)]
    save(tmp_path / "truth/b.png", picture(9, 9))
    with pytest.raises(InputError, match=r"0 outputs for b\.png"):
        pairs(out.parent, truth.parent)


def test_a_folder_is_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "b.png", picture(9, 9))
    save(tmp_path / "a.webp", picture(9, 9))
    (tmp_path / "notes.txt").write_text("not one of them")
    found = datasets.find(tmp_path)
    assert [p.name for p in found.pictures] == ["a.webp", "b.png"]
    save(tmp_path / "a.png", picture(9, 9))
    with pytest.raises(UsageError, match="same name"):
        datasets.find(tmp_path)
    monkeypatch.delenv(datasets.VARIABLE, raising=False)
    with pytest.raises(UsageError, match="PIXCLI_DATA"):
        datasets.find("set5")
    monkeypatch.setenv(datasets.VARIABLE, str(tmp_path))
    with pytest.raises(UsageError, match="0 of 5"):
        datasets.find("set5")


def test_more_than_8_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match="8 bits"):
        datasets.read(tmp_path / "deep.png")
