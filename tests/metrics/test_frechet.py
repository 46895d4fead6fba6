import math

import keras
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ald_keras.metrics import frechet_distance


def exact_sample(rng, n, mean, root):
    """`n` samples whose sample mean and covariance are `mean` and `root.T @ root`."""
    white = rng.standard_normal((n, len(root)))
    white = np.linalg.qr(white - white.mean(axis=0))[0] * math.sqrt(n - 1)
    return white @ root + mean


def textbook(a, b):
    gap = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    return gap @ gap + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root).real


def correlated(rng, n, d):
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + rng.normal(
        size=d
    )


def total_variance(a):
    return float(np.var(a, axis=0, ddof=1).sum())


@pytest.mark.parametrize(("n", "m"), [(50, 50), (200, 30), (30, 1000)])
def test_diagonal_gaussians_have_a_closed_form(n, m):
    rng = np.random.default_rng(0)
    mean_a, mean_b = rng.normal(size=(2, 12))
    std_a, std_b = rng.uniform(0.1, 3.0, size=(2, 12))
    a = exact_sample(rng, n, mean_a, np.diag(std_a))
    b = exact_sample(rng, m, mean_b, np.diag(std_b))
    expected = np.sum((mean_a - mean_b) ** 2) + np.sum((std_a - std_b) ** 2)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_large_samples_come_near_the_distance_of_their_distributions():
    rng = np.random.default_rng(1)
    a = rng.normal(0.0, 1.0, size=(200_000, 3))
    b = rng.normal([1.0, 0.0, -1.0], [2.0, 1.0, 0.5], size=(200_000, 3))
    assert frechet_distance(a, b) == pytest.approx(2.0 + 1.0 + 0.25, rel=0.02)


@pytest.mark.parametrize(
    ("n", "m", "d"), [(300, 300, 10), (500, 200, 40), (90, 4000, 25), (50, 50, 1)]
)
def test_agrees_with_the_textbook_where_that_is_stable(n, m, d):
    rng = np.random.default_rng(2)
    a, b = correlated(rng, n, d), correlated(rng, m, d)
    if d == 1:
        spread = a.std(ddof=1) - b.std(ddof=1)
        expected = (a.mean() - b.mean()) ** 2 + spread**2
    else:
        expected = textbook(a, b)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (10, 150), (150, 10), (10, 400)])
def test_fewer_samples_than_dimensions(n, m):
    # Samples of three dimensions, laid isometrically into 100: the distance stays.
    rng = np.random.default_rng(3)
    a, b = correlated(rng, n, 3), correlated(rng, m, 3)
    isometry = np.linalg.qr(rng.standard_normal((100, 3)))[0].T
    expected = textbook(a, b)
    assert frechet_distance(a @ isometry, b @ isometry) == pytest.approx(
        expected, rel=1e-9
    )


def test_singular_covariances_that_share_no_direction():
    rng = np.random.default_rng(4)
    a, b = np.zeros((20, 60)), np.zeros((25, 60))
    a[:, :30] = rng.standard_normal((20, 30))
    b[:, 30:] = rng.standard_normal((25, 30))
    gap = a.mean(axis=0) - b.mean(axis=0)
    expected = gap @ gap + total_variance(a) + total_variance(b)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_singular_covariances_agree_with_a_regularised_root():
    rng = np.random.default_rng(5)
    a, b = correlated(rng, 15, 40), correlated(rng, 20, 40)
    gap = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    ridge = 1e-9 * np.eye(40)
    half = scipy.linalg.sqrtm(cov_a + ridge)
    cross = np.linalg.eigvalsh(half @ (cov_b + ridge) @ half)
    expected = gap @ gap + np.trace(cov_a + cov_b) - 2 * np.sqrt(cross.clip(0)).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("n", "d"), [(2, 3), (30, 100), (100, 30), (50, 50)])
def test_identical_and_reordered_samples_are_at_zero(n, d):
    rng = np.random.default_rng(6)
    a = correlated(rng, n, d)
    scale = total_variance(a)
    assert 0.0 <= frechet_distance(a, a) <= 1e-13 * scale
    assert 0.0 <= frechet_distance(a, a[::-1]) <= 1e-13 * scale


def test_tiny_distances_survive():
    # The difference of traces would lose them: they are below its rounding error.
    rng = np.random.default_rng(7)
    a = exact_sample(rng, 200, np.zeros(20), np.eye(20))
    assert frechet_distance(a, a * (1 + 1e-9)) == pytest.approx(20e-18, rel=1e-5)


