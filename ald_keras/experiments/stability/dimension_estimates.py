"""Estimates of the data's dimension that need no network."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from ald_keras.cli import run_command
from ald_keras.datasets import Dataset, LazySamples, data_of, load_dataset
from ald_keras.experiments.core.child import job_parser
from ald_keras.files.text_files import write_json, write_yaml
from ald_keras.files.versions import versions
from ald_keras.runs.config import Config, load_config

# Samples that the estimates are made on, at most.
_SAMPLES = 10_000

# scikit-learn's estimate takes Python steps that grow with the cube of the features:
# minutes for 784, days for a colour image.
_MINKA_FEATURES = 1000


def pca_components(x: ArrayLike, share: float = 0.95) -> int:
    """Principal components that explain a share of the variance.

    Args:
        x: Data of shape `(n, ...)`, read as `n` vectors; `n >= 2`.
        share: Float in (0, 1). Defaults to 0.95.

    Raises:
        ValueError: If `x` has no variance, or an argument is out of range.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"`share` must lie in (0, 1). Received: share={share!r}")
    rows = _rows(x)
    return int(PCA(n_components=share, svd_solver="full").fit(rows).n_components_)


def minka_components(x: ArrayLike) -> int:
    """Principal components by maximum likelihood (Minka 2000, NIPS 13).

    Args:
        x: Data of shape `(n, ...)`, at least as many samples as features, of which
            there are at most 1,000.

    Raises:
        ValueError: If there are more features.
    """
    rows = _rows(x)
    limit = min(len(rows), _MINKA_FEATURES)
    if rows.shape[1] > limit:
        raise ValueError(
            f"`x` must have at most {limit} features: as many as samples, and no more "
            f"than {_MINKA_FEATURES}. Received: {rows.shape[1]}"
        )
    return int(PCA(n_components="mle", svd_solver="full").fit(rows).n_components_)


def two_nn(x: ArrayLike, discarded: float = 0.1) -> float:
    """Intrinsic dimension from two nearest neighbours (Facco et al. 2017).

    The ratio of the distances to a sample's second and first neighbour follows a Pareto
    law whose exponent is the dimension; the exponent is fitted to the ratios' empirical
    distribution by a line through the origin ("Estimating the intrinsic dimension of
    datasets by a minimal neighborhood information", Scientific Reports 7).

    Args:
        x: Data of shape `(n, ...)`, at least 3 different samples; repeated ones count
            once.
        discarded: Float in [0, 1), share of the largest ratios that is left out.
            Defaults to 0.1, the paper's.

    Returns:
        Float > 0.

    Raises:
        ValueError: If there are too few samples or the ratios do not differ.
    """
    rows = np.unique(_rows(x), axis=0)
    if len(rows) < 3:
        raise ValueError(
            f"`x` must hold 3 different samples or more. Received: {len(rows)}"
        )
    distances, _ = NearestNeighbors(n_neighbors=3).fit(rows).kneighbors(rows)
    ratios = np.sort(np.log(distances[:, 2]) - np.log(distances[:, 1]))
    kept = min(int(len(ratios) * (1.0 - discarded)), len(ratios) - 1)
    heights = -np.log1p(-np.arange(1, kept + 1) / len(ratios))
    square = float(ratios[:kept] @ ratios[:kept])
    if not square > 0.0:
        raise ValueError("`x` must have neighbours at different distances.")
    return float(ratios[:kept] @ heights) / square


def _rows(x: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(x, dtype=np.float64)
    return values.reshape(len(values), -1)


ESTIMATORS: dict[str, Callable[[ArrayLike], float]] = {
    "pca_95": pca_components,
    "minka": minka_components,
    "two_nn": two_nn,
}


class Estimate(TypedDict):
    """An estimate, or why there is none, and the seconds that it took."""

    dims: float | None
    reason: str | None
    seconds: float


def estimate_dimension(config: Config, output: pathlib.Path) -> dict[str, object]:
    """Estimate the dimension of a config's training data and write `run.json`.

    Args:
        config: Config of which the data set counts.
        output: Folder; it must exist.

    Returns:
        What `run.json` holds, with an `Estimate` for each name in `estimates`.
    """
    options = dict(config.data)
    data = load_dataset(
        config.dataset, options.pop("dir", None), seed=config.seed, **options
    )
    x = _sample(data, config.seed)
    estimates = {name: _estimate(function, x) for name, function in ESTIMATORS.items()}
    record = {
        "versions": versions(),
        "samples": {"train": len(x)},
        "seconds": round(sum(each["seconds"] for each in estimates.values()), 3),
        "estimates": estimates,
    }
    write_yaml(output / "config.yaml", config.to_dict())
    write_json(output / "run.json", record)
    return record


def _estimate(function: Callable[[ArrayLike], float], x: ArrayLike) -> Estimate:
    started = time.perf_counter()
    dims, reason = None, None
    try:
        dims = function(x)
    except ValueError as error:
        reason = str(error)
    seconds = round(time.perf_counter() - started, 3)
    return {"dims": dims, "reason": reason, "seconds": seconds}


def _sample(data: Dataset, seed: int) -> NDArray[np.float32]:
    x = data_of(data.x_train)
    count = min(len(x), _SAMPLES)
    rows = np.sort(np.random.default_rng(seed).choice(len(x), count, replace=False))
    return x.take(rows)[:] if isinstance(x, LazySamples) else x[rows]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = job_parser("ald_keras.experiments.stability.dimension_estimates", __doc__)
    arguments = parser.parse_args(argv)

    def command() -> None:
        print(estimate_dimension(load_config(arguments.config), arguments.output))

    return run_command(parser.prog, command)


if __name__ == "__main__":
    raise SystemExit(main())
