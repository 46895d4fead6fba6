"""`python -m ald_keras.train`: one training run from a YAML config."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import keras

from ald_keras.callbacks import ALDCallback, KLWarmup, LatentTensorBoard
from ald_keras.callbacks.divergence import FiniteLoss
from ald_keras.cli import OneLineParser, run_command
from ald_keras.config import Config, load_config
from ald_keras.datasets import (
    Dataset,
    EpochShuffledBatches,
    LazySamples,
    OrderedBatches,
)
from ald_keras.files import run_folder
from ald_keras.metrics import FeatureExtractor, tau_for
from ald_keras.models import GatedVAE, MaskedVAE
from ald_keras.models.architectures import build_architecture
from ald_keras.run_files import TENSORBOARD, clear_logs, load_parts, write_run


def build_model(
    config: Config, data_shape: tuple[int, ...], tau: float | None = None
) -> Any:
    """The compiled model that a config describes.

    Args:
        config: The run's config.
        data_shape: Shape of one sample.
        tau: What `find_tau` gave, of `method: geco`. Defaults to `None`.

    Raises:
        ValueError: If the architecture or the optimizer is unknown, or an option is.
    """
    encoder, decoder = build_architecture(
        config.architecture.name,
        data_shape,
        config.latent_dim,
        seed=config.seed,
        **config.architecture.options,
    )
    shared: dict[str, Any] = {"likelihood": config.likelihood, "seed": config.seed}
    model: Any
    if config.method == "geco":
        options = dataclasses.asdict(config.geco)
        options |= {"tau": tau, **shared}
        del options["explained"]
        model = GatedVAE(encoder, decoder, config.latent_dim, **options)
    else:
        beta = config.beta.value
        model = MaskedVAE(encoder, decoder, config.latent_dim, beta=beta, **shared)
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
    extractor: FeatureExtractor,
    verbose: Any = "auto",
    log_dir: pathlib.Path | None = None,
) -> tuple[Any, Any, Any]:
    """Train the model that a config describes.

    Args:
        config: The run's config.
        data: The data set, split.
        extractor: What the Frechet distances are taken on.
        verbose: As `fit` takes it. Defaults to `"auto"`.
        log_dir: Folder for TensorBoard, or `None` to write none. Defaults to `None`.

    Returns:
        The model, the `History`, and the `ALDCallback` or `GateSearch` or `None`.
    """
    keras.utils.set_random_seed(config.seed)
    model = build_model(config, data.data_shape, find_tau(config, data))
    logs = [] if log_dir is None else [LatentTensorBoard(log_dir, seed=config.seed)]
    history, pruning = fit_model(model, config, data, extractor, *logs, verbose=verbose)
    return model, history, pruning


def fit_model(
    model: Any,
    config: Config,
    data: Dataset,
    extractor: FeatureExtractor,
    *more: Any,
    initial_epoch: int = 0,
    verbose: Any = "auto",
) -> tuple[Any, Any]:
    """Train a model as a config says.

    Args:
        model: What `build_model` gave, or such a model after some epochs.
        config: The run's config.
        data: The data set, split.
        extractor: What the Frechet distances are taken on.
        *more: Further callbacks.
        initial_epoch: Integer >= 0, epochs that the model was trained before. Defaults
            to 0.
        verbose: As `fit` takes it. Defaults to `"auto"`.

    Returns:
        The `History`, and the `ALDCallback` or `GateSearch` or `None`.
    """
    model.check_data("dataset", data.x_train)
    batches = EpochShuffledBatches(
        data.x_train, batch_size=config.batch_size, seed=config.seed
    )
    callbacks: list[Any] = [batches.callback, FiniteLoss()]
    if config.beta.warmup:
        callbacks.append(KLWarmup(config.beta.warmup))
    pruning = _pruning(config, data, extractor) if config.method == "ald" else None
    callbacks += [*([] if pruning is None else [pruning]), *more]
    validation: Any = (data.x_val, data.y_val)
    validation_batch_size: int | None = max(config.batch_size, 256)
    if isinstance(data.x_val, LazySamples):
        validation = OrderedBatches(*validation, batch_size=config.batch_size)
        validation_batch_size = None
    history = model.fit(
        batches.dataset,
        validation_data=validation,
        validation_batch_size=validation_batch_size,
        epochs=config.epochs,
        initial_epoch=initial_epoch,
        callbacks=callbacks,
        verbose=verbose,
    )
    return history, getattr(model, "search", pruning)


def _pruning(config: Config, data: Dataset, extractor: FeatureExtractor) -> ALDCallback:
    return ALDCallback(
        rule=config.make_rule(),
        n_clusters=config.probe.n_clusters or data.n_classes,
        probe_size=config.probe.size,
        features=extractor,
        seed=config.seed,
    )


def run(
    config: Config, output: pathlib.Path, overwrite: bool = False, verbose: Any = "auto"
) -> dict[str, Any]:
    """Train, measure and write a run: the files of `run_files.RUN_FILES`.

    Args:
        config: The run's config.
        output: Folder for the run; made where it is missing.
        overwrite: Boolean, replace the run that is there. Defaults to `False`.
        verbose: As `fit` takes it. Defaults to `"auto"`.

    Returns:
        What `run.json` holds.

    Raises:
        ValueError: If the folder is not empty and `overwrite` is `False`, or the
            config does not fit the data.
        OSError: If data are missing or the folder cannot be written to.
    """
    with run_folder(output, overwrite):
        parts = load_parts(config)
        clear_logs(output)
        log_dir = output / TENSORBOARD if config.tensorboard else None
        started = time.perf_counter()
        model, history, pruning = train(
            config, parts.data, parts.extractor, verbose, log_dir
        )
        seconds = round(time.perf_counter() - started, 3)
        return write_run(
            output, config, parts, model, history, pruning, seconds=seconds
        )


def _parser() -> OneLineParser:
    parser = OneLineParser("ald_keras.train", description=__doc__)
    parser.add_argument("--config", type=pathlib.Path, required=True, metavar="FILE")
    parser.add_argument(
        "--data-dir", metavar="DIR", help="folder with the data set's files"
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        metavar="DIR",
        help="folder for the run (default: saved_models/NAME_OF_CONFIG)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="replace a value of the config, e.g. rule.selection=kl",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a run")
    parser.add_argument(
        "--verbose", choices=("0", "1", "2"), help="as in fit (default: by terminal)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)

    def command() -> None:
        settings = list(arguments.set)
        config = load_config(arguments.config, settings)
        if arguments.data_dir is not None:
            config = Config.from_dict(
                {
                    **config.to_dict(),
                    "data": {**config.data, "dir": str(arguments.data_dir)},
                }
            )
        output = arguments.output or pathlib.Path("saved_models", arguments.config.stem)
        verbose = "auto" if arguments.verbose is None else int(arguments.verbose)
        record = run(config, output, arguments.overwrite, verbose)
        figures = record["test"]
        print(
            f"{output}: {record['active_dims']} of {record['start_dims']} latent "
            f"dimensions; test part: reconstruction loss "
            f"{figures['reconstruction_loss']:.2f} nats, "
            f"ELBO {figures['elbo']:.2f} nats; {record['seconds']:.0f} s"
        )

    return run_command(parser.prog, command)


if __name__ == "__main__":
    raise SystemExit(main())
