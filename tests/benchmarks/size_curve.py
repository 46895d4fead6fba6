"""What sampled sizes, a size curve and a whole elastic run cost.

On data of MNIST's shape; every ratio compares two measurements of one process, taken in
turn. From the root of the repository:
`PYTHONPATH=. python tests/benchmarks/size_curve.py [--samples 10000] [--rounds 7]`.
"""

from __future__ import annotations

import argparse
import statistics
import time

import keras
import numpy as np
from models import LATENT_DIM, compare, epoch_seconds, image_model, networks

from ald_keras import ALDCallback, ElasticRule, MaskedVAE

SIZES = range(3, 14)  # and the full one
EPOCHS = 12


def compiled_vae() -> MaskedVAE:
    vae = MaskedVAE(*networks(), LATENT_DIM, seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae


def sampling_cost(x: np.ndarray, rounds: int) -> None:
    plain, sampled = compiled_vae(), compiled_vae()
    probabilities = np.zeros(LATENT_DIM)
    probabilities[:12] = 0.5 / 12
    sampled.size_sampling.start(range(LATENT_DIM), probabilities)
    for model in (plain, sampled):
        epoch_seconds(model, x[:640])
    print(f"epoch of {len(x)} samples, batch 64, median of {rounds} rounds")
    compare(("with sampled sizes", sampled), ("without", plain), x, rounds)


def curve_cost(x: np.ndarray, rounds: int) -> None:
    vae = compiled_vae()
    epoch_seconds(vae, x[:640])
    vae.size_curve(x[:500], sizes=SIZES)
    ratios = []
    for _ in range(rounds):
        epoch = epoch_seconds(vae, x)
        start = time.perf_counter()
        vae.size_curve(x[:500], sizes=SIZES)
        ratios.append((time.perf_counter() - start) / epoch)
    share = statistics.median(ratios)
    print(f"curve of {len(SIZES) + 1} sizes on 500 samples: {share:.3f} of an epoch")


def run_seconds(images: np.ndarray, validation: np.ndarray, elastic: bool) -> float:
    """Seconds of a whole `fit`, tracing left out, with metrics and curve if elastic."""
    vae = image_model()
    # So that sizes are sampled of data without structure.
    rule = ElasticRule(idle_kl=0.0, patience=1)
    pruning = [ALDCallback(rule, n_clusters=10)] if elastic else []
    vae.fit(images[:64], validation_data=validation[:64], verbose=0)
    start = time.perf_counter()
    vae.fit(
        images,
        batch_size=64,
        validation_data=validation,
        validation_batch_size=256,
        epochs=EPOCHS,
        callbacks=pruning,
        verbose=0,
    )
    return time.perf_counter() - start


def run_cost(x: np.ndarray, rounds: int) -> None:
    images = x.reshape(-1, 28, 28, 1)
    validation = np.random.default_rng(1).random((2000, 28, 28, 1)).astype("float32")
    ratios = []
    for _ in range(rounds):
        fixed, elastic = (run_seconds(images, validation, e) for e in (False, True))
        ratios.append(elastic / fixed)
    ratio = statistics.median(ratios)
    print(
        f"one elastic run of {EPOCHS} epochs, against one of a fixed size: {ratio:.3f}"
    )
    print(f"so a grid of 20 sizes takes {20 / ratio:.1f} times as long as one such run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(arguments.samples, 784)).astype("float32")
    sampling_cost(x, arguments.rounds)
    curve_cost(x, arguments.rounds)
    run_cost(x, min(arguments.rounds, 3))


if __name__ == "__main__":
    main()
