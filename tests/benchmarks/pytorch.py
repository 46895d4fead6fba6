"""An epoch of `MaskedVAE.fit` beside the same model in a hand-written PyTorch loop.

Both train the network of `training.py` on data of MNIST's shape, in turn, with Adam and
their default threads; a ratio above 1 means that this library is faster. From the root
of the repository, with PyTorch installed:
`PYTHONPATH=. python tests/benchmarks/pytorch.py [--samples 54000] [--rounds 5]`.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from typing import Any

import keras
import numpy as np
from training import LATENT_DIM, networks

from ald_keras import MaskedVAE
from ald_keras.datasets import EpochShuffledBatches

BATCHES = (64, 256)


class TorchLoop:
    """The VAE and the loop that one writes in PyTorch: no mask and no checks."""

    def __init__(self) -> None:
        import torch
        from torch import nn

        torch.manual_seed(0)
        self.torch = torch
        self.encoder = nn.Sequential(
            nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU()
        )
        self.heads = nn.Linear(400, 2 * LATENT_DIM)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT_DIM, 400),
            nn.ReLU(),
            nn.Linear(400, 400),
            nn.ReLU(),
            nn.Linear(400, 784),
        )
        modules = (self.encoder, self.heads, self.decoder)
        parameters = [weight for module in modules for weight in module.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=1e-3, eps=1e-7)

    def epoch(self, x: Any, batch: int) -> None:
        torch, functional = self.torch, self.torch.nn.functional
        for rows in torch.randperm(len(x)).split(batch):
            images = x[rows]
            mean, log_var = self.heads(self.encoder(images)).chunk(2, dim=1)
            codes = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            nll = functional.binary_cross_entropy_with_logits(
                self.decoder(codes), images, reduction="sum"
            )
            kl = 0.5 * (mean.square() + log_var.exp() - 1.0 - log_var).sum()
            self.optimizer.zero_grad()
            ((nll + kl) / len(images)).backward()
            self.optimizer.step()


def seconds(function: Any, *arguments: Any) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def compare(x: np.ndarray, batch: int, rounds: int) -> None:
    vae, loop = MaskedVAE(*networks(), LATENT_DIM, seed=0), TorchLoop()
    vae.compile(keras.optimizers.Adam(1e-3))
    tensor = loop.torch.from_numpy(x)

    def epoch(samples: np.ndarray) -> None:
        batches = EpochShuffledBatches(samples, batch_size=batch, seed=0)
        vae.fit(batches.dataset, shuffle=False, verbose=0)

    epoch(x[: 10 * batch])
    loop.epoch(tensor[: 10 * batch], batch)
    pairs = [
        (seconds(epoch, x), seconds(loop.epoch, tensor, batch)) for _ in range(rounds)
    ]
    ratios = [theirs / ours for ours, theirs in pairs]
    print(f"batch {batch}, median of {rounds} epochs of {len(x)} samples")
    for name, column in (("MaskedVAE.fit", 0), ("PyTorch loop", 1)):
        speed = len(x) / statistics.median(pair[column] for pair in pairs)
        print(f"  {name:<14} {speed:10,.0f} samples/s")
    print(f"  {'ratio':<14} {statistics.median(ratios):10.3f}", end="")
    print(f"   ({min(ratios):.3f} to {max(ratios):.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=54_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if importlib.util.find_spec("torch") is None:
        print("not compared with PyTorch, which is not installed: pip install torch")
        return
    x = np.random.default_rng(0).random((arguments.samples, 784)).astype("float32")
    for batch in BATCHES:
        compare(x, batch, arguments.rounds)


if __name__ == "__main__":
    main()
