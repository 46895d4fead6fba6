"""Builds and trains the model that a config describes."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import keras

from ald_keras._typing import JSON, FitData
from ald_keras.architectures import build_architecture
from ald_keras.backends import from_chief, is_chief, together
from ald_keras.callbacks import (
    ALDCallback,
    GateSearch,
    KLWarmup,
    LatentTensorBoard,
    SearchProgress,
)
from ald_keras.datasets import (
    Dataset,
    LazySamples,
    OrderedBatches,
    data_of,
)
from ald_keras.metrics import FeatureExtractor, tau_for
from ald_keras.models import GatedVAE, MaskedVAE
from ald_keras.models.latent_vae import LatentVAE
from ald_keras.runs.checkpoint import Progress, RunCheckpoint, read_checkpoint
from ald_keras.runs.config import Config
from ald_keras.runs.strategies import open_strategy

# What searches for the size of a run.
Search = ALDCallback | GateSearch


def build_model(
    config: Config, data: Dataset, tau: float | None = None
) -> MaskedVAE | GatedVAE:
    """The compiled model that a config describes.

    Args:
        config: The run's config.
        data: The data set, which says the shapes of data and conditions.
        tau: What `find_tau` gave, of `method: geco`. Defaults to `None`.

    Raises:
        ValueError: If the architecture or the optimizer is unknown, or an option is.
    """
    encoder, decoder = build_architecture(
        config.architecture.name,
        data.data_shape,
        config.latent_dim,
        seed=config.seed,
        conditions=data.conditions,
        **config.architecture.options,
    )
    shared: JSON = {"likelihood": config.likelihood, "seed": config.seed}
    model: MaskedVAE | GatedVAE
    if config.method == "geco":
        options = dataclasses.asdict(config.geco)
        options |= {"tau": tau, **shared}
        del options["explained"]
        model = GatedVAE(encoder, decoder, config.latent_dim, **options)
    else:
        beta = config.beta.value
        shared |= {"beta": beta, "missing": config.data.get("missing")}
        model = MaskedVAE(encoder, decoder, config.latent_dim, **shared)
    model.compile(optimizer=_build_optimizer(config))
    return model


def find_tau(config: Config, data: Dataset) -> float | None:
    """The bound on the error of `method: geco`, `None` of the others.

    Raises:
        ValueError: If the data do not vary.
    """
    if config.method != "geco" or config.geco.explained is None:
        return config.geco.tau
    return tau_for(data.x_train, config.geco.explained)


def _build_optimizer(config: Config) -> keras.optimizers.Optimizer:
    name, options = config.optimizer.name, dict(config.optimizer.options)
    try:
        return keras.optimizers.get({"class_name": name, "config": options})
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`optimizer` must be the name of a Keras optimizer with its arguments. "
            f"Received: {config.optimizer.to_dict()} ({str(error).splitlines()[0]})"
        ) from error


def train(
    config: Config,
    data: Dataset,
    extractor: FeatureExtractor | None,
    verbose: str | int = "auto",
    log_dir: pathlib.Path | None = None,
    checkpoint: pathlib.Path | None = None,
    checkpoint_seconds: float = 30.0,
    strategy: Any = None,
) -> tuple[LatentVAE, keras.callbacks.History, Search | None, Progress]:
    """Train the model that a config describes.

    Args:
        config: The run's config.
        data: The data set, split.
        extractor: What the Frechet distances are taken on.
        verbose: As `fit` takes it. Defaults to `"auto"`.
        log_dir: Folder for TensorBoard, or `None` to write none. Defaults to `None`.
        checkpoint: File to resume from where it exists, and to keep up to date; or
            `None`. Defaults to `None`.
        checkpoint_seconds: Float >= 0, time between two writes of it. Defaults to 30.
        strategy: What `open_strategy` gave. Defaults to `None`: that of the config.

    Returns:
        The model, the `History`, the `ALDCallback` or `GateSearch` or `None`, and how
        far the run has come.

    Raises:
        ValueError: If `checkpoint` is damaged or of a run with another config.
    """
    strategy = strategy or open_strategy(config.strategy)
    keras.utils.set_random_seed(config.seed)
    tau = find_tau(config, data)
    with strategy.scope():
        model = build_model(config, data, tau)
    leads = is_chief(strategy)
    more = (
        []
        if log_dir is None or not leads
        else [LatentTensorBoard(log_dir, seed=config.seed)]
    )
    progress = Progress()
    if checkpoint is not None:
        plain = config.to_dict()
        _check_shared(strategy, checkpoint)
        progress = read_checkpoint(checkpoint, model, plain) or progress
        seconds = checkpoint_seconds if leads else None
        more += [RunCheckpoint(checkpoint, plain, progress, seconds)]
    with together(strategy):
        history, pruning = fit_model(
            model,
            config,
            data,
            extractor,
            *more,
            initial_epoch=progress.epochs,
            verbose=verbose if leads else 0,
        )
    if checkpoint is not None:
        history.epoch, history.history = [*range(progress.epochs)], progress.history
    return model, history, pruning, progress


def _check_shared(strategy: Any, checkpoint: pathlib.Path) -> None:
    is_there = checkpoint.exists()
    if from_chief(strategy, checkpoint.exists) != is_there:
        here, there = ("", "not ") if is_there else ("not ", "")
        raise ValueError(
            f"All workers must share the folder of --output. {checkpoint} is {here}"
            f"there for this one, and {there}there for the chief."
        )


def fit_model(
    model: LatentVAE,
    config: Config,
    data: Dataset,
    extractor: FeatureExtractor | None,
    *more: keras.callbacks.Callback,
    initial_epoch: int = 0,
    verbose: str | int = "auto",
) -> tuple[keras.callbacks.History, Search | None]:
    """Train a model as a config says.

    Args:
        model: What `build_model` gave, or such a model after some epochs.
        config: The run's config.
        data: The data set, split.
        extractor: What the Frechet distances are taken on.
        *more: Further callbacks.
        initial_epoch: Integer >= 0, epochs that the model was trained before. Defaults
            to 0.
        verbose: As `fit` takes it, but that 1, and `"auto"`, print the lines of
            `SearchProgress`. Defaults to `"auto"`.

    Returns:
        The `History`, and the `ALDCallback` or `GateSearch` or `None`.
    """
    callbacks: list[keras.callbacks.Callback] = []
    if config.beta.warmup:
        callbacks.append(KLWarmup(config.beta.warmup))
    search = _search(config, data, extractor)
    callbacks += [*([] if search is None else [search])]
    if verbose:
        callbacks.append(SearchProgress(search))
    callbacks += more
    validation: FitData = (data.x_val, data.y_val)
    validation_batch_size: int | None = max(config.batch_size, 256)
    if isinstance(data_of(data.x_val), LazySamples):
        validation = OrderedBatches(*validation, batch_size=config.batch_size)
        validation_batch_size = None
    history = model.fit(
        data.x_train,
        batch_size=config.batch_size,
        validation_data=validation,
        validation_batch_size=validation_batch_size,
        epochs=config.epochs,
        initial_epoch=initial_epoch,
        callbacks=callbacks,
        verbose=verbose,
    )
    return history, search


def _search(
    config: Config, data: Dataset, extractor: FeatureExtractor | None
) -> Search | None:
    """The callback that searches for the size, `None` where it is given."""
    if config.method == "geco":
        return GateSearch() if config.geco.gated else None
    if config.method != "ald":
        return None
    return ALDCallback(
        rule=config.make_rule(),
        interval=config.interval,
        n_clusters=config.probe.n_clusters or data.n_classes,
        probe_size=config.probe.size,
        features=extractor,
        seed=config.seed,
        metrics_freq=config.probe.metrics_freq,
    )
