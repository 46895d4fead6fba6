"""Draws the figures of the concepts, from closed forms and scikit-learn's digits.

PYTHONPATH=. python docs/figures.py [NAME ...]

Writes `docs/img/NAME.png`. `kl` and `nested-sizes` train small networks, which takes a
few minutes; the others take seconds.
"""

from __future__ import annotations

import functools
import io
import pathlib
import sys
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_digits

from ald_keras.metrics import frechet_distance, silhouette
from ald_keras.reports.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILLION,
    new_figure,
    styled,
    to_png,
)

FOLDER = pathlib.Path(__file__).parent / "img"
LARGEST = 60_000


@functools.cache
def images() -> np.ndarray:
    """scikit-learn's digits, shape `(1797, 64)`, in [0, 1]."""
    return (load_digits().data / 16).astype("float32")


@functools.cache
def variances() -> np.ndarray:
    """Variances along the principal components of the images, largest first."""
    return np.linalg.eigvalsh(np.cov(images().T))[::-1].clip(1e-12)


@styled
def elbo() -> Figure:
    """Log-likelihood and ELBO of one observation, over the posterior's spread."""
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    weight, x = 1.5, 2.0
    variance = 1 / (1 + weight**2)
    mean = variance * weight * x
    evidence = -0.5 * (np.log(2 * np.pi * (1 + weight**2)) + x**2 / (1 + weight**2))
    spread = np.linspace(0.15, 1.6, 200)

    def terms(m: float, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fit = -0.5 * (np.log(2 * np.pi) + (x - weight * m) ** 2 + (weight * s) ** 2)
        return fit, 0.5 * (m**2 + s**2 - 1 - 2 * np.log(s))

    for m, colour, name in (
        (mean, BLUE, "the true mean"),
        (0.4 * mean, ORANGE, "another mean"),
    ):
        fit, kl = terms(m, spread)
        left.plot(spread, fit - kl, color=colour, label=f"ELBO, {name}")
    left.axhline(evidence, color=VERMILLION, ls="--", label="log p(x)")
    left.axvline(np.sqrt(variance), color=GREY, lw=1)
    left.set(xlabel="standard deviation of q(z|x)", ylabel="nats", ylim=(-6, -1.5))
    left.set_title("The ELBO touches log p(x) at the true posterior")
    left.legend(loc="lower left")
    fit, kl = terms(mean, spread)
    right.plot(spread, -fit, color=GREEN, label="NLL")
    right.plot(spread, kl, color=ORANGE, label="KL")
    right.plot(spread, kl - fit, color=BLUE, label="loss = NLL + KL")
    right.axvline(np.sqrt(variance), color=GREY, lw=1)
    right.set(xlabel="standard deviation of q(z|x)", ylim=(0, 7.5))
    right.set_title("A narrow posterior fits better and costs more KL")
    right.legend(loc="upper center", ncols=3, fontsize=8)
    return figure


@styled
def kl() -> Figure:
    """KL of a Gaussian, and the KL of each dimension of a trained VAE."""
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    mean = np.linspace(-3, 3, 200)
    for spread, colour in ((1.0, GREEN), (0.5, BLUE), (0.1, VERMILLION)):
        values = 0.5 * (mean**2 + spread**2 - 1 - 2 * np.log(spread))
        left.plot(mean, values, color=colour, label=f"standard deviation {spread:g}")
    left.set(xlabel="posterior mean", ylabel="KL, nats", ylim=(0, 7))
    left.set_title("KL from the standard normal prior")
    left.legend(loc="upper center")
    values = np.sort(trained()[0])[::-1]
    index = np.arange(1, len(values) + 1)
    informative = values >= 0.1
    right.bar(index[informative], values[informative], color=BLUE, label="informative")
    right.bar(index[~informative], values[~informative], color=GREY, label="idle")
    right.axhline(0.1, color=VERMILLION, ls="--", label="0.1 nats")
    right.set(xlabel="dimension, by KL", ylabel="mean KL, nats")
    right.set_title("scikit-learn's digits, Bernoulli, 16 dimensions")
    right.legend()
    return figure


@styled
def likelihood() -> Figure:
    """Which principal components a linear VAE keeps at three scales of the data."""
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    scales = (
        (1, "in [0, 1]", BLUE),
        (4, "in [0, 4]", GREEN),
        (16, "in [0, 16]", ORANGE),
    )
    index = np.arange(1, 65)
    for scale, name, colour in scales:
        left.semilogy(index, scale**2 * variances(), color=colour, label=name)
    left.axhline(1, color=VERMILLION, ls="--", label="variance of the likelihood")
    left.set(xlabel="principal component", ylabel="variance", ylim=(1e-3, 1e3))
    left.set_title("Digits: components above the line are kept")
    left.legend(loc="upper right", ncols=2, fontsize=8)
    scale = np.geomspace(0.5, 32, 200)
    kept = [(s**2 * variances() > 1).sum() for s in scale]
    right.semilogx(scale, kept, color=BLUE)
    for value, _, colour in scales:
        count = int((value**2 * variances() > 1).sum())
        right.plot(value, count, "o", color=colour)
        right.annotate(
            f"{count}", (value, count), (-6, 4), textcoords="offset points", ha="right"
        )
    right.set_xticks([1, 4, 16], ["1", "4", "16"])
    right.minorticks_off()
    right.set(xlabel="largest value of the data", ylabel="dimensions")
    right.set_title("Dimensions of a linear VAE, unit variance")
    return figure


@styled
def collapse() -> Figure:
    """KL of single dimensions, and their number, over beta: linear VAE."""
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    beta = np.geomspace(0.1, 200, 400)
    spectrum = 16 * variances()  # images in [0, 4]
    for i, colour in ((0, BLUE), (3, GREEN), (9, ORANGE), (19, VERMILLION)):
        values = 0.5 * np.log(np.maximum(spectrum[i] / beta, 1))
        left.semilogx(beta, values, color=colour, label=f"dimension {i + 1}")
    left.set(xlabel="beta", ylabel="KL, nats")
    left.set_title("KL reaches exactly 0")
    left.legend(loc="upper right")
    right.semilogx(beta, [(spectrum > b).sum() for b in beta], color=BLUE)
    right.axvline(spectrum[0], color=VERMILLION, ls="--")
    right.annotate(
        "all collapsed",
        (spectrum[0], 24),
        (4, 0),
        textcoords="offset points",
        color=VERMILLION,
    )
    right.set(xlabel="beta", ylabel="dimensions with KL above 0")
    right.set_title("Digits in [0, 4], unit variance")
    return figure


@styled
def silhouette_figure() -> Figure:
    """Silhouette of clusters that are further apart, and with idle dimensions."""
    figure = new_figure(2.9)
    axes = figure.subplots(1, 3)
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 100)
    angles = 2 * np.pi * np.arange(3) / 3
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    noise = rng.normal(size=(300, 2))
    for axis, distance in zip(axes, (4.0, 1.5), strict=False):
        codes = distance * centres[labels] + noise
        for label, colour in enumerate((BLUE, ORANGE, GREEN)):
            axis.scatter(*codes[labels == label].T, s=6, color=colour)
        axis.set(xticks=[], yticks=[], aspect="equal")
        axis.set_title(f"silhouette {silhouette(codes, 3, seed=0):.2f}")
    codes = 4.0 * centres[labels] + noise
    idle = np.array([0, 1, 2, 4, 8, 16, 32, 62])
    scores = [
        silhouette(np.hstack([codes, rng.normal(size=(300, n))]), 3, seed=0)
        for n in idle
    ]
    axes[2].plot(2 + idle, scores, "o-", color=BLUE, ms=4)
    axes[2].set(xlabel="dimensions", ylim=(0, None))
    axes[2].set_title("The left clusters with idle ones")
    return figure


