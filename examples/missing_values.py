"""A table with missing values: the size, and what is filled in.

    PYTHONPATH=. python examples/missing_values.py

scikit-learn's breast-cancer table, 569 rows of 30 measurements, standardised; a fifth
of the cells is removed. The VAE is trained on what is left and fills in the rest.
Column means and scikit-learn's imputers stand beside it. Takes about a minute on two
cores. Writes `missing_values.png`.
"""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from ald_keras import ALDCallback, MaskedVAE, compact

# What counts as noise, in standard deviations of a column. A Gaussian likelihood of
# unit variance reads the table in units of it.
NOISE = 1 / 3


def make_table(seed=0):
    """The whole table, and the table with a fifth of its cells removed."""
    table = load_breast_cancer().data
    table = ((table - table.mean(0)) / table.std(0)).astype("float32")
    hidden = np.random.default_rng(seed).uniform(size=table.shape) < 0.2
    return table, np.where(hidden, np.nan, table)


def build(columns, latent_dim=16):
    """A VAE of which values may be missing."""
    x, z = keras.Input((columns,)), keras.Input((latent_dim,))
    features = layers.Dense(64, "relu")(x)
    means = layers.Dense(columns)(layers.Dense(64, "relu")(z))
    return MaskedVAE(
        keras.Model(x, features),
        keras.Model(z, means),
        latent_dim,
        likelihood="gaussian",
        missing="nan",
        seed=0,
    )


def main(epochs=200):
    """Errors of what each way fills in, and the size curve."""
    table, known = make_table()
    hidden = np.isnan(known)
    keras.utils.set_random_seed(0)
    vae = build(table.shape[1])
    vae.compile(keras.optimizers.Adam(2e-3))
    callback = ALDCallback(seed=0)
    vae.fit(
        known / NOISE,
        validation_split=0.15,
        epochs=epochs,
        batch_size=32,
        verbose=0,
        callbacks=[callback],
    )
    small = compact(vae)
    means = NOISE * np.asarray(small.reconstruct(known / NOISE))
    filled = {
        "mean of the column": SimpleImputer().fit_transform(known),
        "10 nearest rows": KNNImputer(n_neighbors=10).fit_transform(known),
        "regressions in turn": IterativeImputer(max_iter=10).fit_transform(known),
        f"VAE of {small.latent_dim} dimensions": means,
    }
    errors = {
        name: float(np.sqrt(np.mean((values - table)[hidden] ** 2)))
        for name, values in filled.items()
    }
    print(f"{small.latent_dim} dimensions, fixed in epoch {callback.fixed_epoch}")
    for name, error in errors.items():
        print(f"{name}: error {error:.3f} standard deviations")
    return errors, callback.curve


def draw(errors, curve, path="missing_values.png"):
    """The size curve, and the errors."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    axes[0].plot(curve.sizes, curve.increase, "o-")
    axes[0].set(xlabel="latent size", ylabel="increase of the loss, nats")
    axes[0].set_title("size curve")
    axes[1].barh(list(errors), list(errors.values()))
    axes[1].set(xlabel="error of the removed cells, standard deviations")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    draw(*main())
