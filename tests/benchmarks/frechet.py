"""How long a Fréchet distance takes, against the textbook's matrix square root.

Both are measured in turn in one process, on random features of Inception's width.
`python tests/benchmarks/frechet.py [--samples 500 100] [--width 2048] [--rounds 3]`.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import scipy.linalg

from ald_keras.metrics import frechet_distance


def textbook(a: np.ndarray, b: np.ndarray) -> float:
    gap = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    with warnings.catch_warnings():
        # With fewer samples than dimensions the product has no unique square root.
        warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)
        root = scipy.linalg.sqrtm(cov_a @ cov_b)
    return float(
        gap @ gap + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root).real
    )


def timed(function: Callable[..., float], *inputs: np.ndarray) -> tuple[float, float]:
    start = time.perf_counter()
    value = function(*inputs)
    return time.perf_counter() - start, value


def compare(samples: int, width: int, rounds: int) -> None:
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.1, 2.0, width)
    a = rng.standard_normal((samples, width)) * scale
    b = rng.standard_normal((samples, width)) + 0.1
    frechet_distance(a, b)
    fast, slow = [], []
    for _ in range(rounds):
        fast.append(timed(frechet_distance, a, b))
        slow.append(timed(textbook, a, b))
    seconds = [statistics.median(s for s, _ in runs) for runs in (fast, slow)]
    difference = abs(fast[0][1] / slow[0][1] - 1)
    print(
        f"{samples:8d} {width:6d} {seconds[0]:18.4f} {seconds[1]:12.2f} "
        f"{seconds[1] / seconds[0]:7.0f} {difference:20.1e}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[500, 100])
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"Fréchet distance, medians of {arguments.rounds} rounds taken in turn")
    print(
        " samples  width  frechet_distance s      sqrtm s   ratio  relative difference"
    )
    for samples in arguments.samples:
        compare(samples, arguments.width, arguments.rounds)


if __name__ == "__main__":
    main()