@styled
def frechet() -> Figure:
    """Frechet distance of two Gaussians, and its bias with few samples."""
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    shift = np.linspace(0, 3, 50)
    for spread, colour in ((1.0, BLUE), (1.5, GREEN), (2.0, ORANGE)):
        left.plot(
            shift,
            shift**2 + (spread - 1) ** 2,
            color=colour,
            label=f"standard deviations 1 and {spread:g}",
        )
    left.set(xlabel="distance of the means", ylabel="Frechet distance", ylim=(0, 11))
    left.set_title("Two Gaussians in one dimension")
    left.legend()
    rng = np.random.default_rng(0)
    counts = np.array([25, 50, 100, 200, 400, 800, 1600, 3200])
    for width, colour in ((16, BLUE), (64, ORANGE)):
        values = [
            np.mean(
                [
                    frechet_distance(*rng.normal(size=(2, n, width))) / width
                    for _ in range(5)
                ]
            )
            for n in counts
        ]
        right.loglog(
            counts, values, "o-", ms=4, color=colour, label=f"{width} features"
        )
    right.set(xlabel="samples on each side", ylabel="distance per feature")
    right.set_title("Equal distributions: few samples look different")
    right.legend()
    return figure


EPOCHS = 60
SIZES = (1, 2, 3, 4, 5, 6, 8)


