import numpy as np
import pytest
from keras import ops

from ald_keras.layers import ConstraintMultiplier


def values(layer):
    names = ("multiplier", "average", "satisfied", "margin")
    return {name: float(ops.convert_to_numpy(getattr(layer, name))) for name in names}


def test_it_finds_the_multiplier_of_a_known_problem(tf):
    # Minimise x^2 / 2 subject to (x - 3)^2 <= 1: x = 2, and with the Lagrangian
    # x^2 / 2 + m ((x - 3)^2 - 1) its derivative x + 2 m (x - 3) vanishes at m = 1.
    layer = ConstraintMultiplier(1.0, initial=0.05, rate=0.002, decay=0.9)

    @tf.function  # without which 20,000 steps take half a minute
    def solve():
        def step(_, x):
            m = ops.convert_to_tensor(layer.multiplier)
            x = x - 0.02 * (x + 2 * m * (x - 3))
            layer.update((x - 3) ** 2)
            return x

        return ops.fori_loop(0, 20_000, step, 0.0)

    assert float(solve()) == pytest.approx(2.0, abs=1e-3)
    assert values(layer)["multiplier"] == pytest.approx(1.0, abs=5e-3)
    assert values(layer)["satisfied"] == 1.0


def test_a_constraint_that_is_slack_lets_it_fall_to_its_bound():
    layer = ConstraintMultiplier(2.0, minimum=0.01)
    for _ in range(500):
        layer.update(np.float32(0.5))
    assert values(layer)["multiplier"] == pytest.approx(0.01)


def test_with_tau_0_it_rises_to_its_bound():
    layer = ConstraintMultiplier(0.0, maximum=50.0)
    for _ in range(1000):
        layer.update(np.float32(1e-3))
    assert values(layer)["multiplier"] == pytest.approx(50.0)
    assert values(layer)["satisfied"] == 0.0


def test_the_average_and_the_latch():
    errors = [3.0, 2.5, 0.2, 0.4, 5.0]
    layer = ConstraintMultiplier(1.0, decay=0.5)
    weights = 0.5 ** np.arange(5)[::-1]
    for count, error in enumerate(errors, start=1):
        layer.update(np.float32(error))
        share = weights[5 - count :]
        expected = np.average(np.array(errors[:count]) - 1.0, weights=share)
        assert values(layer)["average"] == pytest.approx(expected, rel=1e-5)
        # The average was below tau after the fourth step, and is above it again.
        assert values(layer)["satisfied"] == float(count >= 4)
    assert values(layer)["average"] > 0


@pytest.mark.parametrize(
    ("error", "step"), [(1e6, 0.1), (2.2, 0.1), (2.1, 0.05), (1.98, -0.01), (0, -0.1)]
)
def test_one_step_goes_with_the_error_and_is_bounded_by_the_rate(error, step):
    layer = ConstraintMultiplier(2.0, rate=0.1, band=0.1)
    layer.update(np.float32(error))
    assert values(layer)["multiplier"] == pytest.approx(0.5 * np.exp(step), rel=1e-5)


def test_it_rests_during_the_warm_up_unless_the_bound_is_met():
    layer = ConstraintMultiplier(1.0, warmup=4)
    shares = []
    for _ in range(6):
        shares.append(float(layer.warmup_fraction()))
        layer.update(np.float32(5.0))
    assert shares == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    # Of six steps the last two moved it.
    assert values(layer)["multiplier"] == pytest.approx(np.exp(0.02))
    layer = ConstraintMultiplier(1.0, warmup=4)
    layer.update(np.float32(0.5))
    assert float(layer.warmup_fraction()) == 0.0
    assert float(ConstraintMultiplier(1.0).warmup_fraction()) == 0.0


