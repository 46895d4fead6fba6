"""Gates on a table, on small images and on counts: met and decided within the run."""

import warnings

import keras
import numpy as np
import pytest
from builders import digits
from sklearn.datasets import load_diabetes

from ald_keras import GatedVAE, GateSearch, tau_for
from ald_keras.architectures import build_architecture


def table():
    x = load_diabetes().data[:436].astype("float32")
    return (x - x.mean(axis=0)) / x.std(axis=0)


def counts():
    """Counts with rates of 1 to 100 that four factors decide."""
    rng = np.random.default_rng(0)
    codes, loadings = rng.normal(size=(2000, 4)), rng.normal(size=(4, 50))
    log_rates = rng.uniform(0.5, 4.0, 50) + 0.5 * codes @ loadings
    rates = np.exp(np.clip(log_rates, 0.0, np.log(100.0)))
    return rng.poisson(rates).astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "likelihood", "explained", "epochs", "rate"),
    [
        (table, "gaussian", 0.9, 100, 1e-3),
        (lambda: digits(1503), "bernoulli", 0.75, 100, 1e-3),
        (counts, "poisson", 0.9, 60, 3e-3),
    ],
    ids=["table", "digits", "counts"],
)
def test_the_bound_is_met_and_every_gate_decided(
    data, likelihood, explained, epochs, rate
):
    x = np.random.default_rng(1).permutation(data())
    train, validation = np.split(x, [int(0.85 * len(x))])
    keras.utils.set_random_seed(0)
    hidden = [64, 64]
    encoder, decoder = build_architecture("mlp", x.shape[1:], 16, seed=0, hidden=hidden)
    tau = tau_for(train, explained)
    vae = GatedVAE(encoder, decoder, 16, tau=tau, likelihood=likelihood, seed=0)
    vae.compile(keras.optimizers.Adam(rate))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae.fit(
            train,
            validation_data=(validation,),
            epochs=epochs,
            callbacks=[search := GateSearch()],
            verbose=0,
        )
    assert search.status in ("fixed", "unfinished")
    assert vae.undecided_gates == []
    assert vae.active_dims < 16
    error = vae.evaluate(validation, verbose=0, return_dict=True)["squared_error"]
    # Codes are sampled anew.
    assert error <= 1.1 * tau
