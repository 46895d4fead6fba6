import pytest

from ald_keras.rules.tolerance import parse_tolerance


@pytest.mark.parametrize(
    ("value", "allowed"),
    [(0.5, 0.5), (2, 2.0), ("1%", 1.0), (" .5 % ", 0.5), ("100%", 100.0)],
)
def test_nats_are_absolute_and_percentages_are_of_the_gain(value, allowed):
    tolerance = parse_tolerance("tolerance", value)
    assert tolerance.of(105.0, baseline_nll=205.0) == pytest.approx(allowed)


def test_without_a_gain_a_share_is_nothing():
    assert parse_tolerance("tolerance", "1%").of(105.0, baseline_nll=99.0) == 0.0


def test_a_share_needs_the_baseline_and_nats_do_not():
    assert parse_tolerance("tolerance", 1.5).of(105.0, None) == 1.5
    with pytest.raises(ValueError, match="`baseline_nll`"):
        parse_tolerance("tolerance", "1%").of(105.0, None)


@pytest.mark.parametrize("value", [0, -1.0, "0%", "1", "-1%", "1e-3%", None, True])
def test_anything_else_is_an_error(value):
    with pytest.raises(ValueError, match="`tolerance`"):
        parse_tolerance("tolerance", value)
