import keras
import numpy as np
import pytest

from ald_keras.datasets import LazySamples, OrderedBatches

STORE = np.random.default_rng(0).integers(0, 256, (23, 3), np.uint8)
X = (STORE / 255).astype(np.float32)
Y = np.arange(23)


@pytest.mark.parametrize("x", [X, LazySamples(STORE, "here")], ids=["array", "lazy"])
@pytest.mark.parametrize(("size", "number"), [(4, 6), (23, 1), (100, 1), (1, 23)])
def test_batches_are_the_samples_in_order(x, size, number):
    batches = OrderedBatches(x, Y, batch_size=size)
    assert len(batches) == number
    xs, ys = zip(*(batches[i] for i in range(number)), strict=True)
    np.testing.assert_array_equal(np.concatenate(xs), X)
    np.testing.assert_array_equal(np.concatenate(ys), Y)
    assert len(xs[0]) == min(size, 23)


def test_evaluate_gives_what_it_gives_for_arrays():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    y = Y.astype(np.float32)[:, None]
    batches = OrderedBatches(LazySamples(STORE, "here"), y, batch_size=5)
    expected = np.mean((model.predict(X, verbose=0) - y) ** 2)
    assert model.evaluate(batches, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_without_labels_batches_are_one_tuples():
    (x,) = OrderedBatches(X, batch_size=4)[1]
    np.testing.assert_array_equal(x, X[4:8])


@pytest.mark.parametrize(
    ("options", "match"),
    [({"batch_size": 0}, "`batch_size`"), ({"y": Y[:3]}, "`y` must be as long")],
)
def test_bad_arguments(options, match):
    with pytest.raises(ValueError, match=match):
        OrderedBatches(X, **{"y": Y, "batch_size": 4, **options})
