import json

import numpy as np
import pytest

from ald_keras.experiments.stability.dimension_estimates import (
    estimate_dimension,
    minka_components,
    pca_components,
    two_nn,
)


def embedded_cube(dims, features, n=3000, seed=0):
    """A uniform cube, rotated into more features."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((features, dims)))
    return rng.uniform(size=(n, dims)) @ basis.T + 3.0


@pytest.mark.parametrize(("dims", "tolerance"), [(1, 0.05), (2, 0.1), (5, 0.4)])
def test_two_nn_finds_the_dimension_of_a_cube(dims, tolerance):
    assert two_nn(embedded_cube(dims, 12)) == pytest.approx(dims, abs=tolerance)


def test_two_nn_knows_no_scale_order_or_repetition():
    x = embedded_cube(3, 6, n=500)
    expected = two_nn(x)
    assert two_nn(1e3 * x[::-1]) == pytest.approx(expected, rel=1e-6)
    assert two_nn(np.concatenate([x, x])) == pytest.approx(expected)
    assert two_nn(x.reshape(500, 2, 3, 1)) == pytest.approx(expected)


def test_two_nn_is_the_papers_fit():
    x = np.random.default_rng(1).normal(size=(40, 3))
    distances = np.sort(np.linalg.norm(x[:, None] - x, axis=2), axis=1)
    mu = np.sort(distances[:, 2] / distances[:, 1])[:36]
    heights = -np.log(1 - np.arange(1, 37) / 40)
    slope = np.linalg.lstsq(np.log(mu)[:, None], heights, rcond=None)[0][0]
    assert two_nn(x) == pytest.approx(slope)


@pytest.mark.parametrize("x", [np.zeros((50, 3)), np.eye(2), np.eye(8)])
def test_two_nn_refuses_data_without_different_distances(x):
    with pytest.raises(ValueError, match="`x`"):
        two_nn(x)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.999])
def test_pca_counts_agree_with_eigenvalues(share):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((300, 20)) * np.geomspace(5, 0.1, 20)
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(x.T)))[::-1]
    ratios = np.cumsum(eigenvalues) / eigenvalues.sum()
    expected = 1 + int(np.sum(ratios < share))
    assert pca_components(x, share) == expected
    assert pca_components(x.reshape(300, 4, 5), share) == expected


def test_pca_shares_outside_of_the_range():
    with pytest.raises(ValueError, match="`share`"):
        pca_components(np.eye(3), share=1.0)


def test_minka_finds_the_dimension_of_a_gaussian():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2000, 4)) @ rng.standard_normal((4, 15)) * 2.0
    assert minka_components(x + 0.1 * rng.standard_normal(x.shape)) == 4


def test_minka_refuses_more_features_than_it_can_take():
    with pytest.raises(ValueError, match="at most 5 features"):
        minka_components(np.zeros((5, 6)))
    with pytest.raises(ValueError, match="1000"):
        minka_components(np.zeros((1200, 1001)))


def test_estimates_are_written_with_their_seconds(tiny, tmp_path):
    record = estimate_dimension(tiny(), tmp_path)
    assert record == json.loads((tmp_path / "run.json").read_text())
    assert record["samples"] == {"train": 180}
    assert set(record["estimates"]) == {"pca_95", "minka", "two_nn"}
    for value in record["estimates"].values():
        assert 0 < value["dims"] <= 64
        assert value["seconds"] >= 0


def test_an_estimate_that_cannot_be_made_says_why(tiny, tmp_path):
    record = estimate_dimension(tiny(data={"limit": 60}), tmp_path)
    assert record["estimates"]["minka"]["dims"] is None
    assert "features" in record["estimates"]["minka"]["reason"]
    assert record["estimates"]["two_nn"]["dims"] > 0
