import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ald_keras.rules import fit_slope

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


@given(values=VALUES, data=st.data())
def test_agrees_with_polyfit(values, data):
    window = data.draw(st.integers(2, len(values)))
    expected = np.polyfit(np.arange(window), values[-window:], 1)[0]
    # The last term covers subnormal values, where nothing is relative any more.
    tolerance = 1e-10 * max(map(abs, values)) + 1e-300
    assert fit_slope(values, window) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("values", "window", "expected"),
    [
        ([3.0, 2.0, 1.0], 3, -1.0),
        ([1.0, 4.0], 2, 3.0),
        ([9.0, 9.0, 0.0, 1.0, 2.0], 3, 1.0),
        ([0.0, 0.0, 0.0, 1.0], 4, 0.3),
        ([1.0, 0.0, 1.0], 3, 0.0),
    ],
)
def test_known_slopes(values, window, expected):
    assert fit_slope(values, window) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("level", [0.1, -0.3, 1 / 3, 1e-300, 123456.789])
@pytest.mark.parametrize("window", [2, 7, 10, 20])
def test_flat_curve_has_a_slope_of_exactly_zero(level, window):
    assert fit_slope([level] * window, window) == 0.0


@given(values=VALUES)
def test_reversal_in_time_or_sign_negates_exactly(values):
    slope = fit_slope(values, len(values))
    assert fit_slope(values[::-1], len(values)) == -slope
    assert fit_slope([-value for value in values], len(values)) == -slope


def test_none_while_the_window_is_not_full():
    assert fit_slope([], 2) is None
    assert fit_slope([1.0, 2.0], 3) is None
    assert fit_slope([1.0, 2.0, 3.0], 3) is not None


def test_array_gives_a_plain_float():
    assert type(fit_slope(np.array([1.0, 2.0], "float32"), 2)) is float


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_non_finite_value_counts_only_inside_the_window(bad):
    assert fit_slope([bad, 1.0, 2.0], 2) == 1.0
    with pytest.raises(ValueError, match="`values` must be finite"):
        fit_slope([1.0, bad, 2.0], 2)


@pytest.mark.parametrize("window", [1, 0, -3, 2.0, True, None, "5"])
def test_bad_window(window):
    with pytest.raises(ValueError, match="`window` must be an integer of at least 2"):
        fit_slope([1.0, 2.0, 3.0], window)
