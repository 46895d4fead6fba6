import numpy as np
import pytest
from builders import digits, small_vae
from scipy import stats

from ald_keras import compact
from ald_keras.metrics import frechet_distance, gaussian_kl
from ald_keras.runs.evaluation import evaluate_model, parameter_count

X = digits(300)


def test_figures_against_their_definitions():
    vae = small_vae(6, likelihood="gaussian")
    vae.compile()
    vae.fit(X, epochs=3, verbose=0)
    vae.latent_mask.deactivate([2])
    figures = evaluate_model(vae, X, n_clusters=4, features="identity", seed=1)
    mean, log_var = (np.asarray(v, "float64") for v in vae.encode(X))
    assert figures["kl_loss"] == pytest.approx(
        gaussian_kl(mean, log_var).sum(axis=1).mean(), rel=1e-5
    )
    # The expected squared error over the posterior, by many samples of it.
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(50):
        z = mean + np.exp(0.5 * log_var) * rng.standard_normal(mean.shape)
        out = np.asarray(vae.decode(z.astype("float32")))
        errors.append(-stats.norm.logpdf(X, out).reshape(len(X), -1).sum(axis=1).mean())
    # Of a Gaussian of unit variance the squared error is twice the rest.
    squared = 2 * (np.mean(errors) - 32 * np.log(2 * np.pi))
    assert figures["squared_error"] == pytest.approx(squared, rel=0.02)
    certain = np.square(X - np.asarray(vae.reconstruct(X))).reshape(len(X), -1)
    assert figures["squared_error_of_means"] == pytest.approx(
        certain.sum(axis=1).mean(), rel=1e-5
    )
    spread = 5 * np.std(errors)
    assert abs(figures["reconstruction_loss"] - np.mean(errors)) < spread
    assert figures["elbo"] == pytest.approx(
        -figures["reconstruction_loss"] - figures["kl_loss"]
    )
    assert figures["active_dims"] == 5
    assert figures["active_units"] == np.sum(mean.var(axis=0, ddof=1) > 0.01)
    # Reconstructions lie nearer to the data than noise around their mean does.
    noise = X.mean() + np.random.default_rng(0).normal(size=(300, 64))
    assert figures["frechet_reconstruction"] < frechet_distance(
        X.reshape(300, 64), noise
    )
    assert -1 <= figures["silhouette"] <= 1


def test_the_same_seed_gives_the_same_figures():
    vae = small_vae(4)
    a, b, c = (evaluate_model(vae, X, 4, "identity", seed) for seed in (0, 0, 1))
    assert a == b
    assert a["reconstruction_loss"] != c["reconstruction_loss"]


def test_a_compact_model_has_the_metrics_of_the_masked_one():
    vae = small_vae(6, likelihood="gaussian")
    vae.compile()
    vae.fit(X, epochs=1, verbose=0)
    vae.latent_mask.deactivate([0, 3])
    small = compact(vae)
    mask = np.array([False, True, True, False, True, True])
    masked = evaluate_model(vae, X, 4, "identity")
    assert evaluate_model(small, X, 4, "identity", mask=mask) == pytest.approx(
        masked, rel=1e-4
    )
    other = evaluate_model(small, X, 4, "identity")
    assert other["reconstruction_loss"] != pytest.approx(
        masked["reconstruction_loss"], rel=1e-4
    )


def test_parameters_are_the_trainable_numbers_of_the_networks():
    # Encoder 64 -> 24 -> 2 x 8, decoder 8 -> 24 -> 64, each with its biases.
    expected = 65 * 24 + 2 * 25 * 8 + 9 * 24 + 25 * 64
    assert parameter_count(small_vae(8)) == expected
