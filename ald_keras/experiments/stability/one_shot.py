"""The one-shot baseline: drop idle units of a trained model once, then fine-tune."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from ald_keras._typing import JSON, Tensor
from ald_keras.cli import run_command
from ald_keras.datasets import EpochShuffledBatches
from ald_keras.experiments.core.child import job_parser
from ald_keras.files.model_files import load_model
from ald_keras.metrics.quality import row_blocks
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.runs.config import Config, load_config
from ald_keras.runs.parts import load_parts
from ald_keras.runs.record import read_record
from ald_keras.runs.run_files import write_run

# Variance of the posterior means below which a unit is idle (Burda et al. 2016).
IDLE_VARIANCE = 0.01


def idle_units(
    model: LatentVAE, x: Tensor, threshold: float = IDLE_VARIANCE
) -> np.ndarray:
    """Active dimensions whose posterior means vary by less than a threshold.

    Args:
        model: A VAE with a latent mask.
        x: Data of shape `(samples, *data_shape)`.
        threshold: Float >= 0, a variance. Defaults to 0.01.

    Returns:
        Indices, ascending.
    """
    blocks = row_blocks(len(x), model.data_shape)
    means = [ops.convert_to_numpy(model.encode(x[rows])[0]) for rows in blocks]
    variances = np.concatenate(means).var(axis=0, ddof=1)
    active = model.latent_mask.active_indices
    return active[variances[active] < threshold]


def one_shot(config: Config, source: pathlib.Path, output: pathlib.Path) -> JSON:
    """Drop the idle units of a fixed run's model at once and train on.

    Args:
        config: The fixed run's config with more epochs: how many more it is trained.
        source: Folder of the fixed run.
        output: Folder for this run; it must exist.

    Returns:
        What `run.json` holds. Seconds are those of both trainings.

    Raises:
        RuntimeError: If all units are idle.
        ValueError: If the fixed run is not whole, or not shorter.
        OSError: If a file is missing.
    """
    before = read_record(source)
    if before is None:
        raise ValueError(f"{source} holds no whole run to start from.")
    trained = before["epochs"]
    if config.epochs <= trained:
        raise ValueError(
            f"`epochs` must exceed the {trained} of {source}. Received: {config.epochs}"
        )
    parts = load_parts(config)
    keras.utils.set_random_seed(config.seed)
    model = load_model(source / "model.keras")
    started = time.perf_counter()
    idle = idle_units(model, parts.data.x_train)
    if len(idle) == model.active_dims:
        raise RuntimeError(f"{source}: all {len(idle)} units are idle.")
    model.latent_mask.deactivate(idle)
    history = _train_on(model, config, parts.data.x_train, trained)
    seconds = time.perf_counter() - started
    return write_run(
        output,
        config,
        parts,
        model,
        history,
        None,
        seconds=round(before["seconds"] + seconds, 3),
        fine_tuning_seconds=round(seconds, 3),
        epochs=config.epochs,
        fixed_epoch=trained - 1,
    )


def _train_on(
    model: LatentVAE, config: Config, x: Tensor, trained: int
) -> keras.callbacks.History:
    batches = EpochShuffledBatches(
        x, batch_size=config.batch_size, seed=config.seed, initial_epoch=trained
    )
    return model.fit(
        batches.dataset,
        epochs=config.epochs,
        initial_epoch=trained,
        callbacks=[batches.callback],
        verbose=0,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = job_parser("ald_keras.experiments.stability.one_shot", __doc__)
    parser.add_argument("--source", type=pathlib.Path, required=True)
    arguments = parser.parse_args(argv)

    def command() -> None:
        one_shot(load_config(arguments.config), arguments.source, arguments.output)

    return run_command(parser.prog, command)


if __name__ == "__main__":
    raise SystemExit(main())
