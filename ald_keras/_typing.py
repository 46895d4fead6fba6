"""Types that all rooms share.

Keras and TensorFlow come without types: a checker takes their objects for `Any`.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypeVar

# Array of NumPy, tensor of the backend, variable or symbolic tensor.
Tensor = Any
# What JSON or YAML holds; who reads a value checks it.
JSON = dict[str, Any]
# Sizes of a tensor's axes, `None` where the size is not known.
Shape = tuple[int | None, ...]
# Metrics of an epoch by name, as Keras gives them to callbacks.
Logs = dict[str, float]
# Where Keras saves a layer's own variables.
Store = MutableMapping[str, Any]
# Data as `fit` takes them: an array, a data frame, a tuple of these, or a stream.
FitData = Any

# What a function gives that is called for another.
T = TypeVar("T")
