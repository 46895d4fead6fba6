"""What mask and gates cost an epoch, and what the callback adds to one.

Runs on data of MNIST's shape; every ratio compares two measurements of one run, taken
in turn. From the root of the repository:
`PYTHONPATH=. python tests/benchmarks/training.py [--samples 54000] [--rounds 5]`.
"""

from __future__ import annotations

import argparse
import statistics
import time

import keras
import numpy as np
from keras import layers, ops

from ald_keras import ALDCallback, ALDRule, GatedVAE, MaskedVAE
from ald_keras.datasets import EpochShuffledBatches

LATENT_DIM = 64


def networks() -> tuple[keras.Model, keras.Model]:
    encoder = keras.Sequential(
        [
            keras.Input((784,)),
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
    """The VAE that one writes in Keras without this library: no mask, no checks."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.decoder = networks()
        self.z_mean, self.z_log_var = layers.Dense(LATENT_DIM), layers.Dense(LATENT_DIM)
        self.seeds = keras.random.SeedGenerator(0)
        self.trackers = [
            keras.metrics.Mean(name=name)
            for name in ("loss", "reconstruction_loss", "kl_loss")
        ]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self.trackers

    def train_step(self, data):
        import tensorflow as tf

        (x,) = data
        with tf.GradientTape() as tape:
            features = self.features(x, training=True)
            mean, log_var = self.z_mean(features), self.z_log_var(features)
            noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
            logits = self.decoder(mean + ops.exp(0.5 * log_var) * noise, training=True)
            nll = ops.mean(ops.sum(ops.softplus(logits) - x * logits, axis=1))
            kl = 0.5 * (ops.square(mean) + ops.exp(log_var) - 1.0 - log_var)
            kl = ops.mean(ops.sum(kl, axis=1))
            loss = nll + kl
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_weights, strict=True)
        )
        for tracker, value in zip(self.trackers, (loss, nll, kl), strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


class Stopwatch(keras.callbacks.Callback):
    """Seconds of every `on_epoch_end` of the callback it wraps."""

    def __init__(self, callback: keras.callbacks.Callback) -> None:
        super().__init__()
        self.callback, self.seconds = callback, []

    def set_model(self, model):
        super().set_model(model)
        self.callback.set_model(model)

    def on_train_begin(self, logs=None):
        self.callback.on_train_begin(logs)

    def on_epoch_begin(self, epoch, logs=None):
        self.callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        start = time.perf_counter()
        self.callback.on_epoch_end(epoch, logs)
        self.seconds.append(time.perf_counter() - start)


def epoch_seconds(model: keras.Model, x: np.ndarray) -> float:
    # tf.data's autotuning, which arrays come with, makes some epochs twice as long.
    batches = EpochShuffledBatches(x, batch_size=64, seed=0)
    start = time.perf_counter()
    model.fit(batches.dataset, shuffle=False, epochs=1, verbose=0)
    return time.perf_counter() - start


def mask_cost(x: np.ndarray, rounds: int) -> None:
    plain, masked = PlainVAE(), MaskedVAE(*networks(), LATENT_DIM, seed=0)
    for model in (plain, masked):
        model.compile(keras.optimizers.Adam(1e-3))
        epoch_seconds(model, x[:640])
    print(f"epoch of {len(x)} samples, batch 64, median of {rounds} rounds")
    compare(("MaskedVAE", masked), ("VAE without mask", plain), x, rounds)


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


def gate_cost(x: np.ndarray, rounds: int) -> None:
    """Of gates that are being trained, all undecided: the second pass in every step."""
    masked = MaskedVAE(*networks(), LATENT_DIM, seed=0)
    gated = GatedVAE(*networks(), LATENT_DIM, tau=30.0, gate_penalty=1e-6, seed=0)
    gated.constraint.satisfied.assign(1.0)
    for model in (gated, masked):
        model.compile(keras.optimizers.Adam(1e-3))
        epoch_seconds(model, x[:640])
    compare(("GatedVAE", gated), ("MaskedVAE", masked), x, rounds)


def callback_cost(x: np.ndarray, rounds: int) -> None:
    validation = np.random.default_rng(1).random((6000, 28, 28, 1)).astype("float32")
    image_vae = image_model()
    watch = Stopwatch(ALDCallback(ALDRule(patience=1000)))
    images = x.reshape(-1, 28, 28, 1)
    batches = EpochShuffledBatches(images, batch_size=64, seed=0)
    start = time.perf_counter()
    image_vae.fit(
        batches.dataset,
        shuffle=False,
        epochs=rounds + 1,
        validation_data=validation,
        callbacks=[watch, batches.callback],
        verbose=0,
    )
    whole = (time.perf_counter() - start) / (rounds + 1)
    work = statistics.median(watch.seconds[1:])
    print(f"ALDCallback on 500 of 6000 validation images, median of {rounds} epochs")
    print(f"  its work         {work:8.2f} s an epoch")
    print(f"  the epoch        {whole:8.2f} s, validation and callback included")
    print(f"  share            {work / (whole - work):8.1%} of the epoch without it")


def image_model() -> MaskedVAE:
    encoder, decoder = networks()
    images = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), encoder])
    pixels = keras.Sequential([*decoder.layers, layers.Reshape((28, 28, 1))])
    pixels.build((None, LATENT_DIM))
    vae = MaskedVAE(images, pixels, LATENT_DIM, seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=54_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    x = np.random.default_rng(0).random((arguments.samples, 784)).astype("float32")
    mask_cost(x, arguments.rounds)
    gate_cost(x, arguments.rounds)
    callback_cost(x, arguments.rounds)


if __name__ == "__main__":
    main()
