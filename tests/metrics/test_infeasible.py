import numpy as np
import pytest

from ald_keras.metrics.infeasible import CAUSES, infeasible_cause, is_falling


@pytest.mark.parametrize(
    ("errors", "known", "cause"),
    [
        # A line that is at the bound of 10 in 20 epochs again, or in 60.
        (np.linspace(30.0, 20.0, 20), {}, "falling"),
        (np.linspace(30.0, 26.0, 20), {}, "capacity"),
        ([12.0] * 20, {}, "capacity"),
        ([12.0] * 20, {"trained": 11.0}, "capacity"),
        ([12.0] * 20, {"trained": 9.0}, "overfitting"),
        ([12.0] * 20, {"trained": 9.0, "constant": 11.0}, "no_gain"),
        ([12.0] * 20, {"trained": 9.0, "noise": 10.5}, "noise"),
        ([12.0] * 20, {"trained": 9.0, "noise": 9.5}, "overfitting"),
        # Too few to say.
        ([12.0, 11.9], {}, "falling"),
        ([12.0], {}, "falling"),
        ([12.0], {"trained": 9.0}, "overfitting"),
        ([12.0, 13.0], {}, "capacity"),
        # It has risen.
        (np.linspace(11.0, 15.0, 20), {"trained": 9.0}, "overfitting"),
    ],
)
def test_the_likely_cause(errors, known, cause):
    assert infeasible_cause(list(errors), 10.0, **known) == cause
    assert cause in CAUSES


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_no_cause_depends_on_the_errors_unit(unit):
    rng = np.random.default_rng(0)
    for _ in range(50):
        errors = rng.uniform(10.0, 30.0) + np.cumsum(rng.normal(-0.1, 0.3, 40))
        assert is_falling(list(errors), 10.0) == is_falling(
            list(errors * unit), 10.0 * unit
        )


def test_every_cause_says_what_to_change():
    # A sentence of its own, in the imperative.
    for text in CAUSES.values():
        assert text.partition(". ")[2].split()[0] in ("Raise", "Lower", "Train", "Pass")
