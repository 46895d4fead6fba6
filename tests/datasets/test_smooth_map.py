import numpy as np
import pytest

from ald_keras.datasets import load_dataset
from ald_keras.datasets.linear_gaussian import count_significant_directions
from ald_keras.datasets.smooth_map import SmoothMap, draw_map, make_smooth_map

NAME = "smooth_map"


def jacobians(signal, factors, step=1e-5):
    """Central differences, shape `(n, n_features, n_factors)`."""
    columns = [
        (signal(factors + step * axis) - signal(factors - step * axis)) / (2 * step)
        for axis in np.eye(factors.shape[1])
    ]
    return np.stack(columns, axis=-1)


def rows(x):
    return {row.tobytes() for row in x}


def test_sizes_and_absent_labels():
    data = load_dataset(NAME, samples=200)
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (180, 20, 1000)
    assert data.data_shape == (100,)
    assert data.x_train.dtype == np.float32
    assert data.y_train is None
    assert load_dataset(NAME, n_factors=2, n_features=6).data_shape == (6,)


@pytest.mark.parametrize("data_seed", range(5))
@pytest.mark.parametrize("options", [{}, {"n_factors": 7, "curvature": 0.9}])
def test_jacobian_has_full_rank_and_a_bounded_condition(options, data_seed):
    signal = draw_map(**options, data_seed=data_seed)
    _, factors = make_smooth_map(signal, 300, data_seed=data_seed)
    # Beyond what is ever drawn, too.
    factors = np.concatenate([factors, 4 * factors[:50]])
    values = np.linalg.svd(jacobians(signal, factors), compute_uv=False)
    assert (values[:, -1] > 0.999 * signal.reach).all()
    assert (values[:, 0] < 1.001 * signal.reach * signal.condition_bound).all()
    # The bound says something.
    assert 1 < signal.condition_bound < 5 * np.sqrt(1 / (1 - signal_curvature(signal)))


def test_steepest_place_of_a_single_wave_meets_the_bound():
    signal = SmoothMap(
        straight=np.array([[3.0], [0.0]]),
        curved=np.array([[0.0], [2.0]]),
        frequencies=np.array([[1.5]]),
        phases=np.zeros(1),
    )
    # An odd wave has mean 0; its variance is (1 - exp(-2 * 1.5 ** 2)) / 2.
    slope = 2 * 1.5 / np.sqrt((1 - np.exp(-4.5)) / 2)
    (jacobian,) = jacobians(signal, np.zeros((1, 1)))
    np.testing.assert_allclose(jacobian[:, 0], [3, slope], rtol=1e-6)
    np.testing.assert_allclose(
        np.linalg.norm(jacobian), signal.reach * signal.condition_bound, rtol=1e-6
    )


def signal_curvature(signal):
    straight, curved = (np.sum(each**2) for each in (signal.straight, signal.curved))
    return curved / (straight + curved)


def test_default_map_is_well_conditioned():
    assert all(draw_map(data_seed=seed).condition_bound < 5 for seed in range(20))


@pytest.mark.parametrize("data_seed", range(3))
def test_each_factor_alone_moves_the_samples_by_more_than_the_noise(data_seed):
    signal = draw_map(data_seed=data_seed)
    _, factors = make_smooth_map(signal, 4000, data_seed=data_seed)
    resampled = np.random.default_rng(9).permutation(factors)
    noise = 0.5
    for factor in range(4):
        changed = factors.copy()
        changed[:, factor] = resampled[:, factor]
        change = ((signal(changed) - signal(factors)) ** 2).sum(axis=1).mean()
        # Twice the straight share alone is 2 * 100 * 0.5 / 4 = 25: 50 times the noise
        # that lies in the one direction in which the factor moves the samples.
        assert change > 45 * noise


@pytest.mark.parametrize(
    ("scale", "curvature"), [(1.0, 0.5), (3.0, 0.2), (2.0, 0.0), (1.0, 0.9)]
)
def test_scale_and_curvature_are_those_of_the_signal(scale, curvature):
    signal = draw_map(scale=scale, curvature=curvature, data_seed=2)
    clean, factors = make_smooth_map(signal, 40_000, noise_variance=0, data_seed=2)
    total = clean.var(axis=0).mean()
    np.testing.assert_allclose(np.sqrt(total), scale, rtol=0.02)
    np.testing.assert_allclose(clean.mean(axis=0), 0, atol=0.05 * scale)
    straight = factors @ signal.straight.T
    share = (clean - straight).var(axis=0).mean() / total
    np.testing.assert_allclose(share, curvature, atol=0.02)


