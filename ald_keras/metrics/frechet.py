"""Fréchet distance between the Gaussians fitted to two sets of features."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ald_keras.metrics._checks import as_matrix
from ald_keras.metrics._threads import limit_threads


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two fitted Gaussians.

    With means `m` and sample covariances `S` (divisor `n - 1`) it is
    `|m_a - m_b|^2 + tr S_a + tr S_b - 2 tr (S_a S_b)^(1/2)`.

    No `d x d` matrix square root is taken. The last trace is the nuclear norm of
    `A @ B.T`, where `A.T @ A` and `B.T @ B` are the covariances and `A`, `B` have no
    more than `min(n, d)` and `min(m, d)` rows: the centred samples, or the triangle of
    their QR factorisation. The covariance part is then the sum of squares left when
    `B` is rotated onto `A`. It holds for every `n`, `m`, `d`, is computed in float64,
    and costs one SVD of the smaller side. With few samples the value is biased
    upwards: compare values at one sample size, and within one feature extractor.

    Args:
        a: Features of the first set, shape `(n, d)`, `n >= 2`.
        b: Features of the second set, shape `(m, d)`, `m >= 2`.

    Returns:
        Float >= 0, in squared units of the features; the same when `a` and `b` are
        swapped, within rounding.

    Raises:
        ValueError: If an input is not 2-D, real and finite, has fewer than 2 samples,
            if widths differ, or if the distance is too large for a float.

    Example:
    >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]])
    9.0

    References:
        Dowson and Landau, 1982 (the distance of two Gaussians);
        Heusel et al., 2017, arXiv 1706.08500 (its use on features);
        Mathiasen and Hvilshoj, 2020, arXiv 2009.14075 (the small side);
        Bhatia, Jain and Lim, 2019, arXiv 1712.01504, Theorem 1 (the rotation).
    """
    x, y = as_matrix(a, "a", min_rows=2), as_matrix(b, "b", min_rows=2)
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            "`a` and `b` must have the same number of dimensions. "
            f"Received: shapes {x.shape} and {y.shape}"
        )
    # Powers of two keep every digit, and squares away from overflow and underflow.
    exponent = int(np.frexp(max(np.abs(x).max(), np.abs(y).max()))[1])
    x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
    # An offset both share would cost the means their digits: it leaves first.
    shift = x.mean(axis=0)
    x, y = x - shift, y - shift
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    gap = mean_x - mean_y
    with limit_threads(max(x.size, y.size)):
        root_x, root_y = _covariance_root(x - mean_x), _covariance_root(y - mean_y)
        distance = float(gap @ gap) + _bures_distance(root_x, root_y)
    try:
        return math.ldexp(distance, 2 * exponent)
    except OverflowError:
        raise ValueError(
            "`a` and `b` must be at a distance that a float can hold. Received: values "
            f"of about 2**{exponent}"
        ) from None


def _covariance_root(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix `R` of `min(n, d)` rows with `R.T @ R` the sample covariance."""
    samples, width = centred.shape
    root = centred / math.sqrt(samples - 1)
    return np.asarray(np.linalg.qr(root, mode="r")) if samples > width else root


def _bures_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Least squared error of `a - q @ b` over all orthogonal `q`, shapes `(*, d)`."""
    rows = max(len(a), len(b))
    a = np.pad(a, ((0, rows - len(a)), (0, 0)))
    b = np.pad(b, ((0, rows - len(b)), (0, 0)))
    left, _, right = np.linalg.svd(a @ b.T)
    # tr S_a + tr S_b - 2 * nuclear norm is the same number, but a difference of large
    # ones when the sets are alike: it can round below zero. A sum of squares cannot.
    residual = a - (left @ right) @ b
    return float(np.sum(np.square(residual)))
