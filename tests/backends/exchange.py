"""`exchange.py FOLDER`: takes up a search that another backend began, in its files.

`model.keras` holds the model within its `fit`; `continued.keras`, `compact.keras` and
`found.npz` are written.
"""

import pathlib
import sys

import keras
import numpy as np
from builders import digits, small_vae, to_numpy

from ald_keras import ALDCallback, ALDRule, compact
from ald_keras.export.exporting import export

X = digits(200)
TRAIN, VALIDATION = X[:150], X[150:]
RULE = ALDRule(
    initial_step=2, patience=1, slope_window=2, thresholds={"reconstruction": 1e9}
)


def fit(vae, epochs, *callbacks):
    search = ALDCallback(RULE, n_clusters=3, features="identity", probe_size=30)
    vae.fit(
        TRAIN,
        epochs=epochs,
        initial_epoch=max(0, epochs - 2),
        validation_data=(VALIDATION,),
        callbacks=[search, *callbacks],
        verbose=0,
    )
    return search


def begin(folder):
    """Two epochs, of which the second one's file is kept."""
    vae = small_vae(10)
    vae.compile(keras.optimizers.Adam(1e-2))
    fit(vae, 2, keras.callbacks.ModelCheckpoint(folder / "model.keras"))
    return vae


def outputs(vae):
    """What does not depend on chance."""
    mean, log_var = vae.encode(VALIDATION)
    data = vae.reconstruct(VALIDATION)
    found = {"mean": mean, "log_var": log_var, "data": data}
    found["nll"] = vae.nll(VALIDATION, mean)
    slots = vae.optimizer.variables[2:4]
    found |= {f"slot {i}": slot for i, slot in enumerate(slots)}
    return {name: to_numpy(values) for name, values in found.items()}


def main():
    folder = pathlib.Path(sys.argv[1])
    vae = keras.saving.load_model(folder / "model.keras")
    read = outputs(vae)
    dims = [vae.active_dims]
    search = fit(vae, 4)
    dims.append(vae.active_dims)
    vae.save(folder / "continued.keras")
    export(folder / "continued.keras", folder / "compact.keras", overwrite=True)
    small = compact(vae)
    assert small.evaluate(VALIDATION, verbose=0, return_dict=True)["loss"] > 0.0
    continued = {f"continued {name}": v for name, v in outputs(vae).items()}
    epochs = [decision.epoch for decision in search.decisions]
    np.savez(folder / "found.npz", **read, **continued, dims=dims, epochs=epochs)


if __name__ == "__main__":
    main()
