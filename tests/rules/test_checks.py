import numpy as np
import pytest

from ald_keras.rules.checks import (
    check_active,
    check_indices,
    check_integer,
    check_keys,
    check_mapping,
    check_real,
)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integer_becomes_plain(value):
    assert check_integer("n", value, 1) == 3
    assert type(check_integer("n", value, 1)) is int


@pytest.mark.parametrize(
    "value", [0, -1, 3.0, True, np.bool_(True), "3", None, np.float64(3), [3]]
)
def test_bad_integer_is_shown(value):
    with pytest.raises(ValueError, match="`n` must be a positive integer") as error:
        check_integer("n", value, 1)
    assert str(error.value).endswith(f"Received: n={value!r}")


@pytest.mark.parametrize(
    ("minimum", "expected"),
    [
        (0, "a non-negative integer"),
        (1, "a positive integer"),
        (2, "an integer of at least 2"),
    ],
)
def test_integer_error_states_the_minimum(minimum, expected):
    assert check_integer("n", minimum, minimum) == minimum
    with pytest.raises(ValueError, match=f"`n` must be {expected}\\."):
        check_integer("n", minimum - 1, minimum)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int64(2)])
def test_real_becomes_plain(value):
    assert check_real("x", value) == 2.0
    assert type(check_real("x", value)) is float


@pytest.mark.parametrize("value", [True, np.bool_(False), "1", None, 1j, [1.0]])
def test_bad_real(value):
    for finite in (True, False):
        with pytest.raises(ValueError, match="`x` must be a"):
            check_real("x", value, finite=finite)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_real(value):
    with pytest.raises(ValueError, match="`x` must be a finite number"):
        check_real("x", value)
    assert repr(check_real("x", value, finite=False)) == repr(value)


def test_indices_become_plain():
    indices = check_indices("i", np.array([0, 2, 5]), 6)
    assert indices == (0, 2, 5)
    assert {type(index) for index in indices} == {int}
    assert check_indices("i", []) == ()
    assert check_indices("i", [10**6]) == (10**6,)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 0], "ascending"),
        ([1, 1], "ascending"),
        ([0, 6], "number of latent dimensions, 6"),
        ([-1, 0], "non-negative"),
        ([0.0], "non-negative"),
        ([True], "non-negative"),
    ],
)
def test_bad_indices(values, message):
    with pytest.raises(ValueError, match=message):
        check_indices("i", values, 6)


def test_active_needs_one_dimension():
    assert check_active("active", [3], 4) == (3,)
    with pytest.raises(ValueError, match="at least one dimension"):
        check_active("active", [], 4)


@pytest.mark.parametrize("value", [None, [("a", 1)], "a", 3])
def test_not_a_mapping(value):
    with pytest.raises(TypeError, match="`m` must be a mapping"):
        check_mapping("m", value)


@pytest.mark.parametrize("key", ["", 1, None, ("a",)])
def test_bad_mapping_key(key):
    with pytest.raises(ValueError, match="non-empty strings"):
        check_mapping("m", {key: 1})


def test_keys_have_to_match():
    assert check_keys("Thing", {"a": 1, "b": 2}, ["b", "a"]) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match=r"Thing.*missing \['b'\], unknown \['c'\]"):
        check_keys("Thing", {"a": 1, "c": 2}, ["a", "b"])
