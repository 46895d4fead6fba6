"""Counts of single cells: the batch is a condition, a fifth of the counts is missing.

    PYTHONPATH=. python examples/single_cells.py

3,000 cells of six types by 200 genes, made from four factors, in three batches that
measure each gene differently. The model gets counts, batch and library size; it is
asked how many dimensions the cells need, and whether its codes tell the types apart and
the batches not. Takes about two minutes on two cores. Writes `single_cells.png`.
"""

import keras
import numpy as np
from keras import layers, ops
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from ald_keras import ALDCallback, MaskedVAE, compact

CELLS, GENES, FACTORS, TYPES, BATCHES = 3000, 200, 4, 6, 3


def make_cells(seed=0):
    """Counts with 20 % of them missing, batches, library sizes and types."""
    rng = np.random.default_rng(seed)
    types = rng.integers(TYPES, size=CELLS)
    batches = rng.integers(BATCHES, size=CELLS)
    centres = 2.0 * rng.normal(size=(TYPES, FACTORS))
    factors = centres[types] + 0.5 * rng.normal(size=(CELLS, FACTORS))
    loadings = rng.normal(size=(FACTORS, GENES)) / np.sqrt(FACTORS)
    shifts = 0.7 * rng.normal(size=(BATCHES, GENES))
    shares = np.exp(0.6 * factors @ loadings + shifts[batches])
    shares /= shares.sum(axis=1, keepdims=True)
    sizes = np.exp(rng.normal(np.log(3000), 0.4, size=CELLS))
    means = sizes[:, None] * shares
    dispersion = 4.0
    counts = rng.negative_binomial(dispersion, dispersion / (dispersion + means))
    counts = np.where(rng.uniform(size=counts.shape) < 0.2, np.nan, counts)
    return counts.astype("float32"), batches, types


def build(with_batch, latent_dim=32):
    """Log means: a network of code and batch, plus the log of the library size."""
    counts = keras.Input((GENES,), name="x")
    code = keras.Input((latent_dim,), name="z")
    size = keras.Input((1,), name="log_size")
    batch, again = (keras.Input((BATCHES,), name="batch") for _ in range(2))
    features = layers.Dense(128, "relu")(ops.log1p(counts))
    hidden = layers.Dense(128)(code)
    if with_batch:
        features = layers.Concatenate()([features, batch])
        hidden = layers.Add()([hidden, layers.Dense(128, use_bias=False)(again)])
    features = layers.Dense(64, "relu")(features)
    log_share = layers.Dense(GENES)(layers.Activation("relu")(hidden))
    if with_batch:
        log_share = layers.Add()([log_share, layers.Dense(GENES)(again)])
    log_mean = layers.Add()([log_share, size])
    conditions = [[batch], [again]] if with_batch else [[], []]
    return MaskedVAE(
        keras.Model([counts, *conditions[0]], features),
        keras.Model([code, size, *conditions[1]], log_mean),
        latent_dim,
        likelihood="negative_binomial",
        missing="nan",
        seed=0,
    )


def agreement(codes, labels):
    """Adjusted Rand index of clusters of the codes against labels, 1 at best."""
    clusters = KMeans(len(np.unique(labels)), n_init=10, random_state=0)
    return adjusted_rand_score(labels, clusters.fit_predict(codes))


def main(epochs=80):
    """What is found with the batch as condition and without, of held-out cells."""
    counts, batches, types = make_cells()
    library = np.nansum(counts, axis=1, keepdims=True) / np.isfinite(counts).sum(
        axis=1, keepdims=True
    )
    data = {"x": counts, "log_size": np.log(library)}
    with_batch = {**data, "batch": np.eye(BATCHES, dtype="float32")[batches]}
    results = {}
    for name, given in (("with the batch", with_batch), ("without", data)):
        keras.utils.set_random_seed(0)
        vae = build("batch" in given)
        vae.compile(keras.optimizers.Adam(1e-3))
        train, held = ({k: v[part] for k, v in given.items()} for part in PARTS)
        callback = ALDCallback(n_clusters=TYPES, seed=0)
        vae.fit(
            train,
            validation_data=(held, types[PARTS[1]]),
            epochs=epochs,
            batch_size=64,
            verbose=0,
            callbacks=[callback],
        )
        small = compact(vae)
        codes = np.asarray(small.encode(held)[0])
        results[name] = {
            "dimensions": small.latent_dim,
            "fixed in epoch": callback.fixed_epoch,
            "types": agreement(codes, types[PARTS[1]]),
            "batches": agreement(codes, batches[PARTS[1]]),
            "codes": codes,
            "curve": callback.curve,
        }
        shown = {k: v for k, v in results[name].items() if k not in ("codes", "curve")}
        print(f"{name}: {shown}")
    return results, types[PARTS[1]], batches[PARTS[1]]


PARTS = slice(0, 2400), slice(2400, None)


def draw(results, types, batches, path="single_cells.png"):
    """Codes of held-out cells, coloured by type and by batch, and the size curve."""
    import matplotlib.pyplot as plt
    from sklearn.decomposition import PCA

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    curve = results["with the batch"]["curve"]
    axes[0].plot(curve.sizes, curve.increase, "o-")
    axes[0].set(
        xlabel="latent size", ylabel="increase of the loss, nats", yscale="symlog"
    )
    axes[0].set_title("size curve, with the batch as condition")
    for axis, (name, labels) in zip(
        axes[1:], (("with the batch", types), ("without", batches)), strict=True
    ):
        flat = PCA(2).fit_transform(results[name]["codes"])
        axis.scatter(*flat.T, c=labels, s=6, cmap="tab10")
        axis.set(xticks=[], yticks=[])
    axes[1].set_title("codes with the batch as condition, by type")
    axes[2].set_title("codes without, by batch")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    draw(*main())
