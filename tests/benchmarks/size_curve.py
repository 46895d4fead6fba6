"""What sampled sizes cost an epoch, and what a size curve costs.

On data of MNIST's shape; every ratio compares two measurements of one run, taken in
turn. From the root of the repository:
`PYTHONPATH=. python tests/benchmarks/size_curve.py [--samples 10000] [--rounds 7]`.
"""

from __future__ import annotations

import argparse
import statistics
import time

import keras
import numpy as np
from training import LATENT_DIM, compare, epoch_seconds, networks

from ald_keras import MaskedVAE

SIZES = range(3, 14)  # and the full one


def compiled_vae() -> MaskedVAE:
    vae = MaskedVAE(*networks(), LATENT_DIM, seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    return vae


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(arguments.samples, 784)).astype("float32")
    plain, sampled = compiled_vae(), compiled_vae()
    probabilities = np.zeros(LATENT_DIM)
    probabilities[:12] = 0.4 / 12
    sampled.size_sampling.start(range(LATENT_DIM), probabilities)
    for model in (plain, sampled):
        epoch_seconds(model, x[:640])
    print(f"epoch of {len(x)} samples, batch 64, median of {arguments.rounds} rounds")
    compare(
        ("with sampled sizes", sampled),
        ("without", plain),
        x,
        arguments.rounds,
    )
    plain.size_curve(x[:500], sizes=SIZES)
    ratios = []
    for _ in range(arguments.rounds):
        epoch = epoch_seconds(plain, x)
        start = time.perf_counter()
        plain.size_curve(x[:500], sizes=SIZES)
        ratios.append((time.perf_counter() - start) / epoch)
    share = statistics.median(ratios)
    print(f"curve of {len(SIZES) + 1} sizes on 500 samples: {share:.3f} of an epoch")


if __name__ == "__main__":
    main()
