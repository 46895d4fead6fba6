"""Seconds of a run that finds its size, beside one that has this size from scratch.

On real MNIST, metrics and measuring included, both in turn on an idle machine. From the
root of the repository:
`PYTHONPATH=. python tests/benchmarks/run_cost.py --data-dir DIR [--samples 10000]`.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import time

import keras
import numpy as np
from models import networks

from ald_keras import ALDCallback, MaskedVAE
from ald_keras.datasets import load_dataset


def seconds(
    x: np.ndarray, x_val: np.ndarray, size: int | None, epochs: int
) -> tuple[float, int]:
    """Seconds of `fit`, and the dimensions at its end; `None` finds the size."""
    latent_dim = 64 if size is None else size
    encoder, decoder = networks(latent_dim=latent_dim)
    vae = MaskedVAE(encoder, decoder, latent_dim, seed=0)
    vae.compile(keras.optimizers.Adam(1e-3))
    # Traces, so that both times are those of training.
    vae.fit(x[:640], batch_size=64, validation_data=x_val[:64], verbose=0)
    callbacks = [ALDCallback()] if size is None else []
    start = time.perf_counter()
    vae.fit(
        x,
        batch_size=64,
        epochs=epochs,
        validation_data=x_val,
        validation_batch_size=256,
        callbacks=callbacks,
        verbose=0,
    )
    return time.perf_counter() - start, vae.active_dims


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=pathlib.Path, required=True)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=70)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    data = load_dataset("mnist", arguments.data_dir, val_fraction=0.1)
    x, x_val = (
        part.reshape(len(part), -1)
        for part in (data.x_train[: arguments.samples], data.x_val[:2000])
    )
    ratios = []
    for _ in range(arguments.rounds):
        found, size = seconds(x, x_val, None, arguments.epochs)
        fixed, _ = seconds(x, x_val, size, arguments.epochs)
        ratios.append(found / fixed)
        print(f"{found:.1f} s to find {size}, {fixed:.1f} s with {size} from scratch")
    print(f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f}", end=" ")
    print(
        f"to {max(ratios):.3f}), {arguments.samples} images, {arguments.epochs} epochs"
    )


if __name__ == "__main__":
    main()
