"""The hypermodel of a search over fixed sizes: built, trained, measured as a run."""

from __future__ import annotations

import hashlib
import json
import pathlib
import time
import uuid

import keras
import keras_tuner as kt

from ald_keras.callbacks import LatentTensorBoard
from ald_keras.experiments.compare.comparison import Comparison
from ald_keras.experiments.compare.hp_search import HPSearch
from ald_keras.experiments.compare.roles import worker_name
from ald_keras.experiments.compare.trials import trial_job
from ald_keras.experiments.core.jobs import Job
from ald_keras.files.model_files import load_model
from ald_keras.runs.file_names import TENSORBOARD
from ald_keras.runs.parts import RunParts, load_parts
from ald_keras.runs.run_files import write_run
from ald_keras.runs.training import build_model, fit_model

OBJECTIVE = "val_loss"


class FixedSizes(kt.HyperModel):
    """The config's network with a latent size that keras-tuner chooses.

    Args:
        comparison: What the search belongs to.
        hp_search: The search.
        seed: Integer >= 0, seed of all its trials.
        output: The comparison's folder.
        place: Integer, place of this search among those of the comparison. Defaults to
            0.

    Attributes:
        session: Text by which a worker knows its chief; a new one in each process.
    """

    def __init__(
        self,
        comparison: Comparison,
        hp_search: HPSearch,
        seed: int,
        output: pathlib.Path,
        place: int = 0,
    ):
        super().__init__()
        self.comparison = comparison
        self.hp_search = hp_search
        self.seed = seed
        self.output = output
        self.place = place
        self.digest = _digest(comparison)
        self.session = uuid.uuid4().hex
        config = trial_job(comparison, hp_search, hp_search.sizes[0], seed).config
        self._parts: RunParts = load_parts(config)

    def job(self, hp: kt.HyperParameters) -> Job:
        """The trial with these hyperparameters."""
        epochs = hp.values.get("tuner/epochs")
        size = hp.get("latent_dim")
        return trial_job(self.comparison, self.hp_search, size, self.seed, epochs)

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        hp.Choice("latent_dim", list(self.hp_search.sizes), ordered=True)
        # By these a worker knows which search its chief is in.
        hp.Fixed("comparison", self.digest)
        hp.Fixed("place", self.place)
        hp.Fixed("session", self.session)
        config = self.job(hp).config
        keras.utils.set_random_seed(config.seed)
        trained = hp.values.get("tuner/initial_epoch")
        if not trained:
            return build_model(config, self._parts.data)
        before = trial_job(
            self.comparison, self.hp_search, config.latent_dim, self.seed, trained
        )
        return load_model(self.output / before.name / "model.keras")

    def fit(
        self,
        hp: kt.HyperParameters,
        model: keras.Model,
        *,
        begun: float,
        **kwargs: object,
    ) -> dict[str, object]:
        """Train, measure and write the trial's run.

        Args:
            hp: Hyperparameters.
            model: What `build` made of them.
            begun: Start of that, by `time.perf_counter`.
            **kwargs: Not used: what keras-tuner passes on from its `search`.

        Returns:
            The validation loss of the model that is written.
        """
        job, stop = self.job(hp), self.hp_search.early_stopping
        trained = hp.values.get("tuner/initial_epoch", 0)
        stopping = None if stop is None else _stopping(stop.patience, stop.min_delta)
        more: list[keras.callbacks.Callback] = [] if stopping is None else [stopping]
        if job.config.tensorboard:
            logs = self.output / job.name / TENSORBOARD
            more.append(LatentTensorBoard(logs, seed=self.seed))
        history, _ = fit_model(
            model,
            job.config,
            self._parts.data,
            self._parts.extractor,
            *more,
            initial_epoch=trained,
            verbose=0,
        )
        seconds = round(time.perf_counter() - begun, 3)
        metrics: dict[str, object] = {"seconds": seconds, "initial_epoch": trained}
        metrics["worker"] = worker_name()
        if stopping is not None:
            metrics["validation_loss"] = float(stopping.best)
        metrics |= job.facts
        parts, folder = self._parts, self.output / job.name
        record = write_run(folder, job.config, parts, model, history, None, **metrics)
        return {OBJECTIVE: record["validation_loss"]}


def _stopping(patience: int, min_delta: float) -> keras.callbacks.EarlyStopping:
    return keras.callbacks.EarlyStopping(
        OBJECTIVE,
        mode="min",
        patience=patience,
        min_delta=min_delta,
        restore_best_weights=True,
    )


def _digest(comparison: Comparison) -> str:
    """The same on all machines: where the data lie does not count, nor does a seed."""
    values = comparison.to_dict()
    values["data"].pop("dir", None)
    del values["seed"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
