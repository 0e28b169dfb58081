import numpy as np
import pytest

from pixcli.evaluate import measures


@pytest.fixture
def two() -> tuple[np.ndarray, np.ndarray]:
    """A soft colourful picture and the same with noise, 8-bit values."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:40, 0:53] / 20
    truth = np.stack([127 + 120 * np.sin(3 * x + p) * np.cos(2 * y) for p in (0, 1, 2)], -1)
    return np.clip(np.round(truth + rng.normal(0, 9, truth.shape)), 0, 255), np.round(truth)


def test_psnr_of_a_known_error() -> None:
    a = np.full((4, 4), 10.0)
    assert measures.psnr(a, a + 5) == pytest.approx(10 * np.log10(255**2 / 25))
    assert measures.psnr(a, a) == 100


def test_shapes_must_be_equal() -> None:
    with pytest.raises(ValueError, match="differ"):
        measures.psnr(np.zeros((4, 4)), np.zeros((4, 5)))
    with pytest.raises(ValueError, match="11 x 11"):
        measures.ssim(np.zeros((10, 40)), np.zeros((10, 40)))


def test_ssim_is_that_of_scikit_image(two: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    how = {"data_range": 255, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for a, b in (two, tuple(measures.luma(p) for p in two)):
        wanted = metrics.structural_similarity(a, b, channel_axis=2 if a.ndim == 3 else None, **how)
        assert measures.ssim(a, b) == pytest.approx(wanted, abs=1e-6)


def test_lab_is_that_of_scikit_image(two: tuple[np.ndarray, np.ndarray]) -> None:
    color = pytest.importorskip("skimage.color")
    corners = np.array(np.meshgrid([0, 1, 128, 255], [0, 10, 255], [0, 11, 255])).reshape(3, -1).T[None]
    for rgb in (*two, corners.astype(np.float64)):
        assert np.abs(measures.lab(rgb) - color.rgb2lab(rgb / 255)).max() < 1e-3


def test_luma_runs_from_16_to_235() -> None:
    ends = measures.luma(np.array([[[0.0, 0, 0], [255, 255, 255]]]))
    assert ends.tolist() == [[16, 235]]


def test_gray_answer_has_no_chroma_and_the_error_of_gray(two: tuple[np.ndarray, np.ndarray]) -> None:
    truth = two[1]
    gray = np.repeat(truth[..., :1], 3, -1)
    row = measures.colour(gray, truth, np.zeros(2))
    assert row["ab_rmse"] == pytest.approx(row["ab_rmse_gray"], abs=0.01)
    assert row["chroma"] == pytest.approx(0, abs=0.01)
    assert row["ab_rmse_own_tint"] <= row["ab_rmse_gray"] == row["ab_rmse_set_tint"]


def test_right_answer_has_no_error(two: tuple[np.ndarray, np.ndarray]) -> None:
    row = measures.colour(two[1], two[1], np.zeros(2))
    assert row["ab_rmse"] == row["lightness_diff"] == 0
    assert row["variety"] == row["variety_truth"] > 0


def test_shares_are_ratios_of_means() -> None:
    rows = [
        {"picture": "a", "chroma": 1.0, "chroma_truth": 10.0},
        {"picture": "b", "chroma": 5.0, "chroma_truth": 5.0},
    ]
    assert measures.means(rows)["chroma_share"] == pytest.approx(6 / 15)
