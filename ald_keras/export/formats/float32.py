"""Copies of models that compute in float32."""

from __future__ import annotations

from typing import Any

import keras


def float32(part: keras.Model) -> keras.Model:
    """The model, or a copy that computes in float32 where it does not."""
    config = keras.saving.serialize_keras_object(part)
    converted = _with_float32(config)
    if converted == config:
        return part
    copy = keras.saving.deserialize_keras_object(converted)
    copy.set_weights(part.get_weights())
    return copy


def _with_float32(config: object) -> Any:
    """A serialised model, each floating type in it replaced, in wrapped layers too."""
    if isinstance(config, list | tuple):
        return type(config)(_with_float32(value) for value in config)
    if not isinstance(config, dict):
        return config
    return {
        key: "float32"
        if key == "dtype" and _is_other_float(value)
        else _with_float32(value)
        for key, value in config.items()
    }


def _is_other_float(dtype: object) -> bool:
    """Whether a type, or the serialised policy of a layer, is a float but float32."""
    name = dtype["config"].get("name") if isinstance(dtype, dict) else dtype
    return isinstance(name, str) and "float" in name and name != "float32"
