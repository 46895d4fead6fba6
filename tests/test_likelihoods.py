import keras
import numpy as np
import pytest
from scipy import special, stats

from ald_keras import likelihoods
from ald_keras.likelihoods import (
    Bernoulli,
    Gaussian,
    GaussianOptimalSigma,
    Laplace,
    NegativeBinomial,
    Poisson,
    get_likelihood,
    in_support,
)
from ald_keras.likelihoods.linked import log_factorial
from ald_keras.metrics.baseline import baseline_nll

RNG = np.random.default_rng(0)
SHAPE = (6, 5, 4)
OUTPUT = RNG.normal(size=SHAPE).astype("float32")
BITS = (RNG.random(SHAPE) < 0.4).astype("float32")
REALS = RNG.normal(size=SHAPE).astype("float32")
COUNTS = RNG.poisson(3.0, size=SHAPE).astype("float32")
RATES = np.exp(OUTPUT)


def log_density(values):
    return -values.sum(axis=(1, 2))


CASES = {
    "bernoulli logits": (
        Bernoulli(True),
        BITS,
        OUTPUT,
        stats.bernoulli.logpmf(BITS, special.expit(OUTPUT.astype("float64"))),
        special.expit(OUTPUT),
    ),
    "bernoulli probabilities": (
        Bernoulli(False),
        BITS,
        special.expit(OUTPUT),
        stats.bernoulli.logpmf(BITS, special.expit(OUTPUT.astype("float64"))),
        special.expit(OUTPUT),
    ),
    "gaussian": (Gaussian(), REALS, OUTPUT, stats.norm.logpdf(REALS, OUTPUT), OUTPUT),
    "sigma": (
        GaussianOptimalSigma(),
        REALS,
        OUTPUT,
        stats.norm.logpdf(REALS, OUTPUT, np.sqrt(np.mean((REALS - OUTPUT) ** 2))),
        OUTPUT,
    ),
    "laplace": (Laplace(), REALS, OUTPUT, stats.laplace.logpdf(REALS, OUTPUT), OUTPUT),
    "poisson log rates": (
        Poisson(True),
        COUNTS,
        OUTPUT,
        stats.poisson.logpmf(COUNTS, RATES),
        RATES,
    ),
    "poisson rates": (
        Poisson(False),
        COUNTS,
        RATES,
        stats.poisson.logpmf(COUNTS, RATES),
        RATES,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_nll_and_mean_against_scipy(case):
    likelihood, x, output, log_p, mean = CASES[case]
    np.testing.assert_allclose(
        likelihood.nll(x, output), log_density(log_p), rtol=2e-5, atol=2e-5
    )
    np.testing.assert_allclose(likelihood.mean(output), mean, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_no_constant_is_better_than_the_best(case):
    likelihood, x = CASES[case][:2]

    def loss(output):
        everywhere = np.broadcast_to(output.astype("float32"), x.shape)
        return float(keras.ops.mean(likelihood.nll(x, everywhere)))

    best = keras.ops.convert_to_numpy(likelihood.best_constant(x))
    assert best.shape == x.shape[1:]
    least = loss(best)
    np.testing.assert_allclose(baseline_nll(x, likelihood), least, rtol=1e-6)
    direct = isinstance(likelihood, Bernoulli | Poisson) and not likelihood.linked
    rng = np.random.default_rng(1)
    for scale in (0.01, 0.3) * 20:
        other = best + scale * rng.normal(size=best.shape)
        if direct:  # probabilities and rates have their bounds
            other = np.clip(other, 1e-6, 1.0 - 1e-6 if x is BITS else None)
        assert loss(other) > least - 1e-4


def test_what_is_lost_without_codes_against_closed_forms():
    p, rate = BITS.mean(axis=0), COUNTS.mean(axis=0)
    variance = REALS.var(axis=0)
    errors = np.abs(REALS - np.median(REALS, axis=0)).mean(axis=0)
    log_2pi = np.log(2 * np.pi)
    for likelihood, x, expected in (
        (Bernoulli(True), BITS, stats.bernoulli.entropy(p).sum()),
        (Bernoulli(False), BITS, stats.bernoulli.entropy(p).sum()),
        (Gaussian(), REALS, 0.5 * (variance + log_2pi).sum()),
        (GaussianOptimalSigma(), REALS, 10 * (np.log(variance.mean()) + log_2pi + 1)),
        (Laplace(), REALS, (errors + np.log(2)).sum()),
        (Poisson(True), COUNTS, -stats.poisson.logpmf(COUNTS, rate).sum() / 6),
        (Poisson(False), COUNTS, -stats.poisson.logpmf(COUNTS, rate).sum() / 6),
    ):
        np.testing.assert_allclose(baseline_nll(x, likelihood), expected, rtol=1e-5)


def test_values_that_are_always_zero_cost_nothing_without_codes():
    for likelihood in (Bernoulli(True), Bernoulli(False), Poisson(True)):
        assert 0.0 <= baseline_nll(np.zeros((4, 9), "float32"), likelihood) < 1e-4


def test_a_best_constant_may_be_found_in_numpy():
    class Own(Gaussian):
        def best_constant(self, x):
            return np.mean(x, axis=0, dtype="float64")

    np.testing.assert_allclose(
        baseline_nll(REALS, Own()), baseline_nll(REALS, Gaussian())
    )


def test_blocks_do_not_change_what_is_lost_without_codes():
    blocks = [slice(0, 4), slice(4, 6)]
    whole = baseline_nll(COUNTS, Poisson(True))
    np.testing.assert_allclose(baseline_nll(COUNTS, Poisson(True), blocks), whole)


@pytest.mark.parametrize("case", CASES)
def test_config_round_trip(case):
    likelihood = CASES[case][0]
    config = keras.saving.serialize_keras_object(likelihood)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(likelihood)
    assert again.get_config() == likelihood.get_config()


def test_the_optimal_sigma_is_the_best_one():
    # The variance solved from the error beats any other, with no factor left over.
    best = keras.ops.convert_to_numpy(GaussianOptimalSigma().nll(REALS, OUTPUT)).sum()
    sigma = np.sqrt(np.mean((REALS - OUTPUT) ** 2))
    for factor in (0.9, 1.1):
        other = -stats.norm.logpdf(REALS, OUTPUT, factor * sigma).sum()
        assert best < other


def test_the_optimal_sigma_of_a_perfect_reconstruction_is_bounded():
    nll = GaussianOptimalSigma(min_variance=1e-4).nll(REALS, REALS)
    expected = 20 * 0.5 * np.log(2 * np.pi * 1e-4)
    np.testing.assert_allclose(nll, np.full(6, expected), rtol=1e-5)


def test_logits_of_any_size_stay_exact():
    x = np.array([[0.0], [1.0]], "float32")
    output = np.array([[200.0], [-200.0]], "float32")
    np.testing.assert_allclose(Bernoulli(True).nll(x, output), [200.0, 200.0])


def test_probabilities_of_zero_and_one_stay_finite():
    x = np.array([[0.0, 1.0]], "float32")
    certain_and_wrong = np.array([[1.0, 0.0]], "float32")
    nll = Bernoulli(False).nll(x, certain_and_wrong)
    np.testing.assert_allclose(nll, [2 * -np.log(1e-7)], rtol=0.02)


@pytest.mark.parametrize("count", [0, 1, 2, 10, 100, 5000])
def test_log_factorial_against_scipy(count):
    found = float(log_factorial(np.float32(count)))
    np.testing.assert_allclose(
        found, special.gammaln(count + 1.0), rtol=1e-6, atol=1e-5
    )


@pytest.mark.parametrize(
    ("cls", "activation", "linked"),
    [
        (Bernoulli, "sigmoid", False),
        (Bernoulli, "linear", True),
        (Poisson, "linear", True),
        (Poisson, "softplus", False),
        (Poisson, "exponential", False),
    ],
)
def test_the_decoder_s_end_decides_how_it_is_read(cls, activation, linked):
    assert cls().resolve(activation).linked is linked


@pytest.mark.parametrize("cls", [Bernoulli, Poisson])
@pytest.mark.parametrize("activation", ["relu", "tanh", "softmax", None])
def test_an_end_that_cannot_be_told_is_an_error(cls, activation):
    with pytest.raises(ValueError, match="cannot tell whether"):
        cls().resolve(activation)
    assert cls(False).resolve(activation).linked is False


def test_probabilities_are_never_read_as_logits():
    with pytest.raises(ValueError, match="ends in sigmoid"):
        Bernoulli(from_logits=True).resolve("sigmoid")
    with pytest.raises(ValueError, match="no `from_logits`"):
        Bernoulli().nll(BITS, OUTPUT)


@pytest.mark.parametrize(
    ("likelihood", "good", "bad"),
    [
        (Bernoulli(), [0.0, 0.5, 1.0], [-0.1, 1.1, np.nan, np.inf]),
        (Poisson(), [0.0, 1.0, 7.0], [-1.0, 0.5, np.nan, np.inf]),
        (Gaussian(), [-3.0, 0.0, 1e9], [np.nan, -np.inf]),
    ],
)
def test_support(likelihood, good, bad):
    assert np.all(in_support(likelihood, np.array(good, "float32")))
    assert not np.any(in_support(likelihood, np.array(bad, "float32")))


def test_names_and_objects():
    for name in (
        "bernoulli",
        "gaussian",
        "gaussian_learned_variance",
        "gaussian_optimal_sigma",
        "laplace",
        "negative_binomial",
        "poisson",
    ):
        assert isinstance(get_likelihood(name), likelihoods.Likelihood)
    with pytest.raises(ValueError, match="Received: likelihood='normal'"):
        get_likelihood("normal")
    for wrong in (3, Bernoulli, object()):
        with pytest.raises(TypeError, match="`nll"):
            get_likelihood(wrong)
    with pytest.raises(ValueError, match="`min_variance`"):
        GaussianOptimalSigma(min_variance=0.0)


@pytest.mark.parametrize("dispersion", [0.01, 0.5, 1.0, 20.0, 1000.0])
@pytest.mark.parametrize("linked", [True, False])
def test_negative_binomial_against_scipy(dispersion, linked):
    likelihood = NegativeBinomial(linked)
    likelihood.log_dispersion = np.full(SHAPE[1:], np.log(dispersion), "float32")
    log_mean = RNG.normal(1.0, 1.5, size=SHAPE).astype("float32")
    mean = np.exp(log_mean.astype("float64"))
    exact = stats.nbinom.logpmf(COUNTS, dispersion, dispersion / (dispersion + mean))
    found = likelihood.nll(COUNTS, log_mean if linked else mean.astype("float32"))
    expected = -exact.reshape(len(COUNTS), -1).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-3)


def test_a_negative_binomial_needs_a_model():
    with pytest.raises(ValueError, match="Pass the likelihood to MaskedVAE"):
        NegativeBinomial(True).nll(COUNTS, COUNTS)


def test_no_output_has_a_smaller_error_on_new_counts_than_their_noise():
    rng = np.random.default_rng(3)
    rates = rng.uniform(1.0, 30.0, (2000, 12))
    counts, new = rng.poisson(rates), rng.poisson(rates)
    found = Poisson(True).irreducible_error(counts)
    # Of the true rates, the best output there is.
    error = np.square(new - rates).sum(axis=1).mean()
    assert found == pytest.approx(error, rel=0.03)
    assert NegativeBinomial(True).irreducible_error(counts) == found
