"""Seconds of an epoch on each Keras backend, beside loops written by hand.

Each row is a process of its own that waits for its turn, so that all rows are measured
in turn in one run, on an otherwise idle machine. `--row NAME=PYTHON` says which Python
runs a row; rows are `tensorflow`, `jax`, `torch` (this library), each with `/plain` (a
VAE that one writes in Keras), `/callback` (with `ALDCallback`) or `/gated`, and
`jax/loop`, `torch/eager`, `torch/fused` (loops without Keras). From the root of the
repository:

PYTHONPATH=. python tests/benchmarks/backends.py --batch 64 \\
    --row tensorflow=python --row jax=.venv-jax/bin/python --row torch/fused=...
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

import numpy as np

LATENT_DIM = 64
SHAPES = {"mlp": (784,), "conv": (64, 64, 3), "video": (8, 64, 64, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=54_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network", choices=SHAPES, default="mlp")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--row", action="append", required=True)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(arguments.row[0], arguments)
    else:
        run_rows(arguments)


def run_rows(arguments: argparse.Namespace) -> None:
    """Start a process a row, let each train an epoch in turn, print a table."""
    rows = dict(row.split("=", 1) for row in arguments.row)
    children = {name: start(name, python, arguments) for name, python in rows.items()}
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    # The first epoch compiles.
    for turn in range(arguments.rounds + 1):
        for name, child in children.items():
            print("go", file=child.stdin, flush=True)
            found = next(line for line in child.stdout if line.startswith("epoch"))
            if turn:
                seconds[name].append(float(found.split()[1]))
    notes = {name: child.stdout.readline().strip() for name, child in children.items()}
    first = next(iter(rows))
    print(
        f"{arguments.network}, {arguments.samples} samples, batch {arguments.batch}, "
        f"{arguments.precision}, {os.cpu_count()} cores, {arguments.rounds} rounds"
    )
    print(f"| row | us a sample | of {first} | smallest, largest | |")
    print("| --- | ---: | ---: | --- | --- |")
    for name, values in seconds.items():
        ratios = [a / b for a, b in zip(values, seconds[first], strict=True)]
        each = 1e6 * statistics.median(values) / arguments.samples
        spread = f"{min(ratios):.2f}, {max(ratios):.2f}"
        middle = statistics.median(ratios)
        print(f"| {name} | {each:.1f} | {middle:.2f} | {spread} | {notes[name]} |")


def start(
    name: str, python: str, arguments: argparse.Namespace
) -> subprocess.Popen[str]:
    options = [
        f"--{key}={getattr(arguments, key)}"
        for key in ("samples", "batch", "rounds", "network", "precision")
    ]
    return subprocess.Popen(
        [python, __file__, "--child", "--row", name, *options],
        env={**os.environ, "KERAS_BACKEND": name.split("/")[0]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def run_child(name: str, arguments: argparse.Namespace) -> None:
    backend, _, kind = name.partition("/")
    x = data(arguments)
    if name in ("torch/eager", "torch/fused"):
        turns(torch_loop(x, arguments.batch, kind == "fused"), arguments.rounds)
    elif kind == "loop":
        turns(jax_loop(x, arguments.batch), arguments.rounds)
    else:
        train(kind, x, arguments)


def data(arguments: argparse.Namespace) -> np.ndarray:
    """Pixels in [0, 1] that ten factors make."""
    rng = np.random.default_rng(0)
    shape = SHAPES[arguments.network]
    size = int(np.prod(shape))
    map_ = rng.normal(size=(10, size)).astype("float32")
    factors = rng.normal(size=(arguments.samples, 10)).astype("float32")
    x = 1.0 / (1.0 + np.exp(-(factors @ map_)))
    return x.astype("float32").reshape(-1, *shape)


def turns(epoch, rounds: int) -> None:
    """Train an epoch whenever the parent says so."""
    for _ in range(rounds + 1):
        sys.stdin.readline()
        begin = time.perf_counter()
        epoch()
        print("epoch", time.perf_counter() - begin, flush=True)
    print(flush=True)


def train(kind: str, x: np.ndarray, arguments: argparse.Namespace) -> None:
    """`fit` whose epochs wait for their turn."""
    import keras

    if arguments.precision != "float32":
        keras.mixed_precision.set_global_policy(arguments.precision)

    from models import PlainVAE, networks

    from ald_keras import ALDCallback, GatedVAE, MaskedVAE

    class First(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            sys.stdin.readline()
            self.begin = time.perf_counter()

    class Last(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            print("epoch", time.perf_counter() - first.begin, flush=True)

    class Timed(ALDCallback):
        seconds = 0.0

        def on_epoch_end(self, epoch, logs=None):
            begin = time.perf_counter()
            super().on_epoch_end(epoch, logs)
            if epoch:
                self.seconds += time.perf_counter() - begin

    parts = networks(arguments.network, x.shape[1:])
    if kind == "plain":
        model = PlainVAE(*parts)
    elif kind == "gated":
        model = GatedVAE(*parts, LATENT_DIM, tau=30.0, gate_penalty=1e-6, seed=0)
        model.constraint.satisfied.assign(1.0)
    else:
        model = MaskedVAE(*parts, LATENT_DIM, seed=0)
    model.compile(keras.optimizers.Adam(1e-3))
    first, last = First(), Last()
    callbacks, options = [first, last], {}
    if kind == "callback":
        timed = Timed()
        callbacks = [first, timed, last]
        options["validation_data"] = x[:2000]
    model.fit(
        x,
        batch_size=arguments.batch,
        epochs=arguments.rounds + 1,
        callbacks=callbacks,
        verbose=0,
        **options,
    )
    if kind == "callback":
        share = timed.seconds / arguments.rounds
        print(f"`ALDCallback` {share:.2f} s an epoch", flush=True)
    print(flush=True)


def torch_loop(x: np.ndarray, batch: int, fused: bool):
    """An epoch as one writes it in PyTorch; `fused` with its fastest settings."""
    import torch
    from torch import nn

    functional = nn.functional
    if fused:
        torch.set_flush_denormal(True)
    relu = nn.ReLU
    encoder = nn.Sequential(nn.Linear(784, 400), relu(), nn.Linear(400, 400), relu())
    heads = nn.Linear(400, 2 * LATENT_DIM)
    decoder = nn.Sequential(
        *(nn.Linear(LATENT_DIM, 400), relu(), nn.Linear(400, 400), relu()),
        nn.Linear(400, 784),
    )
    modules = encoder, heads, decoder
    weights = [weight for module in modules for weight in module.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3, eps=1e-7, fused=fused)
    samples = torch.from_numpy(x)

    def epoch() -> None:
        for rows in torch.randperm(len(samples)).split(batch):
            images = samples[rows]
            mean, log_var = heads(encoder(images)).chunk(2, dim=1)
            codes = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            nll = functional.binary_cross_entropy_with_logits(
                decoder(codes), images, reduction="sum"
            )
            kl = 0.5 * (mean.square() + log_var.exp() - 1.0 - log_var).sum()
            optimizer.zero_grad()
            ((nll + kl) / len(rows)).backward()
            optimizer.step()

    return epoch


def jax_loop(x: np.ndarray, batch: int):
    """An epoch as one writes it in JAX, one compiled call a step."""
    import jax
    import jax.numpy as jnp

    widths = (784, 400, 400, 2 * LATENT_DIM), (LATENT_DIM, 400, 400, 784)
    tree_map = jax.tree_util.tree_map

    def dense(sizes: tuple[int, ...], rng: np.random.Generator):
        return [
            (
                rng.normal(size=(a, b), scale=(2 / (a + b)) ** 0.5).astype("float32"),
                np.zeros(b, "float32"),
            )
            for a, b in zip(sizes, sizes[1:], strict=False)
        ]

    def run(weights, h):
        for kernel, bias in weights[:-1]:
            h = jax.nn.relu(h @ kernel + bias)
        kernel, bias = weights[-1]
        return h @ kernel + bias

    def loss(weights, images, key):
        encoder, decoder = weights
        mean, log_var = jnp.split(run(encoder, images), 2, axis=1)
        noise = jax.random.normal(key, mean.shape)
        logits = run(decoder, mean + jnp.exp(0.5 * log_var) * noise)
        nll = (jax.nn.softplus(logits) - images * logits).sum()
        kl = 0.5 * (mean**2 + jnp.exp(log_var) - 1.0 - log_var).sum()
        return (nll + kl) / len(images)

    def step(state, images):
        weights, m, v, count, key = state
        key, noise = jax.random.split(key)
        grads = jax.grad(loss)(weights, images, noise)
        count = count + 1
        m = tree_map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        weights = tree_map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, m, v
        )
        return weights, m, v, count, key

    step = jax.jit(step, donate_argnums=0)
    rng = np.random.default_rng(0)
    weights = tree_map(jnp.asarray, tuple(dense(sizes, rng) for sizes in widths))
    zeros = tree_map(jnp.zeros_like, weights), tree_map(jnp.zeros_like, weights)
    state = [(weights, *zeros, jnp.float32(0), jax.random.key(0))]

    def epoch() -> None:
        order = rng.permutation(len(x))
        for begin in range(0, len(x), batch):
            state[0] = step(state[0], x[order[begin : begin + batch]])
        jax.block_until_ready(state[0])

    return epoch


if __name__ == "__main__":
    main()
