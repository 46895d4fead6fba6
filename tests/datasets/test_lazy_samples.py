import numpy as np
import pytest

from ald_keras.datasets import LazySamples
from ald_keras.datasets import lazy_samples as module

BYTES = np.random.default_rng(0).integers(0, 256, (7, 3, 2), np.uint8)
FLOATS = (BYTES.astype(np.float64) / 255).astype(np.float32)


class CountingStore:
    """Counts the rows it is asked for at once."""

    def __init__(self, array):
        self.array, self.shape, self.reads = array, array.shape, []

    def __getitem__(self, rows):
        self.reads.append(len(rows))
        return self.array[rows]


@pytest.fixture
def samples():
    return LazySamples(BYTES, "here")


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int64(3),
        slice(2, 5),
        slice(None, None, -2),
        slice(3, 3),
        [4, 0, 4],
        np.array([1, 6]),
        np.arange(7) % 2 == 0,
    ],
)
def test_indexing_is_that_of_an_array(samples, key):
    np.testing.assert_array_equal(samples[key], FLOATS[key])
    assert samples[key].dtype == np.float32


def test_looks_like_an_array(samples):
    assert (samples.shape, samples.ndim, len(samples)) == ((7, 3, 2), 3, 7)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(samples), FLOATS)
    assert np.asarray(samples, np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.stack(list(samples)), FLOATS)


def test_take_composes_and_stays_lazy():
    store = CountingStore(BYTES)
    part = LazySamples(store, "here").take([5, 3, 1, 0]).take([2, 0])
    assert store.reads == []
    assert len(part) == 2
    np.testing.assert_array_equal(part[:], FLOATS[[1, 5]])
    assert store.reads == [2]


def test_only_what_is_asked_for_is_read():
    store = CountingStore(BYTES)
    samples = LazySamples(store, "here")
    samples[2:4]
    samples[5]
    assert store.reads == [2, 1]


def test_much_is_read_in_blocks(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_BYTES", 2 * 6 * 4)
    store = CountingStore(BYTES)
    np.testing.assert_array_equal(np.asarray(LazySamples(store, "here")), FLOATS)
    assert store.reads == [2, 2, 2, 1]


@pytest.mark.parametrize("index", [7, -8])
def test_index_out_of_range(samples, index):
    with pytest.raises(IndexError):
        samples[index]


@pytest.mark.parametrize("key", [None, np.zeros((2, 2), int)])
def test_index_of_another_rank(samples, key):
    with pytest.raises(IndexError, match="along their first axis alone"):
        samples[key]


def test_no_array_without_a_copy(samples):
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(samples, copy=False)


def test_floats_are_checked_when_read():
    store = np.zeros((3, 2), np.float32)
    store[2, 1] = np.nan
    samples = LazySamples(store, "here")
    np.testing.assert_array_equal(samples[:2], 0)
    with pytest.raises(ValueError, match="here: samples must be finite"):
        samples[2]
