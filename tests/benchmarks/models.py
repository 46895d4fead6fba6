"""The networks that benchmarks train, and a VAE written in Keras alone."""

from __future__ import annotations

import keras
from keras import layers, ops

from ald_keras.architectures import build_architecture

LATENT_DIM = 64


def networks(
    name: str = "mlp", shape: tuple[int, ...] = (784,)
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder; the mlp has 1.03 million parameters with its heads."""
    if name != "mlp":
        return build_architecture(name, shape, LATENT_DIM, seed=0)
    encoder = keras.Sequential(
        [
            keras.Input(shape),
            layers.Dense(400, activation="relu"),
            layers.Dense(400, activation="relu"),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((LATENT_DIM,)),
            layers.Dense(400, activation="relu"),
            layers.Dense(400, activation="relu"),
            layers.Dense(784),
        ]
    )
    return encoder, decoder


class PlainVAE(keras.Model):
    """The VAE that one writes in Keras without this library: no mask, no checks.

    `call` adds the loss, so that it trains on every backend.
    """

    def __init__(self, features: keras.Model, decoder: keras.Model) -> None:
        super().__init__()
        self.features, self.decoder = features, decoder
        self.z_mean, self.z_log_var = layers.Dense(LATENT_DIM), layers.Dense(LATENT_DIM)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, x, training=False):
        features = self.features(x, training=training)
        mean, log_var = self.z_mean(features), self.z_log_var(features)
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        logits = self.decoder(mean + ops.exp(0.5 * log_var) * noise, training=training)
        nll = ops.softplus(logits) - x * logits
        nll = ops.mean(ops.sum(ops.reshape(nll, (ops.shape(x)[0], -1)), axis=1))
        kl = 0.5 * (ops.square(mean) + ops.exp(log_var) - 1.0 - log_var)
        self.add_loss(nll + ops.mean(ops.sum(kl, axis=1)))
        return logits
