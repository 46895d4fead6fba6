"""Gaussian data of which the right number of latent dimensions is known exactly."""

import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_integer, check_real
from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.generated import add_noise, draw_parts, random_stream

_NAME = "linear_gaussian"
# Largest and smallest of the default variances, against 1 of the likelihood.
_VARIANCES = (25.0, 6.5)

_Floats = npt.NDArray[np.float64]


def load_linear_gaussian(
    data_dir: pathlib.Path | None,
    *,
    n_factors: int | None = None,
    variances: Sequence[float] | None = None,
    noise_variance: float = 0.5,
    n_features: int = 50,
    samples: int = 5000,
    test_samples: int = 1000,
    data_seed: int = 0,
) -> RawDataset:
    """Draw samples of a few orthogonal directions, and noise in all.

    `x = directions @ factors + noise`, so the covariance has the eigenvalues
    `variances + noise_variance`, and `noise_variance` for all other directions. A VAE
    with a linear decoder and a Gaussian likelihood of fixed variance is best with one
    latent dimension for each eigenvalue above that variance (Tipping and Bishop 1999;
    Lucas, Tucker, Grosse and Norouzi 2019, arXiv 1911.02469). So with the likelihood
    `gaussian`, of variance 1, the default is data of exactly seven dimensions. What
    samples that were drawn say is `count_significant_directions`.

    Args:
        data_dir: Not used: the data are generated.
        n_factors: Positive integer, number of directions. Defaults to the number of
            `variances`, and to 7 where they are left out.
        variances: Variance along each direction, noise aside, above 0. Defaults to a
            geometric ramp from 25 down to 6.5. Of the weakest direction the best latent
            dimension has a KL of 1 nat, and saves 2.
        noise_variance: Variance of the noise, at least 0. Defaults to 0.5, so that
            directions without a factor stay below a likelihood of variance 1 in
            a sample too.
        n_features: Positive integer, at least `n_factors`. Defaults to 50.
        samples: Positive integer, size of the training part; fewer are the first of
            more. Defaults to 5000.
        test_samples: Positive integer, size of the test part. Defaults to 1000.
        data_seed: Non-negative integer that decides the data. Defaults to 0.

    Returns:
        A `RawDataset` with float32 samples of shape `(n_features,)`, without labels.

    Raises:
        ValueError: If an option is out of range, or `n_factors` and `variances` do not
            fit together.
    """
    del data_dir
    spread = _check_variances(n_factors, variances)
    check_integer("n_features", n_features, len(spread))
    check_real("noise_variance", noise_variance, at_least=0.0)
    directions = draw_directions(n_features, len(spread), data_seed)

    def draw(part: str, count: int) -> tuple[npt.NDArray[np.float32], None]:
        factors = random_stream(data_seed, _NAME, part, "factors")
        noise = random_stream(data_seed, _NAME, part, "noise")
        x = factors.standard_normal((count, len(spread))) * np.sqrt(spread)
        return add_noise(x @ directions.T, noise_variance, noise), None

    return draw_parts(_NAME, draw, samples, test_samples)


def draw_directions(n_features: int, n_factors: int, data_seed: int = 0) -> _Floats:
    """Draw the directions that the factors take in the data.

    Args:
        n_features: Integer, at least `n_factors`.
        n_factors: Positive integer.
        data_seed: Non-negative integer. Defaults to 0.

    Returns:
        Orthonormal columns, shape `(n_features, n_factors)`.
    """
    random = random_stream(data_seed, _NAME, "directions")
    # Column after column, so that the directions stay as more are added.
    columns = random.standard_normal((n_factors, n_features)).T
    return np.asarray(np.linalg.qr(columns)[0])


def count_significant_directions(x: npt.ArrayLike, variance: float = 1.0) -> int:
    """Count the eigenvalues of the sample covariance above a variance.

    This is the number of latent dimensions that the best linear VAE uses whose Gaussian
    likelihood has this fixed variance (arXiv 1911.02469). The covariance is the maximum
    likelihood one, divided by `n`.

    Args:
        x: Finite numbers, shape `(n, ...)`.
        variance: Variance of the likelihood, above 0. Defaults to 1.0.

    Returns:
        Integer, from 0 to the number of features.

    Raises:
        ValueError: If `x` is empty or not finite, or `variance` is out of range.

    Example:
    >>> count_significant_directions([[3.0, 0.1], [-3.0, 0.1], [0.0, -0.2]])
    1
    """
    check_real("variance", variance, above=0.0)
    array = np.asarray(x, np.float64)
    if array.ndim < 2 or 0 in array.shape or not np.isfinite(array).all():
        raise ValueError(
            "`x` must be a non-empty array of finite samples, shape (n, ...). "
            f"Received: shape={array.shape}"
        )
    flat = array.reshape(len(array), -1)
    centred = flat - flat.mean(axis=0)
    eigenvalues = np.linalg.eigvalsh(centred.T @ centred / len(centred))
    return int(np.count_nonzero(eigenvalues > variance))


def _check_variances(
    n_factors: int | None, variances: Sequence[float] | None
) -> _Floats:
    if variances is None:
        count = 7 if n_factors is None else check_integer("n_factors", n_factors, 1)
        return np.geomspace(*_VARIANCES, count)
    if np.ndim(variances) != 1:
        raise ValueError(
            f"`variances` must be a list of numbers. Received: variances={variances!r}"
        )
    if not len(variances) or n_factors not in (None, len(variances)):
        raise ValueError(
            "`variances` must hold one number for each of `n_factors` directions. "
            f"Received: n_factors={n_factors}, {len(variances)} variances"
        )
    return np.array([check_real("variances", each, above=0.0) for each in variances])
