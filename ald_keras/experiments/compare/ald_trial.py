"""Example: keras-tuner searches learning rate and width, and each trial finds its size.

`ALDCallback` is made within `HyperModel.fit`, new for each trial, so that keras-tuner
has nothing to copy; the latent size is a metric of the trial.

    python -m ald_keras.experiments.compare.ald_trial --trials 4 --epochs 60
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import keras_tuner as kt
from rich.console import Console
from rich.table import Table

from ald_keras.architectures import build_architecture
from ald_keras.callbacks import ALDCallback
from ald_keras.cli import OneLineParser, run_command
from ald_keras.datasets import load_dataset
from ald_keras.models import MaskedVAE
from ald_keras.rules import PruningRule


class PrunedVAE(kt.HyperModel):
    """A VAE whose width and learning rate are searched and whose size is found.

    Args:
        data_shape: Shape of one sample.
        latent_dim: Integer >= 1, latent dimensions that each trial starts with.
            Defaults to 32.
        rule: Pruning rule, or `None` for `SizeCurveRule()`. Defaults to `None`.
        seed: Integer >= 0. Defaults to 0.
    """

    def __init__(
        self,
        data_shape: tuple[int, ...],
        latent_dim: int = 32,
        rule: PruningRule[Any] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.data_shape = data_shape
        self.latent_dim = latent_dim
        self.rule = rule
        self.seed = seed

    def build(self, hp: kt.HyperParameters) -> MaskedVAE:
        keras.utils.set_random_seed(self.seed)
        width = hp.Choice("width", [64, 128, 256])
        rate = hp.Float("learning_rate", 3e-4, 3e-3, sampling="log")
        encoder, decoder = build_architecture(
            "mlp", self.data_shape, self.latent_dim, seed=self.seed, hidden=[width] * 2
        )
        model = MaskedVAE(encoder, decoder, self.latent_dim, seed=self.seed)
        model.compile(optimizer=keras.optimizers.Adam(rate))
        return model

    def fit(
        self,
        hp: kt.HyperParameters,
        model: keras.Model,
        *args: object,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        **kwargs: object,
    ) -> dict[str, float]:
        """Train with pruning; returns the trial's objective and its size."""
        pruning = ALDCallback(self.rule, n_clusters=10, seed=self.seed)
        history = model.fit(*args, callbacks=[pruning, *callbacks], **kwargs)
        return {
            "val_loss": history.history["val_loss"][-1],
            "active_dims": model.active_dims,
        }


def search(
    trials: int, epochs: int, rule: PruningRule[Any] | None = None, seed: int = 0
) -> list[dict[str, float]]:
    """Search on scikit-learn's digits.

    Args:
        trials: Integer >= 1.
        epochs: Integer >= 1, of each trial.
        rule: As `PrunedVAE` takes it. Defaults to `None`.
        seed: Integer >= 0. Defaults to 0.

    Returns:
        For each trial `width`, `learning_rate`, `val_loss` in nats per sample and
        `active_dims`, the best first.
    """
    data = load_dataset("digits", seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        tuner = kt.RandomSearch(
            PrunedVAE(data.data_shape, rule=rule, seed=seed),
            objective=kt.Objective("val_loss", "min"),
            max_trials=trials,
            seed=seed + 1,
            directory=folder,
        )
        tuner.search(
            data.x_train,
            validation_data=(data.x_val, data.y_val),
            epochs=epochs,
            batch_size=64,
            verbose=0,
        )
        return [
            {
                **trial.hyperparameters.values,
                "val_loss": trial.score,
                "active_dims": int(trial.metrics.get_last_value("active_dims")),
            }
            for trial in tuner.oracle.get_best_trials(trials)
            if trial.score is not None
        ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = OneLineParser(
        "ald_keras.experiments.compare.ald_trial", description=__doc__
    )
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)

    def command() -> None:
        found = search(arguments.trials, arguments.epochs, seed=arguments.seed)
        table = Table("width", "learning rate", "validation loss, nats", "dimensions")
        for trial in found:
            table.add_row(
                f"{trial['width']}",
                f"{trial['learning_rate']:.2g}",
                f"{trial['val_loss']:.2f}",
                f"{trial['active_dims']}",
            )
        Console().print(table)

    return run_command(parser.prog, command)


if __name__ == "__main__":
    raise SystemExit(main())