def test_a_warm_up_is_a_share_of_the_run_once_that_is_known():
    layer = ConstraintMultiplier(1.0, warmup=0.25)
    layer.update(np.float32(5.0))
    # Of 10,000 steps, until more is known.
    assert float(layer.warmup_fraction()) == pytest.approx(1.0 - 1.0 / 2500)
    layer.set_run_steps(16)
    assert float(layer.warmup_fraction()) == pytest.approx(0.75)
    layer.set_run_steps(4)
    assert float(layer.warmup_fraction()) == 0.0
    steps = ConstraintMultiplier(1.0, warmup=4)
    steps.update(np.float32(5.0))
    for length in (16, 10**6, None):
        steps.set_run_steps(length)
        assert float(steps.warmup_fraction()) == pytest.approx(0.75)


@pytest.mark.parametrize("unit", [1e-6, 1e-2, 1e5])
def test_it_does_the_same_in_any_unit_of_the_error(unit):
    errors = np.random.default_rng(0).uniform(0.2, 3.0, 60)
    one = ConstraintMultiplier(1.5, warmup=0.1)
    other = ConstraintMultiplier(1.5 * unit, warmup=0.1)
    for layer in (one, other):
        layer.set_run_steps(200)
    for error in errors:
        one.update(np.float32(error))
        other.update(np.float32(error * unit))
        a, b = values(one), values(other)
        assert a["multiplier"] == pytest.approx(b["multiplier"] * unit, rel=1e-3)
        assert a["average"] == pytest.approx(b["average"] / unit, rel=1e-3, abs=1e-4)
        assert a["satisfied"] == b["satisfied"]
    assert a["multiplier"] != pytest.approx(1.0 / 1.5, rel=1e-2)


def test_the_average_goes_back_no_further_than_a_share_of_the_run():
    short, long = ConstraintMultiplier(1.0), ConstraintMultiplier(1.0)
    short.set_run_steps(2000)
    long.set_run_steps(10**6)
    for error in (3.0, *[0.5] * 60):
        short.update(np.float32(error))
        long.update(np.float32(error))
    # Weights of an exponential average over 20 and over 100 steps.
    for layer, steps in ((short, 20), (long, 100)):
        weights = (1.0 - 1.0 / steps) ** np.arange(61)[::-1]
        expected = np.average([2.0, *[-0.5] * 60], weights=weights)
        assert values(layer)["average"] == pytest.approx(expected, rel=1e-4)


def test_the_error_of_a_network_that_has_learned_nothing_is_soon_forgotten():
    layer = ConstraintMultiplier(1.0)
    layer.set_run_steps(1000)
    for error in (1e9, *[0.9] * 60):
        layer.update(np.float32(error))
    assert values(layer)["satisfied"] == 1.0


def test_an_error_that_is_not_finite_is_passed_over():
    one, other = ConstraintMultiplier(1.0), ConstraintMultiplier(1.0)
    for error in (3.0, np.inf, np.nan, 2.0):
        one.update(np.float32(error))
    for error in (3.0, 2.0):
        other.update(np.float32(error))
    assert values(one) == values(other)


def test_a_margin_makes_the_constraint_tighter():
    layer = ConstraintMultiplier(4.0)
    layer.margin.assign(0.5)
    assert float(layer.constraint(np.float32(3.75))) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"tau": -1.0}, "tau"),
        ({"tau": float("nan")}, "tau"),
        ({"tau": "20"}, "tau"),
        ({"initial": 0.0}, "initial"),
        ({"initial": 5.0, "maximum": 1.0}, "initial"),
        ({"rate": 0.0}, "rate"),
        ({"band": -1.0}, "band"),
        ({"decay": 1.0}, "decay"),
        ({"minimum": 0.0}, "minimum"),
        ({"maximum": 1e-6}, "maximum"),
        ({"warmup": -1}, "warmup"),
        ({"warmup": 1.0}, "warmup"),
        ({"warmup": -0.1}, "warmup"),
        ({"warmup": float("nan")}, "warmup"),
        ({"warmup": "0.1"}, "warmup"),
        ({"warmup": True}, "warmup"),
    ],
)
def test_wrong_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: "):
        ConstraintMultiplier(**{"tau": 1.0, **arguments})
