"""What the size-curve rule says of its decisions."""

import pytest

from ald_keras.rules.outcome import unfinished
from ald_keras.rules.size_curve import reasons
from ald_keras.rules.size_curve.edge import Increase
from ald_keras.rules.size_curve.state import SizeCurveState

INCREASES = {
    4: Increase(0.2412, 0.004, 4),
    5: Increase(-0.0015, 0.003, 4),
    7: Increase(0.0, 0.0, 4),
}


def state_of(size, **values):
    return SizeCurveState(tuple(range(7)), phase="measure", size=size, **values)


def test_a_candidate_is_given_with_its_losses_and_what_it_waits_for():
    assert reasons.moving(state_of(5), 6, INCREASES, 0.0141) == (
        "Candidate: 5 dimensions, to be fixed after 6 more evaluations without change. "
        "With 5 dimensions the loss is 0.000 nats above that of all 7, with 4 it is "
        "0.241 above; 0.014 is allowed."
    )
    text = reasons.moving(state_of(7), 1, {6: INCREASES[4], 7: INCREASES[7]}, 1.4)
    assert text == (
        "Candidate: 7 dimensions, to be fixed after 1 more evaluation without change. "
        "With 6 dimensions the loss is 0.2 nats above that of all 7; 1.4 is allowed."
    )


def test_losses_are_left_out_where_they_decide_nothing():
    assert reasons.moving(state_of(5), 2, INCREASES, 0.0) == (
        "Candidate: 5 dimensions, to be fixed after 2 more evaluations without change."
    )
    assert reasons.fixed(5, 0, INCREASES, 0.0, uses_loss=False) == (
        "Size fixed: 5 dimensions. It is the smallest size that meets the target."
    )
    alone = {1: Increase(0.0, 0.0, 1)}
    assert reasons.fixed(1, 0, alone, 0.1, True) == "Size fixed: 1 dimension."


def test_a_standard_error_above_the_tolerance_is_named():
    noisy = {2: Increase(0.1, 0.09, 4), 3: Increase(0.02, 0.03, 4), 4: INCREASES[7]}
    assert reasons.fixed(3, 0, noisy, 0.014, True).endswith(
        "With 3 dimensions the loss is 0.020 +/- 0.030 nats above that of all 4, with "
        "2 it is 0.100 +/- 0.090 above; 0.014 is allowed, or one standard error."
    )


def test_no_loss_increases_by_less_than_nothing():
    lower = Increase(-0.2, 0.01, 4)
    texts = [
        reasons.fixed(5, 2, INCREASES, 0.0141, True),
        reasons.falling(state_of(5, below=(-0.3,)), 0.0141),
        reasons.closed(2, lower, 0.0141),
        reasons.reopened(6, 1, lower, 0.0141),
    ]
    assert not [text for text in texts if "-" in text]


@pytest.mark.parametrize("code", ["", "settle", "measure"])
def test_a_run_that_measured_no_size_is_told_so(code):
    assert "before the first measurement of sizes" in unfinished(code)
    assert "patience" not in unfinished(code)
    assert "`patience`" in unfinished("moving")
