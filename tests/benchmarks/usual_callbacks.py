"""The default rule beside callbacks and schedules that move what it reads.

    PYTHONPATH=. python tests/benchmarks/usual_callbacks.py cosine --data-dir DIR

Trains as `ald train --config configs/mnist_curve.yaml` does, with one of: `cosine`
(decay of the learning rate to 0), `reduce` (`ReduceLROnPlateau(patience=3)`), `stop`
(`EarlyStopping(patience=5, restore_best_weights=True)`). Prints the size, when it was
fixed, and the ELBO of the test part.
"""

import argparse
import pathlib

import keras

from ald_keras.runs.config import load_config
from ald_keras.runs.evaluation import evaluate_model
from ald_keras.runs.parts import load_parts
from ald_keras.runs.training import build_model, fit_model

CONFIG = pathlib.Path(__file__).parents[2] / "configs/mnist_curve.yaml"


def main(kind: str, settings: list[str]) -> None:
    """Train one run and print its row."""
    config = load_config(CONFIG, settings)
    parts = load_parts(config)
    keras.utils.set_random_seed(config.seed)
    vae = build_model(config, parts.data, None)
    steps = config.epochs * -(-len(parts.data.x_train) // config.batch_size)
    callbacks = {
        "cosine": [],
        "reduce": [keras.callbacks.ReduceLROnPlateau(patience=3, min_lr=1e-5)],
        "stop": [keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)],
    }[kind]
    if kind == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
        vae.compile(keras.optimizers.Adam(rate))
    history, search = fit_model(
        vae, config, parts.data, parts.extractor, *callbacks, verbose=0
    )
    found = evaluate_model(
        vae, parts.data.x_test, 10, None, config.seed, parts.data.y_test
    )
    print(f"{kind}: {search.result()}")
    print(f"  epochs {len(history.epoch)}, test ELBO {found['elbo']:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["cosine", "reduce", "stop"])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--set", nargs="*", default=[], help="as `ald train` takes it")
    given = parser.parse_args()
    main(given.kind, [f"data.dir={given.data_dir}", *given.set])
