import numpy as np
import pytest

from ald_keras.datasets.generated import check_integer, check_number, random_stream


def numbers(*arguments):
    return random_stream(*arguments).random(4).tolist()


def test_stream_is_repeated_by_its_arguments_alone():
    assert numbers(1, "map", "train") == numbers(1, "map", "train")
    streams = [
        numbers(*arguments)
        for arguments in [
            (1, "map", "train"),
            (2, "map", "train"),
            (1, "map", "test"),
            (1, "train", "map"),
            (1, "map"),
            (1,),
        ]
    ]
    assert len({tuple(stream) for stream in streams}) == len(streams)


def test_stream_is_the_same_on_every_machine():
    # The CRC-32 of "map", as zip files have it.
    expected = np.random.default_rng([5, 0x93ADAABB]).random(4).tolist()
    assert numbers(5, "map") == expected


@pytest.mark.parametrize("value", [-1, 0.5, True, "1", None])
def test_bad_data_seed(value):
    with pytest.raises(ValueError, match="`data_seed` must be an integer >= 0"):
        random_stream(value, "map")


def test_integers_from_the_minimum_on():
    assert check_integer("n", np.int64(3), 3) == 3
    assert type(check_integer("n", np.int64(3), 3)) is int
    with pytest.raises(ValueError, match="`n` must be an integer >= 3. Received: n=2"):
        check_integer("n", 2, 3)


@pytest.mark.parametrize(
    ("options", "right", "wrong", "interval"),
    [
        ({}, [1e-9, 1e9], [0, -1, np.inf, np.nan], r"\(0, inf\)"),
        ({"low_included": True}, [0, 3], [-1e-9], r"\[0, inf\)"),
        ({"high": 2, "high_included": True}, [2, np.float32(1)], [0, 2.1], r"\(0, 2\]"),
        ({"low": 1}, [2], [1, True, "2", None], r"\(1, inf\)"),
    ],
)
def test_numbers_of_an_interval(options, right, wrong, interval):
    for value in right:
        checked = check_number("n", value, **options)
        assert checked == value
        assert type(checked) is float
    for value in wrong:
        with pytest.raises(ValueError, match=f"`n` must be a number in {interval}"):
            check_number("n", value, **options)
