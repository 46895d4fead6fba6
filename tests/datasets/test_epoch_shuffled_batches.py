import copy
import subprocess
import sys

import keras
import numpy as np
import pytest
from builders import BACKEND, batches_of, several_steps

from ald_keras.datasets import EpochShuffledBatches, LazySamples

N, BATCH = 23, 4
X = np.arange(N, dtype=np.float32)[:, None]


class Recorder(keras.Model):
    """Notes the batches that `fit` really feeds it."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), name="scale")

    def call(self, x):
        return x * self.scale

    def train_step(self, *given):
        x = given[-1][0]
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            loss = tf.numpy_function(self._note, [x], tf.float32)
            loss.set_shape(())
            return {"loss": loss}
        if keras.backend.backend() == "torch":
            return {"loss": self._note(keras.ops.convert_to_numpy(x))}
        import jax

        shape = jax.ShapeDtypeStruct((), "float32")
        loss = jax.experimental.io_callback(self._note, shape, x, ordered=True)
        return {"loss": loss}, given[0]

    def _note(self, x):
        self.batches.append(x[:, 0].astype(int).tolist())
        return np.float32(0)

    @property
    def order(self):
        return [sample for batch in self.batches for sample in batch]


def make(x=X, y=None, **options):
    return EpochShuffledBatches(x, y, **{"batch_size": BATCH, "seed": 3, **options})


@pytest.mark.tensorflow
def test_lazy_samples_look_like_arrays():
    lazy = LazySamples(np.arange(N, dtype=np.uint8)[:, None], "here")
    assert make(lazy).dataset.element_spec == make(X).dataset.element_spec


def recorder(build=True, **options):
    model = Recorder()
    model.compile("sgd", **options)
    if build:
        model(X[:2])
    return model


def fit(model, batches, callbacks=None, **options):
    callbacks = [batches.callback] if callbacks is None else callbacks
    arguments = {"epochs": 4, "shuffle": False, "verbose": 0, **options}
    model.fit(batches.dataset, callbacks=callbacks, **arguments)
    return model.order


def expected(epochs, seed=3, n=N):
    orders = [np.random.default_rng([seed, e]).permutation(n) for e in epochs]
    return np.concatenate(orders).tolist()


def test_order_is_that_of_seed_and_epoch_and_every_epoch_differs():
    order = fit(recorder(), make())
    assert order == expected(range(4))
    epochs = np.reshape(order, (4, N))
    assert len({tuple(epoch) for epoch in epochs}) == 4
    for epoch in epochs:
        assert sorted(epoch) == list(range(N))


def test_two_fits_agree_whatever_the_global_random_state():
    keras.utils.set_random_seed(1)
    first = fit(recorder(), make())
    keras.utils.set_random_seed(2)
    assert fit(recorder(), make()) == first
    assert fit(recorder(), make(seed=4)) == expected(range(4), seed=4) != first


@pytest.mark.parametrize("n", [1, 3, 4, 5, 20, 23])
def test_last_batch_is_kept(n):
    model = recorder()
    batches = make(X[:n])
    fit(model, batches, epochs=1)
    assert len(batches) == -(-n // BATCH)
    assert [len(b) for b in model.batches[:-1]] == [BATCH] * (len(batches) - 1)
    assert model.order == expected([0], n=n)


def test_labels_stay_with_their_samples():
    y = np.arange(N) * 10
    seen = batches_of(make(y=y))
    for x, label in seen:
        np.testing.assert_array_equal(x[:, 0] * 10, label)
    assert sum(len(x) for x, _ in seen) == N
    assert label.dtype == y.dtype


def test_batches_without_labels_are_one_tuples():
    (x,) = batches_of(make())[0]
    assert x.shape == (BATCH, 1)


@pytest.mark.tensorflow
def test_no_thread_of_autotuning_makes_an_epoch_wait_for_its_end():
    assert make().dataset.options().autotune.enabled is False


def test_lazy_samples_come_in_the_same_order_and_as_float32():
    lazy = LazySamples(np.arange(N, dtype=np.uint8)[:, None], "here")
    seen = [x for (x,) in batches_of(make(lazy))]
    assert {x.dtype for x in seen} == {np.dtype(np.float32)}
    order = np.rint(np.concatenate(seen)[:, 0] * 255).astype(int).tolist()
    assert order == expected([0])


def test_labels_stay_with_lazy_samples():
    lazy = LazySamples(np.arange(N, dtype=np.uint8)[:, None], "here")
    for x, label in batches_of(make(lazy, y=np.arange(N))):
        np.testing.assert_array_equal(np.rint(x[:, 0] * 255), label)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_resumed_run_goes_on_as_the_uninterrupted_one(epoch):
    whole = fit(recorder(), make())
    by_callback = fit(recorder(), make(), initial_epoch=epoch)
    by_argument = fit(
        recorder(), make(initial_epoch=epoch), callbacks=[], initial_epoch=epoch
    )
    assert by_callback == by_argument == whole[epoch * N :]


def test_backup_and_restore_resumes_in_the_right_order(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    first, second = recorder(), recorder()
    batches = make()
    with pytest.raises(KeyboardInterrupt):
        fit(first, batches, [batches.callback, backup(), Interrupt()])
    batches = make()
    fit(second, batches, [batches.callback, backup()])
    assert first.order + second.order == expected(range(4))


@pytest.mark.parametrize(
    "options",
    [
        {"build": False},
        pytest.param({"steps_per_execution": 3}, marks=several_steps),
        pytest.param({"steps_per_execution": 4}, marks=several_steps),
        {"run_eagerly": True},
    ],
)
@pytest.mark.parametrize("announced", [True, False])
def test_order_holds_however_the_model_is_compiled(options, announced):
    if BACKEND != "tensorflow" and "build" in options and not announced:
        pytest.skip("Keras builds the model on a pass of its own")
    batches = make()
    callbacks = [batches.callback] if announced else []
    assert fit(recorder(**options), batches, callbacks) == expected(range(4))


def test_order_holds_with_steps_per_epoch_given():
    assert fit(recorder(), make(), steps_per_epoch=6) == expected(range(4))


def test_a_look_at_the_batches_between_fits_does_no_harm():
    batches = make()
    model = recorder()
    fit(model, batches, epochs=2)
    list(batches.dataset)
    fit(model, batches, initial_epoch=2)
    assert model.order == expected(range(4))


def test_run_stopped_within_an_epoch_does_no_harm():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    batches = make()
    fit(recorder(), batches, [batches.callback, Stop()])
    assert fit(recorder(), batches) == expected(range(4))


def test_copy_of_the_callback_speaks_to_the_same_batches():
    batches = make()
    copied = copy.deepcopy(batches.callback)
    assert fit(recorder(), batches, [copied], initial_epoch=2) == expected([2, 3])


def test_weights_of_a_resumed_run_are_bit_equal():
    random = np.random.default_rng(0)
    x = random.normal(size=(50, 3)).astype(np.float32)
    y = random.normal(size=(50, 1)).astype(np.float32)

    def train(model, first, last):
        batches = EpochShuffledBatches(x, y, batch_size=8, seed=0)
        model.fit(
            batches.dataset,
            shuffle=False,
            verbose=0,
            initial_epoch=first,
            epochs=last,
            callbacks=[batches.callback],
        )

    def build():
        kernel = keras.initializers.GlorotUniform(seed=0)
        layer = keras.layers.Dense(1, kernel_initializer=kernel)
        model = keras.Sequential([keras.Input((3,)), layer])
        model.compile(keras.optimizers.SGD(0.05), "mse")
        return model

    whole, parts = build(), build()
    train(whole, 0, 4)
    train(parts, 0, 1)
    train(parts, 1, 4)
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"batch_size": 0}, ValueError, "`batch_size` must be a positive integer"),
        ({"batch_size": 2.0}, TypeError, "`batch_size` must be a positive integer"),
        ({"seed": -1}, ValueError, "`seed` must be a non-negative integer"),
        ({"seed": None}, TypeError, "`seed` must be a non-negative integer"),
        (
            {"initial_epoch": -1},
            ValueError,
            "`initial_epoch` must be a non-negative integer",
        ),
        ({"x": X[:0]}, ValueError, "`x` must hold at least one sample"),
        ({"x": np.float32(1)}, ValueError, "`x` must hold at least one sample"),
        ({"y": np.zeros(3)}, ValueError, "`y` must be as long as `x`"),
        ({"y": np.float32(1)}, ValueError, "`y` must be as long as `x`"),
    ],
)
def test_bad_arguments(options, error, match):
    with pytest.raises(error, match=match):
        make(**options)


MIRRORED = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)
from ald_keras.datasets import EpochShuffledBatches

seen = []

class Recorder(keras.Model):
    def call(self, x):
        return x

    def train_step(self, data):
        note = lambda x: np.float32(seen.extend(x[:, 0].tolist()) or 0)
        loss = tf.numpy_function(note, [data[0]], tf.float32)
        loss.set_shape(())
        return {"loss": loss}

with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = Recorder()
    model.compile("sgd")
x = np.arange(23, dtype=np.float32)[:, None]
batches = EpochShuffledBatches(x, batch_size=4, seed=3)
model.fit(batches.dataset, shuffle=False, verbose=0, epochs=3, initial_epoch=1,
          callbacks=[batches.callback])
expected = np.concatenate([batches.order(1), batches.order(2)])
assert len(seen) == len(expected), len(seen)
start = 0
for size in [4, 4, 4, 4, 4, 3] * 2:
    # The replicas of one step report in any order.
    part = slice(start, start + size)
    assert sorted(seen[part]) == sorted(expected[part]), (start, seen)
    start += size
print("as expected")
"""


@pytest.mark.tensorflow
@pytest.mark.slow
def test_order_holds_under_a_mirrored_strategy():
    run = subprocess.run(
        [sys.executable, "-c", MIRRORED], capture_output=True, text=True, check=False
    )
    assert run.stdout.strip().endswith("as expected"), run.stderr
