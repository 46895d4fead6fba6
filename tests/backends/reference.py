"""What a step computes of numbers that no backend draws itself, and what is decided.

`PYTHONPATH=tests python tests/backends/reference.py` records it with TensorFlow, in
`reference.npz` and `decisions.json` beside this file.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import keras
import numpy as np
from builders import gradients_of, small_decoder, small_encoder, to_numpy

from ald_keras import ALDCallback, ALDRule, GatedVAE, MaskedVAE
from ald_keras.backends.batch import Batch
from ald_keras.callbacks.epoch_meter import EpochMeter

FOLDER = pathlib.Path(__file__).parent
REFERENCE = FOLDER / "reference.npz"
DECISIONS = FOLDER / "decisions.json"

SHAPE, DIMS, SAMPLES = (3, 3, 1), 4, 6
SIZES = np.array([1, 4, 2, 4, 3, 4], "float32")
ORDER, PROBABILITIES = [2, 0, 3, 1], [0.2, 0.2, 0.2, 0.0]


def random(number: int) -> np.random.Generator:
    return np.random.default_rng(number)


X = random(0).random((SAMPLES, *SHAPE)).astype("float32")


def fixed(vae: Any) -> Any:
    """The model, with weights and noise that NumPy draws."""
    rng = random(1)
    for weight in vae.trainable_variables:
        weight.assign(0.5 * rng.standard_normal(weight.shape).astype("float32"))
    noise = random(2).standard_normal((SAMPLES, DIMS)).astype("float32")
    vae.sampling.noise = lambda shape, dtype: keras.ops.convert_to_tensor(noise)
    return vae


def plain() -> MaskedVAE:
    """A `MaskedVAE` with a dimension pruned."""
    networks = small_encoder(4, SHAPE), small_decoder(DIMS, 4, SHAPE)
    vae = fixed(MaskedVAE(*networks, DIMS, beta=0.7, seed=0))
    vae.latent_mask.deactivate([1])
    return vae


def sampled() -> MaskedVAE:
    """A `MaskedVAE` with sampled sizes, the same each time."""
    networks = small_encoder(4, SHAPE), small_decoder(DIMS, 4, SHAPE)
    vae = fixed(MaskedVAE(*networks, DIMS, likelihood="gaussian", seed=0))
    vae.size_sampling.start(ORDER, PROBABILITIES)
    sizes = keras.ops.convert_to_tensor(SIZES)
    vae.size_sampling.draw = lambda samples, rows=None: sizes
    return vae


def gated() -> GatedVAE:
    """A `GatedVAE` past its warm-up, whose gates open and close by given numbers."""
    networks = small_encoder(4, SHAPE), small_decoder(DIMS, 4, SHAPE)
    vae = fixed(GatedVAE(*networks, DIMS, tau=2.0, warmup=0, seed=0))
    vae.constraint.satisfied.assign(1.0)
    vae.constraint.multiplier.assign(3.0)
    vae.gates.weight.assign(np.array([0.3, -0.4, 0.1, 0.8]) / vae.gates.speed)
    uniform = keras.ops.convert_to_tensor(random(3).random((SAMPLES, DIMS), "float32"))
    vae.gates.draw = lambda samples, rows=None: uniform
    return vae


CASES = {"plain": plain, "sampled": sampled, "gated": gated}


def measured(case: str) -> dict[str, np.ndarray]:
    """Loss, terms of the ELBO and gradients of a training step."""
    vae = CASES[case]()
    nll, kl = vae.elbo_terms(X, training=True)

    def loss() -> Any:
        return vae.training_loss(X, None, Batch())[0]

    found = {"nll": nll, "kl": kl, "loss": loss()}
    variables = vae.trainable_variables
    gradients = zip(variables, gradients_of(loss, variables), strict=True)
    found |= {f"gradient {i}": values for i, (_, values) in enumerate(gradients)}
    return {f"{case}/{name}": to_numpy(values) for name, values in found.items()}


def scripted(
    self: EpochMeter, epoch: int, logs: Any, all_metrics: bool
) -> tuple[Any, tuple[float, ...]]:
    """Stands for `EpochMeter.measure`: values that depend on the epoch alone."""
    improving = float(np.exp(-epoch / 2.0))
    metrics = {
        "reconstruction": 20.0 + 10.0 * improving,
        "objective": 22.0 + 10.0 * improving,
        "silhouette": 0.3 - 0.2 * improving,
        "frechet_reconstruction": 1.0 + improving,
        "frechet_generation": 2.0 + improving,
    }
    kl = tuple(0.1 * ((3 * i + epoch) % 8 + 1) for i in range(8))
    logs.update({f"val_{name}": value for name, value in metrics.items()})
    return metrics, kl


def decided() -> list[dict[str, Any]]:
    """Decisions of a search that is fed `scripted` figures, and the masks they leave.

    `EpochMeter.measure` must be `scripted` meanwhile.
    """
    vae = MaskedVAE(small_encoder(4, SHAPE), small_decoder(8, 4, SHAPE), 8, seed=0)
    vae.compile("sgd")
    rule = ALDRule(initial_step=2, patience=2, slope_window=3, slowdown_window=2)
    search = ALDCallback(rule, n_clusters=2, probe_size=4, features="identity")
    masks = []

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            masks.append(to_numpy(vae.latent_mask.mask).tolist())

    callbacks = [search, Note()]
    vae.fit(X, epochs=12, validation_data=(X,), callbacks=callbacks, verbose=0)
    decisions = [decision.to_dict() for decision in search.decisions]
    return [{"decisions": decisions, "masks": masks}]


def main() -> None:
    arrays = {}
    for case in CASES:
        arrays |= measured(case)
    np.savez_compressed(REFERENCE, **arrays)
    EpochMeter.measure = scripted
    DECISIONS.write_text(json.dumps(decided(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
