"""Each check returns a plain value or names the argument in its error."""

import numpy as np
import pytest

from ald_keras._validation import (
    WrongTypeError,
    check_choice,
    check_fields,
    check_flag,
    check_integer,
    check_known,
    check_mapping,
    check_options,
    check_real,
    check_seed,
    check_shape,
    check_text,
)
from ald_keras.rules.indices import check_active, check_indices


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
    assert check_fields("Thing", {"a": 1, "b": 2}, ["b", "a"]) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match=r"Thing.*missing \['b'\], unknown \['c'\]"):
        check_fields("Thing", {"a": 1, "c": 2}, ["a", "b"])


@pytest.mark.parametrize(
    ("limits", "right", "wrong", "expected"),
    [
        ({"above": 0}, [1e-9, 1e9], [0, -1, np.inf, np.nan], "finite number above 0"),
        ({"at_least": 0}, [0, 3], [-1e-9, np.inf], "finite number of at least 0"),
        (
            {"above": 0, "at_most": 2},
            [2, np.float32(1)],
            [0, 2.1],
            "finite number above 0 and of at most 2",
        ),
        ({"below": 1}, [0.5], [1], "finite number below 1"),
        ({"float32": True}, [3e38, -3e38], [1e39, np.inf], "finite float32 number"),
    ],
)
def test_numbers_within_limits(limits, right, wrong, expected):
    for value in right:
        assert check_real("x", value, **limits) == value
    for value in wrong:
        with pytest.raises(ValueError, match=f"`x` must be a {expected}. Received: x="):
            check_real("x", value, **limits)


def test_integers_up_to_a_maximum():
    assert check_integer("n", 4, 2, 4) == 4
    with pytest.raises(ValueError, match="`n` must be an integer from 2 to 4"):
        check_integer("n", 5, 2, 4)


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_integer("x", 2.0),
        lambda: check_integer("x", True),
        lambda: check_real("x", "2"),
        lambda: check_seed("2"),
        lambda: check_flag("x", 1),
        lambda: check_text("x", None),
        lambda: check_choice("x", 3, ["a"]),
        lambda: check_shape("x", 3),
        lambda: check_shape("x", (3, 2.0)),
        lambda: check_indices("x", [1.0]),
        lambda: check_mapping("x", [1]),
    ],
)
def test_a_wrong_type_is_a_type_error_and_a_value_error(check):
    with pytest.raises(WrongTypeError) as error:
        check()
    assert isinstance(error.value, TypeError)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_integer("x", -1, 0),
        lambda: check_real("x", float("nan")),
        lambda: check_seed(-1),
        lambda: check_choice("x", "b", ["a"]),
        lambda: check_shape("x", ()),
        lambda: check_shape("x", (3, 0)),
    ],
)
def test_a_wrong_value_is_no_type_error(check):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        check()
    assert not isinstance(error.value, TypeError)


def test_values_that_pass():
    assert check_seed(None) is None
    assert check_seed(np.int64(3)) == 3
    assert check_flag("x", np.bool_(True)) is True
    assert check_text("x", "a") == "a"
    assert check_choice("x", "a", ("a", "b")) == "a"
    assert check_shape("x", [np.int64(8), 8]) == (8, 8)


def test_the_nearest_choice_is_proposed():
    with pytest.raises(ValueError, match="Did you mean 'mlp'"):
        check_choice("x", "mpl", ["mlp", "conv"])
    with pytest.raises(ValueError, match="Received: x='zzz'$"):
        check_choice("x", "zzz", ["mlp", "conv"])


def test_unknown_keys_and_options():
    def train(x, *, epochs, speed=1):
        return x, epochs, speed

    check_options("train", train, {"epochs": 3})
    with pytest.raises(ValueError, match="unknown option 'epoch'. Did you mean 'epoch"):
        check_options("train", train, {"epoch": 3})
    with pytest.raises(ValueError, match="train needs the option `epochs`"):
        check_options("train", train, {"speed": 3})
    with pytest.raises(ValueError, match="here: unknown key 3. Expected one of .*a"):
        check_known("here", {3: 4}, ["a"])
