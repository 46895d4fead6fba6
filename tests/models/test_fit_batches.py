"""What `fit` makes of arrays, and how many steps one execution takes."""

import keras
import numpy as np
import pytest
import scipy.sparse
from builders import BACKEND, digits, small_vae, to_numpy, weights_of

from ald_keras import ALDCallback
from ald_keras.metrics.arrays import SparseRows
from ald_keras.models.fit_batches import shuffled_batches, steps_per_execution

X = digits(320)
LONGEST = 8 if BACKEND == "tensorflow" else 1


class SeesBatches(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(batch)


def fitted(x=X, callbacks=(), compile_options=(), **options):
    vae = small_vae(4)
    vae.compile(keras.optimizers.Adam(1e-2), **dict(compile_options))
    options = {"epochs": 2, "batch_size": 10, "verbose": 0, **options}
    vae.fit(x, callbacks=list(callbacks), **options)
    return vae


def test_the_order_of_arrays_follows_the_model_s_seed_and_the_epoch():
    first, second = weights_of(fitted()), weights_of(fitted())
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    batches = shuffled_batches(X, None, None, 10, 0)
    order = np.random.default_rng([0, 1]).permutation(len(X))
    np.testing.assert_array_equal(batches.order(1), order)


def test_epochs_trained_in_two_fits_are_those_of_one():
    whole, parts = fitted(), small_vae(4)
    parts.compile(keras.optimizers.Adam(1e-2))
    options = {"batch_size": 10, "verbose": 0}
    parts.fit(X, epochs=1, **options)
    parts.fit(X, epochs=2, initial_epoch=1, **options)
    for a, b in zip(weights_of(whole), weights_of(parts), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_a_seed_the_global_one_decides():
    losses = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(0)
        vae = small_vae(4, seed=None)
        keras.utils.set_random_seed(seed)
        vae.compile("adam")
        vae.sampling.noise = lambda shape, dtype: keras.ops.zeros(shape, dtype)
        losses.append(vae.fit(X, batch_size=10, verbose=0).history["loss"][0])
    assert losses[0] == losses[1] != losses[2]


def test_weights_without_labels_count():
    weight = np.repeat([1.0, 0.0], 160)
    mixed = np.concatenate([X[:160], np.ones((160, 8, 8, 1), "float32")])
    vae = fitted(mixed, sample_weight=weight, epochs=40)
    loss = vae.evaluate(X[:160], verbose=0, return_dict=True)["loss"]
    assert loss < fitted(mixed, epochs=40).evaluate(X[:160], verbose=0)[0]


def test_a_sparse_matrix_is_dense_batch_by_batch(monkeypatch):
    keras.utils.set_random_seed(0)
    matrix = scipy.sparse.random(200, 64, 0.2, "csr", "float32", random_state=0)
    rows = []
    whole = type(matrix).toarray
    monkeypatch.setattr(
        type(matrix), "toarray", lambda m: rows.append(m.shape[0]) or whole(m)
    )
    batches = shuffled_batches(SparseRows(matrix), None, None, batch_size=10, seed=0)
    first = next(iter(batches.dataset))[0]
    assert tuple(first.shape) == (10, 64)
    assert max(rows) <= 10


def test_doubles_come_in_the_session_s_precision():
    batches = shuffled_batches(X.astype("float64"), None, None, 10, 0)
    assert batches.arrays[0][""].dtype == "float32"


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        ([], LONGEST),
        ([keras.callbacks.EarlyStopping("loss")], LONGEST),
        ([ALDCallback()], LONGEST),
        ([ALDCallback(interval=5)], 1),
        ([SeesBatches()], 1),
        ([keras.callbacks.LambdaCallback(on_train_batch_end=print)], 1),
        ([keras.callbacks.ModelCheckpoint("m.keras", save_freq="epoch")], LONGEST),
        ([keras.callbacks.ModelCheckpoint("m.keras", save_freq=3)], 1),
    ],
)
def test_steps_of_an_execution(callbacks, expected):
    vae = small_vae(4)
    vae.compile("adam")
    data = shuffled_batches(X, None, None, 10, 0).dataset
    assert steps_per_execution(vae, data, callbacks) == expected


def test_a_callback_that_sees_batches_sees_each():
    seen = SeesBatches()
    assert fitted(callbacks=[seen]).steps_per_execution == 1
    assert seen.seen == [*range(32)] * 2


def test_steps_of_an_execution_change_nothing_that_is_learned():
    auto, single = fitted(), fitted(compile_options={"steps_per_execution": 1})
    assert (auto.steps_per_execution, single.steps_per_execution) == (LONGEST, 1)
    for a, b in zip(weights_of(auto), weights_of(single), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_loaded_model_chooses_again_and_keeps_what_the_user_chose(tmp_path):
    for steps, expected in ((None, LONGEST), (1, 1)):
        vae = fitted(compile_options={"steps_per_execution": steps})
        vae.save(tmp_path / "vae.keras")
        loaded = keras.models.load_model(tmp_path / "vae.keras")
        loaded.fit(X, batch_size=10, verbose=0)
        assert loaded.steps_per_execution == expected


def test_arrays_are_checked_once_and_streams_in_each_step():
    vae = fitted()
    assert not vae.checks_batches
    batches = [X[i : i + 10] for i in range(0, 60, 10)]
    bad = [*batches, np.full((10, 8, 8, 1), 2.0, "float32")]
    vae.fit(((batch,) for batch in batches), steps_per_epoch=6, verbose=0)
    assert vae.checks_batches
    with pytest.raises(ValueError, match="640 other values"):
        vae.fit(((batch,) for batch in bad), steps_per_epoch=7, verbose=0)


def test_predict_gives_all_rows_whatever_ran_before():
    vae = small_vae(4)
    vae.compile("adam")
    before = vae.predict(X, batch_size=10, verbose=0)
    vae.fit(X, batch_size=10, verbose=0)
    after = vae.predict(X, batch_size=10, verbose=0)
    assert len(before) == len(after) == len(X)
    np.testing.assert_allclose(after, to_numpy(vae.reconstruct(X)), atol=1e-5)
