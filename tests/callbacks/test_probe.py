import keras
import numpy as np
import pytest
import scipy.sparse as sp
from builders import stream_of
from keras import ops

from ald_keras.callbacks.probe import ArrayProbe, make_probe
from ald_keras.metrics.arrays import NamedArrays, SparseRows

X = np.arange(40, dtype="float32").reshape(20, 2)
Y = np.arange(20) % 4


class Batches(keras.utils.PyDataset):
    def __init__(self, count=5):
        super().__init__()
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        part = slice(4 * index, 4 * index + 4)
        return X[part], Y[part]


class Endless(Batches):
    @property
    def num_batches(self):
        return None


def dataset(**options):
    return stream_of((X, Y), 3, **options)


SOURCES = {
    "arrays": lambda: (X, Y),
    "with weights": lambda: (X, Y, np.ones(20)),
    "tensors": lambda: (ops.convert_to_tensor(X), ops.convert_to_tensor(Y)),
    "stream": dataset,
    "PyDataset": Batches,
    "list of batches": lambda: [(X[:12], Y[:12]), (X[12:], Y[12:])],
}


@pytest.mark.parametrize("source", SOURCES)
def test_samples_are_distinct_and_keep_their_labels(source):
    probe = make_probe(SOURCES[source]())
    assert (probe.n_samples, probe.n_classes) == (20, 4)
    x, y = probe.sample(7, np.random.default_rng(0))
    rows = (x[:, 0] / 2).astype(int)
    assert len(set(rows)) == 7
    np.testing.assert_array_equal(y, Y[rows])
    np.testing.assert_array_equal(np.concatenate(list(probe.batches())), X)


@pytest.mark.parametrize("source", SOURCES)
def test_the_generator_decides_the_sample(source):
    probe = make_probe(SOURCES[source]())
    draw = [probe.sample(5, np.random.default_rng(seed))[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])


@pytest.mark.parametrize("source", SOURCES)
def test_few_samples_are_all_taken(source):
    x, _ = make_probe(SOURCES[source]()).sample(500, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(x, axis=0), X)


@pytest.mark.parametrize("source", ["arrays", "stream"])
def test_every_sample_is_equally_likely(source):
    probe, counts = make_probe(SOURCES[source]()), np.zeros(20)
    rng = np.random.default_rng(0)
    for _ in range(400):
        counts[(probe.sample(5, rng)[0][:, 0] / 2).astype(int)] += 1
    # Binomial(400, 1/4): mean 100, standard deviation 8.7.
    assert np.all(np.abs(counts - 100) < 5 * 8.7)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (None, None),
        (Y.astype("float32"), 4),
        (np.eye(4)[Y], 4),
        (Y[:, None], 4),
        (Y + 0.5, None),
        (X, None),
        (np.array(list("abcd"))[Y], 4),
    ],
)
def test_what_counts_as_labels(labels, classes):
    assert make_probe((X, labels)).n_classes == classes


def test_unlabelled_streams():
    probe = make_probe(stream_of(X, 6))
    assert (probe.n_samples, probe.n_classes) == (20, None)
    assert probe.sample(3, np.random.default_rng(0))[1] is None


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (lambda: dataset(endless=True), "infinite"),
        (Endless, "infinite"),
        (lambda: (batch for batch in [(X, Y)]), "only once"),
        (lambda: 3, "no stream"),
    ],
)
def test_streams_that_cannot_be_read_every_epoch_are_errors(stream, what):
    with pytest.raises(ValueError, match=f"probe=.*{what}"):
        make_probe(stream())


def test_labels_must_be_as_many_as_the_data():
    with pytest.raises(ValueError, match="20 samples and 19 labels"):
        make_probe((X, Y[:19]))


class CountedReads:
    """Data that count how often they are read."""

    dtype = np.dtype("float32")

    def __init__(self, shape):
        self.shape, self.ndim, self.reads = shape, len(shape), 0

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        self.reads += 1
        if isinstance(rows, int) and rows >= len(self):
            raise IndexError(rows)
        return np.zeros(self.shape, "float32")[rows]


@pytest.mark.parametrize("make", [lambda x: x, lambda x: NamedArrays({"x": x})])
def test_labels_are_told_from_data_by_their_shape(make):
    data = CountedReads((30, 5))
    assert make_probe((make(data), np.arange(30) % 3)).n_classes == 3
    assert data.reads == 0


def test_sparse_data_stay_sparse_beside_labels(monkeypatch):
    rows = SparseRows(sp.csr_matrix(np.eye(30)))
    counted = CountedReads((30, 30))
    monkeypatch.setattr(SparseRows, "__getitem__", lambda _, key: counted[key])
    assert ArrayProbe(rows, np.arange(30) % 3).n_classes == 3
    assert counted.reads == 0
