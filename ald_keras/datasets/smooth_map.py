"""A curved surface of known dimension in many features, with noise around it."""

import dataclasses
import pathlib

import numpy as np
import numpy.typing as npt

from ald_keras._validation import check_integer, check_real
from ald_keras.datasets.dataset import RawDataset
from ald_keras.datasets.generated import add_noise, draw_parts, random_stream

_NAME = "smooth_map"
# Waves for each factor; about one period over the range that a factor takes.
_WAVES_PER_FACTOR = 2
_FREQUENCY = 1.0

_Floats = npt.NDArray[np.float64]


def load_smooth_map(
    data_dir: pathlib.Path | None,
    *,
    n_factors: int = 4,
    n_features: int = 100,
    scale: float = 1.0,
    curvature: float = 0.5,
    noise_variance: float = 0.5,
    samples: int = 5000,
    test_samples: int = 1000,
    data_seed: int = 0,
) -> RawDataset:
    """Draw samples of a smooth random map of a few factors, and noise; see `SmoothMap`.

    The factors are independent and standard normal, as a VAE's prior is, and can be
    read off the samples without ambiguity. So `n_factors` latent dimensions describe
    everything but noise, while a linear decoder needs more. Scales are those of the
    likelihood `gaussian`, of variance 1: noise of a lower variance is worth no
    dimension to it.

    Args:
        data_dir: Not used: the data are generated.
        n_factors: Positive integer. Defaults to 4.
        n_features: Integer, at least three times `n_factors`. Defaults to 100.
        scale: Standard deviation of the signal in a feature, root mean square over the
            features, above 0. Defaults to 1.0.
        curvature: Share of the signal's variance that is curved, in [0, 1).
            Defaults to 0.5.
        noise_variance: Variance of the noise in each feature, at least 0. Defaults
            to 0.5.
        samples: Positive integer, size of the training part; fewer are the first of
            more. Defaults to 5000.
        test_samples: Positive integer, size of the test part. Defaults to 1000.
        data_seed: Non-negative integer that decides the data. Defaults to 0.

    Returns:
        A `RawDataset` with float32 samples of shape `(n_features,)`, without labels.

    Raises:
        ValueError: If an option is out of range.
    """
    del data_dir
    signal = draw_map(
        n_factors, n_features, scale=scale, curvature=curvature, data_seed=data_seed
    )

    def draw(part: str, count: int) -> tuple[npt.NDArray[np.float32], None]:
        x, _ = make_smooth_map(signal, count, noise_variance, data_seed, part=part)
        return x, None

    return draw_parts(_NAME, draw, samples, test_samples)


@dataclasses.dataclass(frozen=True, eq=False)
class SmoothMap:
    """A smooth map that loses nothing: the graph of random waves, rotated.

    `signal = factors @ straight.T + waves(factors) @ curved.T`, where `straight` and
    `curved` together have orthogonal columns, those of `straight` all of length
    `reach`. Whatever the waves do, `signal @ straight / reach**2` is the factors again:
    the map is injective, and the singular values of its Jacobian lie between `reach`
    and `reach * condition_bound`.

    Args:
        straight: float64 array, shape `(n_features, n_factors)`.
        curved: float64 array, shape `(n_features, n_waves)`.
        frequencies: float64 array, shape `(n_waves, n_factors)`.
        phases: float64 array, shape `(n_waves,)`.
    """

    straight: _Floats
    curved: _Floats
    frequencies: _Floats
    phases: _Floats

    def __call__(self, factors: npt.ArrayLike) -> _Floats:
        """The signal, shape `(n, n_features)`, of factors of shape `(n, n_factors)`."""
        factors = np.asarray(factors, np.float64)
        mean, deviation = self._moments()
        angles = factors @ self.frequencies.T + self.phases
        waves = (np.sin(angles) - mean) / deviation
        return factors @ self.straight.T + waves @ self.curved.T

    @property
    def reach(self) -> float:
        """Distance that the signal moves at least when factors move by 1."""
        return float(np.linalg.norm(self.straight[:, 0]))

    @property
    def condition_bound(self) -> float:
        """Bound of the Jacobian's condition number, the same everywhere."""
        slopes = self.frequencies / self._moments()[1][:, np.newaxis]
        steepest = np.linalg.norm(self.curved @ slopes, ord="fro") / self.reach
        return float(np.hypot(1.0, steepest))

    def _moments(self) -> tuple[_Floats, _Floats]:
        """Mean and standard deviation of each sine over standard normal factors."""
        square = np.sum(self.frequencies**2, axis=1)
        mean = np.exp(-square / 2) * np.sin(self.phases)
        second = (1 - np.exp(-2 * square) * np.cos(2 * self.phases)) / 2
        return mean, np.sqrt(second - mean**2)


def draw_map(
    n_factors: int = 4,
    n_features: int = 100,
    *,
    scale: float = 1.0,
    curvature: float = 0.5,
    data_seed: int = 0,
) -> SmoothMap:
    """Draw the map of `load_smooth_map`, whose arguments these are.

    Args:
        n_factors: Positive integer. Defaults to 4.
        n_features: Integer, at least three times `n_factors`. Defaults to 100.
        scale: Root mean square over the features of the signal's standard deviation.
            Defaults to 1.0.
        curvature: Share of its variance in the waves, in [0, 1). Defaults to 0.5.
        data_seed: Non-negative integer. Defaults to 0.

    Returns:
        A `SmoothMap`.

    Raises:
        ValueError: If an argument is out of range.
    """
    check_integer("n_factors", n_factors, 1)
    n_waves = _WAVES_PER_FACTOR * n_factors
    check_integer("n_features", n_features, n_factors + n_waves)
    check_real("scale", scale, above=0.0)
    check_real("curvature", curvature, at_least=0.0, below=1.0)
    random = random_stream(data_seed, _NAME, "map")
    axes, _ = np.linalg.qr(random.standard_normal((n_features, n_factors + n_waves)))
    courses = random.standard_normal((n_waves, n_factors))
    courses /= np.linalg.norm(courses, axis=1, keepdims=True)
    variance = scale**2 * n_features
    return SmoothMap(
        straight=axes[:, :n_factors] * np.sqrt((1 - curvature) * variance / n_factors),
        curved=axes[:, n_factors:] * np.sqrt(curvature * variance / n_waves),
        frequencies=_FREQUENCY * courses,
        phases=random.uniform(0, 2 * np.pi, n_waves),
    )


def make_smooth_map(
    signal: SmoothMap,
    samples: int,
    noise_variance: float = 0.5,
    data_seed: int = 0,
    *,
    part: str = "train",
) -> tuple[npt.NDArray[np.float32], _Floats]:
    """Draw factors, and the samples they give.

    Args:
        signal: The map.
        samples: Positive integer.
        noise_variance: Variance of the noise, at least 0. Defaults to 0.5.
        data_seed: Non-negative integer. Defaults to 0.
        part: `"train"` or `"test"`. Defaults to `"train"`.

    Returns:
        Samples, float32, shape `(samples, n_features)`, and their factors, shape
        `(samples, n_factors)`.

    Raises:
        ValueError: If an argument is out of range.
    """
    check_integer("samples", samples, 1)
    check_real("noise_variance", noise_variance, at_least=0.0)
    factors = random_stream(data_seed, _NAME, part, "factors")
    noise = random_stream(data_seed, _NAME, part, "noise")
    drawn = factors.standard_normal((samples, signal.straight.shape[1]))
    return add_noise(signal(drawn), noise_variance, noise), drawn
