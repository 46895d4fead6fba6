"""What every public class promises, checked alike."""

from __future__ import annotations

import json

import keras
import numpy as np


def check_round_trip(instance) -> None:
    """Config -> instance -> config through JSON, with what Keras registers."""
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(instance)))
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(instance)
    assert as_json(again.get_config()) == as_json(instance.get_config())
    assert set(dir(again)) == set(dir(instance))


def check_reloads(model, folder, inputs):
    """A saved model reloads, with the same outputs and weights; returns it."""
    model.save(folder / "saved.keras")
    again = keras.saving.load_model(folder / "saved.keras")
    assert as_json(again.get_config()) == as_json(model.get_config())
    for one, other in zip(model.weights, again.weights, strict=True):
        one, other = (keras.ops.convert_to_numpy(v) for v in (one, other))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model(inputs), again(inputs))
    return again


def as_json(config):
    return json.loads(json.dumps(config))
