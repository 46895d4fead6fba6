import warnings

import keras
import numpy as np
import pytest
from builders import digits, small_vae

from ald_keras import KLWarmup

X = digits(64)


class Betas(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(float(self.model.beta))


def test_beta_rises_linearly_and_then_rests():
    vae, betas = small_vae(3, beta=2.0), Betas()
    vae.compile()
    history = vae.fit(X, epochs=6, callbacks=[KLWarmup(4), betas], verbose=0).history
    np.testing.assert_allclose(betas.seen, [0.0, 0.5, 1.0, 1.5, 2.0, 2.0])
    np.testing.assert_allclose(
        history["loss"],
        np.add(
            history["reconstruction_loss"], betas.seen * np.array(history["kl_loss"])
        ),
        rtol=1e-5,
    )


def test_it_goes_by_the_epoch_s_number():
    vae, betas = small_vae(3), Betas()
    vae.compile()
    vae.fit(X, initial_epoch=3, epochs=5, callbacks=[KLWarmup(4), betas], verbose=0)
    np.testing.assert_allclose(betas.seen, [0.75, 1.0])


@pytest.mark.parametrize("epochs", [0, -1, 2.5, "3", True])
def test_epochs_must_be_a_positive_integer(epochs):
    with pytest.raises(ValueError, match="`epochs`"):
        KLWarmup(epochs)


def test_a_model_without_beta_is_an_error():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    with pytest.raises(TypeError, match="final_beta"):
        model.fit(np.zeros((4, 2)), np.zeros(4), callbacks=[KLWarmup(2)], verbose=0)


def test_a_warm_up_that_does_not_end_is_told():
    vae = small_vae(4)
    vae.compile("adam")
    with pytest.warns(UserWarning, match="epoch 2, before `beta` reached 1 in"):
        vae.fit(digits(40), epochs=2, callbacks=[KLWarmup(5)], verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        vae.fit(digits(40), epochs=3, callbacks=[KLWarmup(2)], verbose=0)
