"""Anomaly scores: which digits has the model never seen?

    PYTHONPATH=. python examples/anomalies.py

A VAE is trained on scikit-learn's digits without one class, finds its size meanwhile,
and scores held-out images of all classes with `elbo`: the lower, the stranger. The area
under the ROC curve (AUC) of "never seen" stands beside the error of a PCA of as many
components. Takes about two minutes on two cores. Writes `anomalies.png`.
"""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from ald_keras import ALDCallback, MaskedVAE, compact


def build(latent_dim=24):
    """A VAE of images of 64 pixels."""
    x, z = keras.Input((64,)), keras.Input((latent_dim,))
    features = layers.Dense(128, "relu")(layers.Dense(128, "relu")(x))
    means = layers.Dense(64)(layers.Dense(128, "relu")(z))
    encoder, decoder = keras.Model(x, features), keras.Model(z, means)
    return MaskedVAE(encoder, decoder, latent_dim, likelihood="gaussian", seed=0)


def main(classes=range(10), epochs=60):
    """AUC of each class left out: ELBO, importance-weighted bound, PCA."""
    images, labels = load_digits(return_X_y=True)
    # A Gaussian likelihood of unit variance: a quarter of the range counts as noise.
    images = (images / 4).astype("float32")
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:1300], order[1300:]
    rows, strangest = [], None
    for left_out in classes:
        seen = train[labels[train] != left_out]
        keras.utils.set_random_seed(0)
        vae = build()
        vae.compile(keras.optimizers.Adam(2e-3))
        vae.fit(
            images[seen],
            validation_split=0.1,
            epochs=epochs,
            batch_size=64,
            verbose=0,
            callbacks=[ALDCallback(seed=0)],
        )
        small = compact(vae)
        never_seen = labels[test] == left_out
        scores = {samples: small.elbo(images[test], samples) for samples in (1, 50)}
        pca = PCA(small.latent_dim).fit(images[seen])
        back = pca.inverse_transform(pca.transform(images[test]))
        error = np.square(images[test] - back).sum(axis=1)
        rows.append(
            (
                left_out,
                small.latent_dim,
                *(roc_auc_score(never_seen, -score) for score in scores.values()),
                roc_auc_score(never_seen, error),
            )
        )
        print(
            "without {}: {} dimensions, AUC {:.3f} {:.3f}, PCA {:.3f}".format(*rows[-1])
        )
        strangest = images[test][np.argsort(scores[50])[:10]], left_out
    return rows, strangest


def draw(rows, strangest, path="anomalies.png"):
    """The AUC of each class, and the strangest images of the last one."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    classes, _, elbo, tight, pca = map(np.array, zip(*rows, strict=True))
    for shift, (name, values) in enumerate(
        (("ELBO", elbo), ("bound of 50 samples", tight), ("PCA", pca))
    ):
        axes[0].bar(classes + 0.27 * (shift - 1), values, 0.27, label=name)
    axes[0].set(xlabel="class left out", ylabel="AUC", ylim=(0.4, 1.1), xticks=classes)
    axes[0].legend(fontsize=8, ncols=3, loc="upper center")
    images, left_out = strangest
    axes[1].imshow(np.hstack(images.reshape(-1, 8, 8)), cmap="gray_r")
    axes[1].set_title(f"lowest scores, {left_out} never seen")
    axes[1].axis("off")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    draw(*main())
