"""The networks of Keras's own VAE example, pruned: as a guide in `docs` shows it."""

import keras
import numpy as np
import pytest
from builders import digits, largest_gap
from keras import layers, ops

from ald_keras import ALDCallback, ALDRule, MaskedVAE, compact


class Sampling(layers.Layer):
    """The example's sampling layer, which `MaskedVAE` leaves out."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


def example_networks(latent_dim):
    data = keras.Input((28, 28, 1))
    x = layers.Conv2D(32, 3, activation="relu", strides=2, padding="same")(data)
    x = layers.Conv2D(64, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    mean = layers.Dense(latent_dim, name="z_mean")(x)
    log_var = layers.Dense(latent_dim, name="z_log_var")(x)
    z = Sampling()([mean, log_var])
    encoder = keras.Model(data, [mean, log_var, z], name="encoder")

    codes = keras.Input((latent_dim,))
    x = layers.Dense(7 * 7 * 64, activation="relu")(codes)
    x = layers.Reshape((7, 7, 64))(x)
    transposed = layers.Conv2DTranspose
    x = transposed(64, 3, activation="relu", strides=2, padding="same")(x)
    x = transposed(32, 3, activation="relu", strides=2, padding="same")(x)
    x = transposed(1, 3, activation="sigmoid", padding="same")(x)
    return encoder, keras.Model(codes, x, name="decoder")


@pytest.mark.slow
def test_the_example_is_converted_in_three_lines():
    images = np.kron(digits(200), np.ones((1, 3, 3, 1), "float32"))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    encoder, decoder = example_networks(latent_dim=16)
    heads = encoder.get_layer("z_mean"), encoder.get_layer("z_log_var")
    rule = ALDRule(patience=2, initial_step=4)

    vae = MaskedVAE(encoder, decoder, latent_dim=16, seed=0)
    vae.compile(optimizer=keras.optimizers.Adam())
    history = vae.fit(
        images,
        epochs=6,
        batch_size=32,
        validation_split=0.2,
        callbacks=[ALDCallback(rule)],
        verbose=0,
    ).history

    assert (vae.z_mean, vae.z_log_var) == heads
    assert history["active_dims"] == [16, 16, 12, 12, 8, 8]
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    small = compact(vae)
    assert small.latent_dim == vae.active_dims == 8
    assert largest_gap([vae.reconstruct(images)], [small.reconstruct(images)]) <= 1e-5