@pytest.mark.parametrize("offset", [1e6, -1e9])
def test_an_offset_changes_nothing(offset):
    rng = np.random.default_rng(8)
    a = rng.normal(size=(400, 30)) + offset
    b = rng.normal(3.0, 1.2, size=(300, 30)) + offset
    # These two differences are exact.
    expected = frechet_distance(a - offset, b - offset)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-14)


def test_constant_samples_leave_the_distance_of_the_means():
    assert frechet_distance(np.full((3, 4), 1.0), np.full((5, 4), 3.0)) == 16.0


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_extreme_scales(scale):
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=(30, 5)), rng.normal(size=(30, 5))
    assert frechet_distance(a * scale, b * scale) / scale / scale == pytest.approx(
        frechet_distance(a, b), rel=1e-12
    )


def test_float32_is_computed_in_float64():
    rng = np.random.default_rng(10)
    a = rng.normal(1e4, 1.0, size=(100, 20)).astype("float32")
    b = rng.normal(1e4, 1.1, size=(100, 20)).astype("float32")
    expected = frechet_distance(a.astype("float64"), b.astype("float64"))
    assert frechet_distance(a, b) == expected
    assert frechet_distance(keras.ops.convert_to_tensor(a), b) == expected


def test_integers_and_bfloat16_are_accepted_and_left_as_they_are():
    a, b = np.array([[0, 1], [2, 5]]), np.array([[1, 1], [3, 1]])
    expected = frechet_distance(a.astype(float), b.astype(float))
    assert frechet_distance(a, b) == expected
    assert frechet_distance(keras.ops.cast(a, "bfloat16"), b) == expected
    assert a.tolist() == [[0, 1], [2, 5]]


def samples(rows, width):
    values = st.floats(-100, 100).map(lambda v: round(v, 3))
    return arrays(np.float64, (rows, width), elements=values)


@st.composite
def pairs(draw):
    width = draw(st.integers(1, 6))
    return tuple(draw(samples(draw(st.integers(2, 8)), width)) for _ in range(2))


@given(pairs())
def test_never_negative_symmetric_and_above_the_gap_of_the_means(pair):
    a, b = pair
    distance = frechet_distance(a, b)
    gap = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    slack = 1e-12 * (1.0 + gap + total_variance(a) + total_variance(b))
    assert distance >= 0.0
    assert distance == pytest.approx(frechet_distance(b, a), abs=slack)
    assert distance >= gap - slack
    assert distance <= gap + total_variance(a) + total_variance(b) + slack


@given(pairs(), st.integers(0, 99), st.floats(0.01, 100))
def test_rotation_keeps_it_and_scaling_squares(pair, seed, scale):
    a, b = pair
    width = a.shape[1]
    normal = np.random.default_rng(seed).standard_normal((width, width))
    rotation = np.linalg.qr(normal)[0]
    distance = frechet_distance(a, b)
    # Directions of variance zero come back as roundings of it, hence the loose bound.
    slack = 1e-9 * (1.0 + np.abs(a).max() + np.abs(b).max()) ** 2
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(
        distance, abs=slack
    )
    assert frechet_distance(scale * a, scale * b) == pytest.approx(
        scale**2 * distance, rel=1e-9, abs=scale**2 * slack
    )


@given(samples(7, 1), samples(4, 1))
def test_one_dimension_is_the_gap_of_means_and_deviations(a, b):
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    slack = 1e-12 * (1.0 + np.abs(a).max() + np.abs(b).max()) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9, abs=slack)


GOOD = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (GOOD, [[0.0, np.nan], [0.0, 1.0]], "`b` must be finite. Received: 1 of 4"),
        ([[0.0, -np.inf], [0.0, 1.0]], GOOD, "`a` must be finite"),
        (GOOD[:1], GOOD, "`a` must have at least 2 samples"),
        (GOOD, GOOD[:0], "`b` must have at least 2 samples"),
        (GOOD, np.zeros((3, 4)), r"Received: shapes \(3, 2\) and \(3, 4\)"),
        (GOOD[:, 0], GOOD, "`a` must be 2-D"),
        (GOOD[None], GOOD, "`a` must be 2-D"),
        (np.zeros((3, 0)), np.zeros((3, 0)), "at least one dimension"),
        (GOOD.astype(complex), GOOD, "real numbers. Received: dtype=complex128"),
        (GOOD.astype(object), GOOD, "real numbers. Received: dtype=object"),
        (GOOD, GOOD.astype(str), "real numbers. Received: dtype=<U"),
        ([[-1e200], [1e200]], [[0.0], [1.0]], "a float can hold"),
    ],
)
def test_bad_input_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, b)