@functools.cache
def trained() -> tuple:
    """KL spectrum of a plain VAE, its curve, an elastic run's, losses from scratch."""
    import keras
    from keras import layers

    from ald_keras import ALDCallback, MaskedVAE
    from ald_keras.metrics import gaussian_kl

    train, held = images()[:1437], images()[1437:]

    def fit(latent_dim: int, callbacks: list) -> MaskedVAE:
        keras.utils.set_random_seed(0)
        encoder = keras.Sequential([keras.Input((64,)), layers.Dense(128, "relu")])
        decoder = keras.Sequential(
            [keras.Input((latent_dim,)), layers.Dense(128, "relu"), layers.Dense(64)]
        )
        vae = MaskedVAE(encoder, decoder, latent_dim, likelihood="bernoulli", seed=0)
        vae.compile(keras.optimizers.Adam(2e-3))
        vae.fit(
            train,
            validation_data=held,
            epochs=EPOCHS,
            batch_size=32,
            verbose=0,
            callbacks=callbacks,
        )
        return vae

    plain = fit(16, [])
    kl = np.mean(keras.ops.convert_to_numpy(gaussian_kl(*plain.encode(held))), axis=0)
    elastic = fit(16, [ALDCallback(elastic=True, seed=0)])
    scratch = [
        fit(k, []).size_curve(held, sizes=[k]).metrics["loss"][-1] for k in SIZES
    ]
    return kl, plain.size_curve(held), elastic.size_curve(held), scratch


@styled
def nested_sizes() -> Figure:
    """Curves of a plain and an elastic run beside sizes from scratch, on digits."""
    figure = new_figure(3.1)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    rows = np.array([6, 6, 3, 6, 2, 6, 6, 4])
    left.imshow(np.arange(6) < rows[:, None], cmap="Blues", vmin=0, vmax=1.4)
    left.set_xticks(range(6), [str(i + 1) for i in range(6)])
    left.set_yticks([])
    left.grid(False)
    left.set(xlabel="dimension, by importance", ylabel="examples of a batch")
    left.set_title("Some keep their first k alone")
    _, plain, elastic, scratch = trained()
    for curve, colour, name in (
        (plain, ORANGE, "one plain run, cut off"),
        (elastic, BLUE, "one run with sampled sizes"),
    ):
        keep = [i for i, size in enumerate(curve.sizes) if size <= 16]
        right.plot(
            [curve.sizes[i] for i in keep],
            [curve.metrics["loss"][i] for i in keep],
            "o-",
            ms=4,
            color=colour,
            label=name,
        )
    right.plot(SIZES, scratch, "D", ms=5, color=GREEN, label="each from scratch")
    right.set(xlabel="latent size", ylabel="validation loss, nats")
    right.set_title("scikit-learn's digits, Bernoulli")
    right.legend()
    return figure


@styled
def geco() -> Figure:
    """The multiplier holds the error at tau; dimensions that a tau needs (linear)."""
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    spectrum = 16 * variances()

    def error(multiplier: float) -> float:
        # Each dimension keeps the error 1 / (2 * multiplier), or all of its variance.
        return float(np.minimum(spectrum, 0.5 / multiplier).sum())

    tau, multiplier, average, current = 20.0, 0.05, 0.0, float(spectrum.sum())
    errors, multipliers = [], []
    for _ in range(1500):
        current += 0.02 * (error(multiplier) - current)  # training follows slowly
        average = 0.9 * average + 0.1 * (current - tau)
        multiplier *= np.exp(0.01 * np.clip(average / (0.1 * tau), -1, 1))
        errors.append(current)
        multipliers.append(multiplier)
    left.semilogy(errors, color=BLUE, label="squared error")
    left.semilogy(multipliers, color=ORANGE, label="multiplier")
    left.axhline(tau, color=VERMILLION, ls="--", label="tau")
    left.set(xlabel="step")
    left.set_title("The multiplier moves until the error is tau")
    left.legend(loc="center right", bbox_to_anchor=(1, 0.62))
    grid = np.geomspace(0.02, 30, 300)
    right.plot(
        [error(m) for m in grid],
        [(spectrum > 0.5 / m).sum() for m in grid],
        color=BLUE,
    )
    needed = next(m for m in grid if error(m) <= tau)
    count = int((spectrum > 0.5 / needed).sum())
    right.plot(error(needed), count, "o", color=VERMILLION)
    right.annotate(
        f"tau of {tau:g}: {count}", (tau, count), (8, 4), textcoords="offset points"
    )
    right.set(xlabel="tau", ylabel="dimensions", xlim=(0, 75), ylim=(0, 55))
    right.set_title("Digits in [0, 4]: dimensions of a linear VAE")
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "elbo": elbo,
    "kl": kl,
    "likelihood": likelihood,
    "collapse": collapse,
    "silhouette": silhouette_figure,
    "frechet": frechet,
    "nested-sizes": nested_sizes,
    "geco": geco,
}


def of_few_colours(png: bytes) -> bytes:
    """The picture in 64 colours, a third as large."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(64, dither=0).save(
        file, format="png", optimize=True
    )
    return file.getvalue()


def main(names: list[str]) -> None:
    """Write figures, those named or all."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or FIGURES:
        data = of_few_colours(to_png(FIGURES[name](), dpi=130))
        if len(data) > LARGEST:
            raise ValueError(f"{name}.png has {len(data)} bytes, {LARGEST} at most.")
        (FOLDER / f"{name}.png").write_bytes(data)
        print(f"{name}.png: {len(data)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
