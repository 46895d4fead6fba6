import itertools

import numpy as np
import pytest
from keras import ops

from ald_keras.layers import LatentGates

LOGITS = np.array([0.7, -1.2, 0.1, 2.0])


def make_gates(units, estimator, seed=0, speed=2.0):
    gates = LatentGates(units, estimator=estimator, speed=speed, seed=seed)
    gates.weight.assign(LOGITS[:units] / speed)
    return gates


def loss(gates):
    """Nonlinear in the gates, with every interaction; gates of shape (n, units)."""
    gates = np.asarray(gates, "float64")
    weights = 1.0 + np.arange(gates.shape[1])
    return np.sin(gates @ weights) + (gates @ weights - 2.0) ** 2 + gates.prod(axis=1)


def exact_gradient(units):
    """Derivative of the expected loss by enumeration of all gate patterns."""
    logits = LOGITS[:units]
    p = 1 / (1 + np.exp(-logits))
    patterns = np.array(list(itertools.product((0, 1), repeat=units)))
    weights = np.where(patterns, p, 1 - p).prod(axis=1)
    # d log prob / d logit is gate - p.
    return ((weights * loss(patterns))[:, None] * (patterns - p)).sum(axis=0)


def estimates(gates, samples):
    """Per-sample estimates from losses of single samples, batch after batch."""
    parts = []
    for _ in range(samples // 50_000):
        uniform = gates.draw(50_000)
        first, second = gates.pair(uniform)
        difference = loss(first) - loss(second)
        parts.append(np.asarray(gates.gradient(uniform, difference.astype("float32"))))
    # Sums of a million in float32 would be off by more than they vary.
    return np.concatenate(parts).astype("float64")


@pytest.mark.parametrize("units", [3, 4])
@pytest.mark.parametrize("estimator", ["arm", "disarm"])
def test_the_mean_is_the_exact_gradient(units, estimator):
    gates = make_gates(units, estimator)
    found = estimates(gates, 1_000_000)
    exact = exact_gradient(units)
    error = found.mean(axis=0) - exact
    # Relative to the gradient, as its smallest component is near zero by chance.
    assert np.linalg.norm(error) < 0.01 * np.linalg.norm(exact)
    standard_error = found.std(axis=0) / 1000.0
    assert (np.abs(error) < 4.5 * standard_error).all()


def test_disarm_varies_less():
    arm, disarm = (
        estimates(make_gates(4, name), 100_000).var(axis=0).sum()
        for name in ("arm", "disarm")
    )
    assert disarm < 0.8 * arm


@pytest.mark.parametrize("estimator", ["arm", "disarm"])
def test_a_batch_is_its_samples_one_by_one(estimator):
    gates = make_gates(4, estimator)
    uniform = gates.draw(6)
    difference = np.linspace(-1.0, 2.0, 6, dtype="float32")
    difference = ops.convert_to_tensor(difference)
    whole = np.asarray(gates.gradient(uniform, difference))
    for row in range(6):
        single = gates.gradient(uniform[row : row + 1], difference[row : row + 1])
        np.testing.assert_array_equal(whole[row : row + 1], np.asarray(single))


def test_averaging_the_loss_first_is_wrong():
    gates = make_gates(3, "arm")
    exact = exact_gradient(3)
    # 2000 batches of 64, each with the average of its own.
    uniform = gates.draw(2000 * 64)
    first, second = (loss(draw) for draw in gates.pair(uniform))
    averages = (first - second).reshape(2000, 64).mean(axis=1).astype("float32")
    wrong = np.asarray(gates.gradient(uniform, np.repeat(averages, 64))).mean(axis=0)
    assert np.linalg.norm(wrong - exact) > 0.5 * np.linalg.norm(exact)


def test_the_two_draws_are_antithetic_and_each_of_the_right_frequency():
    gates = make_gates(4, "arm")
    uniform = gates.draw(200_000)
    p = np.asarray(gates.probabilities())
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-LOGITS)), rtol=1e-5)
    first, second = (np.asarray(draw) for draw in gates.pair(uniform))
    for draw in (first, second):
        assert set(np.unique(draw)) == {0.0, 1.0}
        np.testing.assert_allclose(draw.mean(axis=0), p, atol=0.005)
    # Both closed only if p < 1/2, both open only if p > 1/2.
    together = np.stack([(first + second == k).mean(axis=0) for k in (0, 1, 2)])
    np.testing.assert_allclose(together[1], 2 * np.minimum(p, 1 - p), atol=0.005)
    assert (together[0][p > 0.5] == 0).all()
    assert (together[2][p < 0.5] == 0).all()


def test_decided_gates_stay_and_have_no_gradient():
    gates = make_gates(4, "disarm")
    gates.decided.assign([1.0, -1.0, 0.0, -1.0])
    assert np.asarray(gates.probabilities())[[0, 1, 3]].tolist() == [1.0, 0.0, 0.0]
    uniform = gates.draw(1000)
    for draw in gates.pair(uniform):
        draw = np.asarray(draw)
        assert (draw[:, 0] == 1).all()
        assert (draw[:, [1, 3]] == 0).all()
        assert 0 < draw[:, 2].mean() < 1
    gradient = np.asarray(gates.gradient(uniform, np.ones(1000, "float32")))
    assert (gradient[:, [0, 1, 3]] == 0).all()
    assert (gradient[:, 2] != 0).any()


def test_gates_at_inference():
    gates = make_gates(4, "arm")
    assert np.asarray(gates.open_gates()).tolist() == [1, 0, 1, 1]
    gates.weight.assign([-3.0, -1.0, -2.0, -1.5])
    assert np.asarray(gates.open_gates()).tolist() == [0, 1, 0, 0]
    assert float(ops.sum(gates.undecided())) == 4


def test_the_start():
    gates = LatentGates(3, probability=0.8, speed=7.0)
    np.testing.assert_allclose(np.asarray(gates.probabilities()), 0.8, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"units": 0}, "units"),
        ({"units": 2.0}, "units"),
        ({"probability": 1.0}, "probability"),
        ({"probability": "high"}, "probability"),
        ({"speed": 0.0}, "speed"),
        ({"speed": float("inf")}, "speed"),
        ({"estimator": "reinforce"}, "estimator"),
    ],
)
def test_wrong_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: "):
        LatentGates(**{"units": 3, **arguments})
