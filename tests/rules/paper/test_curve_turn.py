import pytest

from ald_keras.rules.paper.curve_turn import CurveTurn


@pytest.mark.parametrize(
    ("slope", "threshold", "rising", "turned", "text"),
    [
        (0.5, 0.0, True, True, "nll +0.5 is above 0"),
        (0.0, 0.0, True, False, "nll +0 is not above 0"),
        (-0.5, 0.0, True, False, "nll -0.5 is not above 0"),
        (0.25, 0.25, True, False, "nll +0.25 is not above 0.25"),
        (-0.1, -0.25, True, True, "nll -0.1 is above -0.25"),
        (-0.5, 0.0, False, True, "nll -0.5 is below 0"),
        (0.0, 0.0, False, False, "nll +0 is not below 0"),
        (-0.5, 0.5, False, False, "nll -0.5 is not below -0.5"),
        (0.1, -0.25, False, True, "nll +0.1 is below 0.25"),
        (None, -9.0, True, False, "nll has no slope yet"),
    ],
)
def test_strictly_beyond_the_threshold(slope, threshold, rising, turned, text):
    turn = CurveTurn("nll", slope, threshold, rising=rising)
    assert turn.turned is turned
    assert str(turn) == text
