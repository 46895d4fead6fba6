"""Each internal of Keras that is used does what it is used for (Keras 3.15)."""

import json

import keras
import numpy as np
import pytest
from builders import digits, small_vae

from ald_keras.models import keras_internals

X = digits(64)


def compiled():
    vae = small_vae(4)
    vae.compile("adam")
    return vae


def test_a_prebuilt_model_is_not_built_on_a_batch(monkeypatch):
    vae = compiled()
    calls = []
    monkeypatch.setattr(vae, "call", lambda *_, **__: calls.append(1))
    monkeypatch.setattr(vae, "train_step", lambda data: {"loss": keras.ops.zeros(())})
    vae.fit(X, verbose=0)
    assert calls == []


def test_a_backup_sets_the_epoch_that_fit_begins_with(tmp_path):
    vae = compiled()
    assert keras_internals.restored_epoch(vae) is None
    (tmp_path / "training_metadata.json").write_text(json.dumps({"epoch": 3}))
    backup = keras.callbacks.BackupAndRestore(tmp_path)
    backup.set_model(vae)
    backup.on_train_begin()
    assert keras_internals.restored_epoch(vae) == 3


def test_optimizers_of_files_are_those_of_any_backend():
    inner = {"module": "keras.src.backend.torch.optimizers.torch_sgd", "config": {}}
    config = {"optimizer": {"module": "keras.optimizers", "config": {"inner": [inner]}}}
    found = keras_internals.of_any_backend(config)["optimizer"]["config"]["inner"]
    assert found == [{"module": "keras.optimizers", "config": {}}]


class Begin(keras.callbacks.Callback):
    """Lets `fit` begin with another epoch."""

    def on_train_begin(self, logs=None):
        keras_internals.set_first_epoch(self.model, 3)


def test_the_first_epoch_can_be_set_when_training_begins():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    x = np.zeros((4, 2)), np.zeros(4)
    assert model.fit(*x, epochs=5, callbacks=[Begin()], verbose=0).epoch == [3, 4]
    # Keras keeps it for every later `fit`.
    assert model.fit(*x, epochs=2, verbose=0).epoch == []
    keras_internals.reset_fit(model)
    assert model.fit(*x, epochs=2, verbose=0).epoch == [0, 1]


def test_a_fit_that_fails_keeps_its_validation_data():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    x, y = np.zeros((4, 2)), np.zeros(4)

    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError

    with pytest.raises(KeyError):
        model.fit(x, y, validation_data=(x, y), callbacks=[Fail()], verbose=0)
    assert model._eval_epoch_iterator is not None
    keras_internals.reset_fit(model)
    assert model._eval_epoch_iterator is None


def test_fit_says_that_it_validates(monkeypatch):
    vae, said = compiled(), []
    original = vae.evaluate

    def evaluate(*args, **options):
        said.append(keras_internals.validates_fit(options))
        return original(*args, **options)

    monkeypatch.setattr(vae, "evaluate", evaluate)
    vae.fit(X, validation_data=(X,), verbose=0)
    vae.evaluate(X, verbose=0)
    assert said == [True, False]


def test_a_tensor_leads_to_its_layer_and_its_calls():
    first, second = keras.layers.Dense(3), keras.layers.Dense(2)
    inputs = keras.Input((4,))
    hidden = first(inputs)
    outputs = second(hidden)
    layer, read = keras_internals.source(outputs)
    assert layer is second
    assert len(read) == 1
    assert read[0] is hidden
    (call,) = keras_internals.nodes(first)
    assert call.input_tensors[0] is inputs
    assert call.output_tensors[0] is hidden
