"""The protocols of restoration, through files and the engine, with networks that answer with their input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixcli.errors import UsageError
from pixcli.evaluate import datasets, evaluate, measures
from pixcli.evaluate.deblur import blur
from pixcli.evaluate.derain import KINDS, rain
from pixcli.evaluate.inpaint import strokes
from pixcli.evaluate.listed import PROTOCOLS
from pixcli.evaluate.restoration import noise_of
from pixcli.models import Card, describe, save
from pixcli.nets import build
from pixcli.tasks import LISTED
from tests.conftest import TINY

DATA = os.environ.get("PIXCLI_DATA")
FIVE = {
    "denoise": "Denoise",
    "deblur": "Deblur",
    "derain": "Derain",
    "inpaint": "Inpaint",
    "enhance-dark": "EnhanceDark",
}


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """`measured(task, **options)` evaluates an identity on three small pictures; all is kept in `kept`."""

    def run(task, folder=None, **options):
        if task not in LISTED:
            monkeypatch.setitem(LISTED, task, (FIVE[task], ""))
        network, arguments = TINY[task]
        net = build(network, arguments)
        card = describe(Card("tiny", task, network, tmp_path / "tiny.safetensors", arguments=arguments), net)
        save(card.path, net, card)
        if folder is None:
            folder = tmp_path / "set"
            folder.mkdir()
            for i in range(3):
                scene(48 + i, 53, i).save(folder / f"{i}.png")
        kept = options.pop("keep", tmp_path / "kept")
        return evaluate(task, folder, model=str(card.path), keep=kept, **options)

    return run


def scene(height: int, width: int, seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def judged(kind: str, kept: Path, *more: str) -> dict[str, float]:
    script = Path(str(DATA)) / "measure" / "measure.py"
    if not DATA or not script.exists():
        pytest.skip("PIXCLI_DATA names no folder with measure/measure.py")
    words = [sys.executable, str(script), kind, str(kept / "output"), str(kept / "truth"), *more]
    return dict(json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout))


def agrees(mean: dict[str, float], judge: dict[str, float], *names: str) -> None:
    for name in names:
        assert mean[name] == pytest.approx(judge[name], abs=0.01 if "psnr" in name else 1e-3), name


@pytest.mark.parametrize("channel", ["rgb", "gray"])
def test_denoise_gives_noise_that_is_neither_clipped_nor_rounded(measured, tmp_path, channel):
    table = measured("denoise", noise=50.0, channel=channel, strength="1.0")
    wanted = 20 * np.log10(255 / 50)
    assert table.mean["input_psnr"] == pytest.approx(wanted, abs=0.2)
    assert table.mean["psnr"] > table.mean["input_psnr"]  # rounding and clipping of the answer alone
    assert table.command.endswith(f"--noise 50 --channel {channel} --model {tmp_path / 'tiny.safetensors'}")
    assert table.protocol == f"sigma 50, {channel.upper()}, not clipped, seed 0"
    agrees(table.mean, judged(channel, tmp_path / "kept"), "psnr", "ssim")


def test_a_figure_with_an_option_is_kept_apart_from_the_one_without(measured):
    table = measured("denoise", sigma=25.0, strength=0.5)
    assert table.protocol.endswith("seed 0, --sigma 25, --strength 0.5")
    assert "--sigma 25 --strength 0.5 --model" in table.command


@pytest.mark.parametrize("task", ["derain", "enhance-dark"])
def test_an_identity_is_as_good_as_its_input(measured, tmp_path, task):
    table = measured(task)
    assert table.mean["psnr"] == pytest.approx(table.mean["input_psnr"], abs=1e-6)
    assert table.mean["psnr"] < 35
    assert table.mean["worse"] == 0
    agrees(table.mean, judged("rgb", tmp_path / "kept"), "psnr", "ssim")


def test_derain_is_measured_behind_drops(measured, tmp_path):
    table = measured("derain", kind="drops")
    assert table.protocol.startswith("drops of four kinds")
    assert "--kind drops --model" in table.command
    assert table.mean["psnr"] == pytest.approx(table.mean["input_psnr"], abs=1e-6)
    assert 15 < table.mean["psnr"] < 40
    assert "--kind" not in measured("derain", folder=tmp_path / "set", keep=tmp_path / "rain").command


@pytest.mark.parametrize("task", ["denoise", "deblur", "derain", "enhance-dark"])
def test_clean_pictures_say_how_far_they_are_left_alone(measured, task):
    table = measured(task, clean=True)
    assert table.mean["psnr"] == measures.LARGEST_PSNR
    assert table.protocol == "clean pictures in, RGB"
    assert "--clean --model" in table.command


def test_inpaint_is_measured_in_the_hole(measured, tmp_path):
    table = measured("inpaint")
    assert table.mean["outside_equal"] == 1
    assert 0.08 < table.mean["hole_share"] < 0.35
    (tmp_path / "masks").mkdir()
    for path in (tmp_path / "kept/input").iterdir():
        Image.fromarray(np.asarray(Image.open(path))[..., 3] == 0).save(tmp_path / "masks" / path.name)
    judge = judged("rgb", tmp_path / "kept", "--mask", str(tmp_path / "masks"))
    agrees(table.mean, judge, "hole_psnr", "psnr", "ssim", "hole_share", "outside_equal")


def test_inpaint_beside_its_peers(measured):
    pytest.importorskip("cv2")
    pytest.importorskip("skimage")
    mean = measured("inpaint", peers=True).mean
    for peer in ("telea", "navier_stokes", "biharmonic"):
        assert mean[f"{peer}_hole_psnr"] > mean["hole_psnr"] + 3  # of black
        assert 0.3 < mean[f"{peer}_ssim"] < 1


def test_what_auto_finds_of_drawn_damage(measured, tiny_finder, tmp_path):
    table = measured("inpaint", damage=True, threshold=0.9)
    assert (table.model, table.figure) == ("scratches", "recall")
    assert "--damage --threshold 0.9 --model" in table.command
    kept = tmp_path / "kept"
    for n, row in enumerate(table.rows):
        given, truth = (np.asarray(Image.open(kept / f"{name}/{n}.png"), int) for name in ("input", "truth"))
        mask = np.asarray(Image.open(kept / f"output/{n}.mask.png")) > 0
        damage = np.abs(given - truth).max(2) >= 12
        assert 0.001 < damage.mean() < 0.6
        assert row["recall"] == pytest.approx(mask[damage].mean())
        assert row["precision"] >= damage[mask].mean()
        assert row["found"] == pytest.approx(mask.mean())


def test_what_auto_finds_of_whole_pictures(measured, tiny_finder):
    table = measured("inpaint", clean=True, threshold=0.9)
    assert (table.protocol, table.figure) == ("clean pictures in, --threshold 0.9", "found")
    assert set(table.mean) == {"found", "psnr"}


def test_denoise_beside_bm3d(measured):
    pytest.importorskip("bm3d")
    mean = measured("denoise", noise=25, channel="gray", peers=True).mean
    assert mean["bm3d_psnr"] > mean["psnr"] + 4


def test_the_mask_of_an_evaluation_is_its_own(measured):
    with pytest.raises(UsageError, match="--mask is set"):
        measured("inpaint", mask="alpha")


def test_a_folder_of_pairs(measured, tmp_path):
    for name, seed in (("input", 1), ("truth", 2)):
        (tmp_path / "pairs" / name).mkdir(parents=True)
        scene(30, 31, seed).convert("L").save(tmp_path / "pairs" / name / "a.png")
    table = measured("deblur", folder=tmp_path / "pairs")
    assert table.mean["psnr"] == pytest.approx(table.mean["input_psnr"])
    assert table.mean["aligned"] >= table.mean["psnr"] - 1
    assert table.protocol == "pairs, RGB, 8-bit"
    with Image.open(tmp_path / "kept/input/a.png") as given:
        assert given.mode == "L"
    (tmp_path / "pairs/input/a.png").unlink()
    with pytest.raises(UsageError):
        datasets.find(tmp_path / "pairs")


@pytest.mark.skipif(not DATA, reason="PIXCLI_DATA names no folder with test sets")
@pytest.mark.parametrize("name", datasets.PAIRS)
def test_the_pairs_are_complete(name):
    found = datasets.find(name)
    number = len(found.pictures)
    assert number == len(found.given)
    assert (
        0 < number < datasets.PAIRS[name][0] if name in datasets.KEPT else number == datasets.PAIRS[name][0]
    )
    assert [p.stem for p in found.given] == [p.stem for p in found.pictures]


def test_blur_is_correlation_with_a_mirrored_border():
    kernel = np.zeros((3, 5))
    kernel[0, 1] = 1
    plane = np.random.default_rng(0).random((8, 9))
    kernel = np.pad(kernel, ((1, 1), (0, 0)))
    wanted = np.pad(plane, 2, mode="reflect")[1:9, 1:10]
    np.testing.assert_allclose(blur(plane, kernel), wanted, atol=1e-12)


def test_rain_and_strokes_are_the_same_each_time_and_of_the_promised_strength():
    clean = np.full((90, 120, 3), 0.4)
    for number, kind in enumerate(KINDS):
        wet = rain(clean, *kind, noise_of(number))
        np.testing.assert_array_equal(wet, rain(clean, *kind, noise_of(number)))
        assert 12 < measures.psnr(wet * 255, clean * 255) < 40
    shares = [strokes(120, 140, noise_of(i)).mean() for i in range(12)]
    assert 0.1 <= min(shares) < max(shares) <= 0.36
    assert len(set(shares)) == 12


@pytest.mark.parametrize("task", PROTOCOLS)
def test_every_protocol_says_how_it_measures(task):
    rules = PROTOCOLS[task]()
    assert rules.text
    assert rules.figure
