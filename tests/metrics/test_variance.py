import numpy as np
import pytest

from ald_keras import tau_for
from ald_keras.datasets.lazy_samples import LazySamples
from ald_keras.metrics import variance


def test_it_is_the_error_of_the_best_linear_code():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 12)) @ rng.normal(size=(12, 12)) + 3.0
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2 / 500
    explained = values[:4].sum() / values.sum()
    # What principal components leave, by their reconstructions.
    _, _, axes = np.linalg.svd(x - x.mean(axis=0))
    code = (x - x.mean(axis=0)) @ axes[:4].T
    error = np.square(x - x.mean(axis=0) - code @ axes[:4]).sum(axis=1).mean()
    assert tau_for(x, explained) == pytest.approx(error, rel=1e-9)


def test_images_block_by_block_and_lazy_samples_alike(monkeypatch):
    x = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1), np.uint8)
    expected = 0.05 * (x / 255.0).reshape(30, -1).var(axis=0).sum()
    monkeypatch.setattr(variance, "_BLOCK", 64)
    assert tau_for((x / 255.0).astype("float32")) == pytest.approx(expected, rel=1e-5)
    assert tau_for(LazySamples(x, "here")) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("explained", [1.0, -0.1, float("nan"), True, "95%"])
def test_wrong_shares(explained):
    with pytest.raises(ValueError, match="`explained` must be a finite number"):
        tau_for(np.eye(3), explained)


@pytest.mark.parametrize("x", [np.ones((4, 2)), np.array([[0.0], [np.nan]])])
def test_data_without_a_variance(x):
    with pytest.raises(ValueError, match="`x` must be finite and vary"):
        tau_for(x)


def test_large_values_lose_nothing():
    x = np.array([[-2.0, 0.0], [2.0, 1.0]])
    assert tau_for(x + 1e9, 0.0) == tau_for(x, 0.0) == 4.25


@pytest.mark.parametrize("x", [np.zeros((0, 3)), np.zeros((4, 0))])
def test_no_data(x):
    with pytest.raises(ValueError, match="`x` must hold values"):
        tau_for(x)


def test_what_is_no_array():
    with pytest.raises(TypeError, match="`x` must be (an|one) array"):
        tau_for([[0.0, 1.0]])
