"""What is used of Keras's internals, which have no public counterpart (Keras 3.15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ald_keras._typing import Tensor


class PrebuiltModel(keras.Model):
    """A model whose parts are all built when it is made."""

    def _maybe_symbolic_build(self, *_: object, **__: object) -> None:
        # Keras would take a batch and, with several workers, fail to reduce it.
        return

    def _symbolic_build(self, *_: object, **__: object) -> None:
        return

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        # Keras would write a file that it cannot read.
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                "`filepath` must end in '.keras': a model of this library cannot be "
                f"read from HDF5. Received: filepath={filepath}. Weights alone can be "
                "saved with `save_weights('NAME.weights.h5')`."
            )
        super().save(filepath, *args, **kwargs)


def restored_epoch(model: keras.Model) -> int | None:
    """Epoch that `BackupAndRestore` lets the next `fit` begin with, `None` without."""
    return model._initial_epoch


def set_first_epoch(model: keras.Model, epoch: int | None) -> None:
    """Let `fit`, whose `on_train_begin` are being called, begin with another epoch."""
    model._initial_epoch = epoch


def reset_fit(model: keras.Model) -> None:
    """Drop what a `fit` leaves behind and a later one would take for its own.

    That is the first epoch that `BackupAndRestore` has set and, where `fit` has failed,
    the iterator over the validation data.
    """
    model._initial_epoch = None
    model._eval_epoch_iterator = None


def validates_fit(options: Mapping[str, object]) -> bool:
    """Whether further arguments of `evaluate` say that `fit` calls it to validate."""
    return bool(options.get("_use_cached_eval_dataset"))


def overrides(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Whether a callback does something in a method that Keras calls."""
    return not getattr(getattr(callback, hook), "_is_default", False)


def source(tensor: Tensor) -> tuple[keras.Operation, tuple[Tensor, ...]]:
    """The operation that made a symbolic tensor, and the tensors it read."""
    history = tensor._keras_history
    node = nodes(history.operation)[history.node_index]
    return history.operation, tuple(node.input_tensors)


def output_index(tensor: Tensor) -> int:
    """Which output of its operation a symbolic tensor is."""
    return int(tensor._keras_history.tensor_index)


def nodes(operation: keras.Operation) -> Sequence[Any]:
    """Calls of an operation, with their `input_tensors` and `output_tensors`."""
    return operation._inbound_nodes


def of_any_backend(config: Any) -> Any:
    """A config in which optimizers are named as every backend knows them.

    With PyTorch Keras writes the module of a subclass that only PyTorch can import.
    """
    if isinstance(config, list):
        return list(map(of_any_backend, config))
    if not isinstance(config, dict):
        return config
    found = {name: of_any_backend(value) for name, value in config.items()}
    if str(found.get("module")).startswith("keras.src.backend.torch.optimizers."):
        found["module"] = "keras.optimizers"
    return found
