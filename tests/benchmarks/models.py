"""The networks that benchmarks train, a VAE written in Keras alone, and timing."""

from __future__ import annotations

import statistics
import time

import keras
import numpy as np
from keras import layers, ops

from ald_keras import MaskedVAE
from ald_keras.architectures import build_architecture

LATENT_DIM = 64


def networks(
    name: str = "mlp", shape: tuple[int, ...] = (784,), latent_dim: int = LATENT_DIM
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder; the mlp has 1.03 million parameters with its heads."""
    if name != "mlp":
        return build_architecture(name, shape, latent_dim, seed=0)
    encoder = keras.Sequential(
        [
            keras.Input(shape),
            layers.Dense(400, activation="relu"),
            layers.Dense(400, activation="relu"),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((latent_dim,)),
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


def image_model() -> MaskedVAE:
    """The mlp behind images of 28 x 28."""
    encoder, decoder = networks()
    images = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), encoder])
    pixels = keras.Sequential([*decoder.layers, layers.Reshape((28, 28, 1))])
    pixels.build((None, LATENT_DIM))
    vae = MaskedVAE(images, pixels, LATENT_DIM, seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae


def epoch_seconds(model: keras.Model, x: np.ndarray) -> float:
    start = time.perf_counter()
    model.fit(x, batch_size=64, epochs=1, verbose=0)
    return time.perf_counter() - start


def compare(one, other, x: np.ndarray, rounds: int) -> None:
    """Print the seconds of an epoch of two named models, measured in turn."""
    pairs = [
        [epoch_seconds(model, x) for _, model in (one, other)] for _ in range(rounds)
    ]
    ratios = [a / b for a, b in pairs]
    for (name, _), seconds in zip((one, other), zip(*pairs, strict=True), strict=True):
        print(f"  {name:16} {statistics.median(seconds):8.2f} s")
    print(f"  ratio            {statistics.median(ratios):8.3f}", end="")
    print(f"   ({min(ratios):.3f} to {max(ratios):.3f})")
