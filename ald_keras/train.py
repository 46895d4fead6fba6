"""`python -m ald_keras.train`: one training run from a YAML config."""

from __future__ import annotations

import importlib.metadata
import pathlib
import platform
import shutil
import time
from collections.abc import Sequence
from typing import Any

import keras

from ald_keras import __version__
from ald_keras.artifacts import ARTIFACTS, holds_saved_model
from ald_keras.callbacks import ALDCallback, KLWarmup
from ald_keras.cli import OneLineParser, run_command
from ald_keras.compaction import compact
from ald_keras.config import Config, load_config
from ald_keras.datasets import (
    Dataset,
    EpochShuffledBatches,
    LazySamples,
    OrderedBatches,
    load_dataset,
)
from ald_keras.evaluation import evaluate_model, parameter_count
from ald_keras.files import replacing, run_folder, write_csv, write_json, write_yaml
from ald_keras.metrics import FeatureExtractor, build_extractor
from ald_keras.models import MaskedVAE
from ald_keras.models.architectures import build_architecture

# Training samples that the features are tried on before training.
_CHECKED = 256

RUN_FILES = ("model.keras", "history.csv", "decisions.json", "config.yaml", "run.json")


def build_model(config: Config, data_shape: tuple[int, ...]) -> MaskedVAE:
    """The compiled model that a config describes.

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
    model = MaskedVAE(
        encoder,
        decoder,
        config.latent_dim,
        likelihood=config.likelihood,
        beta=config.beta.value,
        seed=config.seed,
    )
    model.compile(optimizer=_build_optimizer(config))
    return model


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
    config: Config, data: Dataset, extractor: FeatureExtractor, verbose: Any = "auto"
) -> tuple[Any, Any, Any]:
    """Train the model that a config describes.

    Args:
        config: The run's config.
        data: The data set, split.
        extractor: What the Frechet distances are taken on.
        verbose: As `fit` takes it. Defaults to `"auto"`.

    Returns:
        The model, the `History`, and the `ALDCallback` or `None`.
    """
    keras.utils.set_random_seed(config.seed)
    model = build_model(config, data.data_shape)
    model.check_data("dataset", data.x_train)
    batches = EpochShuffledBatches(
        data.x_train, batch_size=config.batch_size, seed=config.seed
    )
    callbacks: list[Any] = [batches.callback]
    if config.beta.warmup:
        callbacks.append(KLWarmup(config.beta.warmup))
    pruning = None
    if config.method == "ald":
        pruning = ALDCallback(
            rule=config.make_rule(),
            n_clusters=config.probe.n_clusters or data.n_classes,
            probe_size=config.probe.size,
            features=extractor,
            seed=config.seed,
        )
        callbacks.append(pruning)
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
        callbacks=callbacks,
        verbose=verbose,
    )
    return model, history, pruning


def run(
    config: Config, output: pathlib.Path, overwrite: bool = False, verbose: Any = "auto"
) -> dict[str, Any]:
    """Train, measure and write a run: the files of `RUN_FILES`.

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
        options = dict(config.data)
        data = load_dataset(
            config.dataset, options.pop("dir", None), seed=config.seed, **options
        )
        # What the final figures need is checked before hours of training.
        extractor = build_extractor(
            config.probe.features, data.data_shape, weights=config.probe.weights
        )
        extractor.check_data(data.x_train[:_CHECKED])
        clusters = _count_clusters(config, data)
        started = time.perf_counter()
        model, history, pruning = train(config, data, extractor, verbose)
        seconds = time.perf_counter() - started
        _write_training(output, config, model, history, pruning)
        measured = {
            name: evaluate_model(
                part, data.x_test, clusters, extractor, config.seed, data.y_test
            )
            for name, part in (
                ("test", model),
                ("test_compact", compact(model, keep_optimizer=False)),
            )
        }
        record = {
            **_record(config, data, model, history, pruning, seconds),
            "features": extractor.name,
            **measured,
        }
        # Last: where it stands, the run is whole.
        write_json(output / "run.json", record)
    return record


def _count_clusters(config: Config, data: Dataset) -> int:
    clusters = config.probe.n_clusters or data.n_classes or 10
    if clusters >= len(data.x_test):
        raise ValueError(
            "`probe.n_clusters` must be below the number of test samples. Received: "
            f"{clusters} clusters and {len(data.x_test)} samples"
        )
    return clusters


def _record(
    config: Config,
    data: Dataset,
    model: Any,
    history: Any,
    pruning: Any,
    seconds: float,
) -> dict[str, Any]:
    return {
        "versions": _versions(),
        "seed": config.seed,
        "seconds": round(seconds, 3),
        "epochs": len(history.epoch),
        "steps": int(model.optimizer.iterations),
        "start_dims": config.latent_dim,
        "active_dims": model.active_dims,
        "fixed_epoch": None if pruning is None else pruning.fixed_epoch,
        "outcome": None if pruning is None else pruning.result(),
        "parameters": parameter_count(model),
        "samples": {
            "train": len(data.x_train),
            "validation": len(data.x_val),
            "test": len(data.x_test),
        },
    }


def _versions() -> dict[str, str]:
    packages = ("keras", "tensorflow", "numpy", "scipy", "scikit-learn")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {"ald_keras": __version__, "python": platform.python_version(), **versions}


def _write_training(
    output: pathlib.Path, config: Config, model: Any, history: Any, pruning: Any
) -> None:
    decisions = [] if pruning is None else [d.to_dict() for d in pruning.decisions]
    # A run that is replaced leaves nothing that could be taken for part of this one.
    (output / "run.json").unlink(missing_ok=True)
    for artifact in ARTIFACTS.values():
        for stale in artifact.files(artifact.beside(output)):
            if stale.is_file():
                stale.unlink()
            elif holds_saved_model(stale):
                shutil.rmtree(stale)
    write_yaml(output / "config.yaml", config.to_dict())
    write_csv(output / "history.csv", {"epoch": history.epoch, **history.history})
    write_json(output / "decisions.json", decisions)
    with replacing(output / "model.keras") as temporary:
        model.save(temporary)


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
