"""KL divergence of diagonal Gaussian posteriors, and the units that are active."""

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from ald_keras._typing import Tensor
from ald_keras.metrics._checks import as_matrix


def gaussian_kl(z_mean: Tensor, z_log_var: Tensor) -> Tensor:
    """KL divergence from `N(z_mean, exp(z_log_var))` to `N(0, 1)`, each dimension.

    The closed form of Kingma and Welling, 2014, arXiv 1312.6114, Appendix B. NumPy
    arrays are computed in float64. Tensors stay in the graph and are differentiable;
    half precision is raised to float32.

    Args:
        z_mean: Posterior means, shape `(n, d)`.
        z_log_var: Logarithms of the posterior variances, shape `(n, d)`.

    Returns:
        Divergences in nats per sample and dimension, shape `(n, d)`: a float64 array
        for NumPy arrays and sequences, else a tensor.

    Raises:
        ValueError: If the shapes differ.

    Example:
    >>> gaussian_kl([[0.0, 1.0]], [[0.0, 0.0]])
    array([[0. , 0.5]])
    """
    ops: Any = np
    if _is_numeric(z_mean) and _is_numeric(z_log_var):
        z_mean = np.asarray(z_mean, dtype=np.float64)
        z_log_var = np.asarray(z_log_var, dtype=np.float64)
    else:
        ops = keras.ops
        dtype = keras.backend.result_type(z_mean.dtype, z_log_var.dtype, "float32")
        z_mean, z_log_var = ops.cast(z_mean, dtype), ops.cast(z_log_var, dtype)
    _check_same_shape(z_mean.shape, z_log_var.shape)
    # expm1 keeps the small divergences of unused dimensions, which exp rounds away.
    return 0.5 * (ops.square(z_mean) + (ops.expm1(z_log_var) - z_log_var))


def active_units(z_mean: ArrayLike, threshold: float = 0.01) -> int:
    """Number of dimensions whose posterior mean varies over the data.

    A unit is active when the sample variance of its posterior mean exceeds the
    threshold (Burda, Grosse and Salakhutdinov, 2016, arXiv 1509.00519, section 5.2).

    Args:
        z_mean: Posterior means, shape `(n, d)`, `n >= 2`.
        threshold: Float >= 0, a variance. Defaults to 0.01.

    Returns:
        Integer between 0 and `d`.

    Raises:
        ValueError: If `z_mean` is not 2-D, real and finite or has fewer than 2
            samples, or if `threshold` is negative or not finite.
    """
    if not 0.0 <= threshold < np.inf:
        raise ValueError(
            "`threshold` must be finite and not negative. "
            f"Received: threshold={threshold!r}"
        )
    means = as_matrix(z_mean, "z_mean", min_rows=2)
    return int(np.count_nonzero(means.var(axis=0, ddof=1) > threshold))


def _is_numeric(values: Tensor) -> bool:
    """Whether the values lie outside of any graph."""
    return isinstance(values, np.ndarray | list | tuple)


def _check_same_shape(first: Tensor, second: Tensor) -> None:
    """Refuses shapes that would be broadcast; a size of `None` fits every size."""
    first, second = tuple(first), tuple(second)
    same = len(first) == len(second) and all(
        i is None or j is None or i == j for i, j in zip(first, second, strict=True)
    )
    if not same:
        raise ValueError(
            "`z_mean` and `z_log_var` must have the same shape. "
            f"Received: {first} and {second}"
        )
