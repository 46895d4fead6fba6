import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ald_keras.rules.tolerance import parse_tolerance
from ald_keras.rules.trend import Trend, fit_trend

LOSSES = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=12)


@given(LOSSES, st.integers(1, 50))
def test_the_fit_is_that_of_polyfit(losses, first):
    epochs = np.arange(first, first + len(losses))
    gain, level = np.polyfit(1 / np.cbrt(epochs), losses, 1)
    trend = fit_trend(epochs.tolist(), losses)
    if gain < 0:
        gain, level = 0.0, np.mean(losses)
    assert trend.gain == pytest.approx(gain, rel=1e-5, abs=1e-4)
    assert trend.level == pytest.approx(level, rel=1e-5, abs=1e-4)


def test_what_an_epoch_brings_falls_off():
    trend = fit_trend([1, 8, 64], [7.0, 5.0, 4.0])
    assert (trend.level, trend.gain) == pytest.approx((3.0, 4.0))
    assert trend.at(512) == pytest.approx(3.5)
    assert trend.moved(-1.0).at(8) == pytest.approx(4.0)


def test_a_loss_that_rises_is_taken_as_level():
    assert fit_trend([1, 2, 3], [1.0, 2.0, 3.0]) == Trend(2.0, 0.0)
    with pytest.raises(ValueError, match="`gain` must be at least 0"):
        Trend(0.0, -0.1)


@pytest.mark.parametrize(
    ("value", "loss", "null_loss", "expected"),
    [
        ("0.5%", 100.0, 300.0, 1.0),
        ("0.5%", -100.0, 100.0, 1.0),
        (" 2 % ", -100.0, -50.0, 1.0),
        (".5%", 7600.0, 7700.0, 0.5),
        ("1%", 100.0, 99.0, 0.0),
        (0.25, 1e6, None, 0.25),
    ],
)
def test_tolerances_are_nats_or_shares_of_the_gain(value, loss, null_loss, expected):
    assert parse_tolerance("x", value).of(loss, null_loss) == pytest.approx(expected)


def test_a_share_needs_to_know_the_gain():
    with pytest.raises(ValueError, match="`null_loss` must be known"):
        parse_tolerance("x", "1%").of(100.0, None)


@pytest.mark.parametrize(
    "value", ["0.5", "-1%", "%", "1%%", -0.1, 0, "0%", float("nan"), None, True, [1]]
)
def test_other_tolerances_are_refused(value):
    with pytest.raises(ValueError, match=r"`x` must .*Received: x="):
        parse_tolerance("x", value)
