import numpy as np
import pytest

from ald_keras.datasets.generated import random_stream


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
    with pytest.raises(ValueError, match="`data_seed` must be a non-negative"):
        random_stream(value, "map")