def test_factors_are_standard_normal_and_can_be_read_off():
    signal = draw_map(data_seed=1)
    clean, factors = make_smooth_map(signal, 20_000, noise_variance=0, data_seed=1)
    np.testing.assert_allclose(np.cov(factors.T), np.eye(4), atol=0.05)
    np.testing.assert_allclose(np.mean(factors**4, axis=0), 3, atol=0.25)
    read = clean @ signal.straight / signal.reach**2
    np.testing.assert_allclose(read, factors, atol=1e-4)


def test_linear_directions_are_more_than_the_factors_unless_the_map_is_straight():
    curved, straight = (load_dataset(NAME, curvature=share) for share in (0.5, 0.0))
    assert count_significant_directions(curved.x_test) > 4
    assert count_significant_directions(straight.x_test) == 4


def test_noise_has_the_variance_asked_for():
    signal = draw_map(n_features=30)
    clean, factors = make_smooth_map(signal, 5000, 0.0)
    noisy, same = make_smooth_map(signal, 5000, 0.25)
    np.testing.assert_array_equal(factors, same)
    noise = noisy - clean
    np.testing.assert_allclose(np.cov(noise.T), 0.25 * np.eye(30), atol=0.03)
    assert np.abs(np.corrcoef(noise.T, clean.T)[:30, 30:]).max() < 0.08
    # One stream for both would begin alike.
    assert not np.allclose(noise[0, :4] / 0.5, factors[0], atol=0.01)


def test_parts_share_neither_factors_nor_noise():
    signal = draw_map()
    parts = []
    for part in ("train", "test"):
        clean, factors = make_smooth_map(signal, 500, 0.0, part=part)
        noisy, _ = make_smooth_map(signal, 500, part=part)
        parts.append((factors.ravel(), (noisy - clean).ravel()))
    for first, second in zip(*parts, strict=True):
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


@pytest.mark.parametrize(
    "options",
    [{}, {"n_factors": 3, "n_features": 20, "scale": 2.0, "curvature": 0.3}],
)
def test_loader_gives_the_samples_of_the_map(options):
    data = load_dataset(NAME, samples=50, test_samples=9, data_seed=3, **options)
    signal = draw_map(**options, data_seed=3)
    x, _ = make_smooth_map(signal, 50, data_seed=3)
    x_test, _ = make_smooth_map(signal, 9, data_seed=3, part="test")
    found = np.concatenate([data.x_train, data.x_val])
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(x, axis=0))
    np.testing.assert_array_equal(data.x_test, x_test)
    assert rows(x_test).isdisjoint(rows(x))


def test_data_seed_decides_the_data_and_seed_only_the_split():
    first, other_split, other_data = (
        load_dataset(NAME, samples=100, **seeds)
        for seeds in ({}, {"seed": 1}, {"data_seed": 1})
    )
    np.testing.assert_array_equal(first.x_test, other_split.x_test)
    assert not np.array_equal(first.x_val, other_split.x_val)
    assert rows(other_data.x_test).isdisjoint(rows(first.x_test))
    maps = [draw_map(data_seed=seed).straight for seed in (0, 1)]
    assert not np.allclose(*maps, atol=0.1)


def test_fewer_samples_are_the_first_of_more():
    few, many = (load_dataset(NAME, samples=count, limit=40) for count in (40, 90))
    np.testing.assert_array_equal(few.x_train, many.x_train)
    np.testing.assert_array_equal(few.x_test, many.x_test)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_factors": 0}, "`n_factors` must be a positive integer"),
        ({"n_features": 11}, "`n_features` must be an integer of at least 12"),
        ({"scale": 0.0}, r"`scale` must be a finite number above 0"),
        ({"curvature": 1.0}, "`curvature` must be a finite number of at least 0"),
        (
            {"noise_variance": -0.1},
            r"`noise_variance` must be a finite number of at least 0",
        ),
        ({"samples": 0}, "`samples` must be a positive integer"),
        ({"test_samples": True}, "`test_samples` must be a positive integer"),
        ({"data_seed": 0.5}, "`data_seed` must be a non-negative integer"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        load_dataset(NAME, **options)
