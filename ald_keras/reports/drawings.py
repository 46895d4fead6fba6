"""The figures of a run with their captions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ald_keras._typing import JSON
from ald_keras.metrics import SizeCurve
from ald_keras.reports.figures import (
    Figure,
    codes_figure,
    kl_figure,
    picture_kind,
    reconstruction_figure,
    samples_figure,
    scratch_figure,
    training_figure,
    traversal_figure,
)
from ald_keras.reports.model_view import ModelView
from ald_keras.reports.run_facts import (
    Baseline,
    RunFacts,
    curve_when_fixed,
    reserve_at_the_end,
    run_curves,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Drawing:
    """A figure and what is said of it.

    Args:
        name: Text, its file's name without ending.
        figure: The figure.
        caption: Text below it.
        alt: Text in its place, for those who cannot see it.
    """

    name: str
    figure: Figure
    caption: str
    alt: str


def draw_run(facts: RunFacts) -> tuple[list[Drawing], list[str]]:
    """Draw what can be drawn of a run.

    Args:
        facts: The run.

    Returns:
        The drawings, and sentences on what is left out and why.
    """
    drawings = [_training(facts)]
    if facts.curve is not None and len(facts.curve.sizes) > 1:
        drawings.insert(0, _size_curve(facts, facts.curve))
    if facts.baseline is not None:
        drawings.append(_comparison(facts))
    if facts.view is None:
        return drawings, []
    left_out = []
    view = facts.view
    for drawn in (
        draw_kl(view),
        draw_traversals(view),
        draw_codes(view),
        draw_reconstructions(view, facts.baseline),
        _samples(view),
    ):
        if isinstance(drawn, str):
            left_out.append(drawn)
        else:
            drawings.append(drawn)
    return drawings, left_out


def _training(facts: RunFacts) -> Drawing:
    curves = run_curves(facts.history, facts.record, facts.decisions)
    sizes = f"{curves.dims[0]} to {curves.dims[-1]}"
    caption = (
        "Metrics on validation data after each epoch."
        if "loss" not in curves.values
        else "The loss of each epoch."
    )
    if any(len(curves.points(n)[0]) < len(curves.epochs) for n in curves.values):
        caption += " Points mark the epochs in which a metric was measured."
    caption += " The frame leaves out the steep fall of the first epochs."
    if facts.decisions:
        caption += (
            " The numbers above are the active dimensions. The strip at the top shows "
            "when dimensions were removed and restored; grey lines carry these epochs "
            "through the panels."
        )
    spare = reserve_at_the_end(facts)
    if spare:
        caption += f" Of the last ones, {spare} are in reserve."
    alt = (
        f"Line plots of {len(curves.values)} metrics over {len(curves.epochs)} epochs, "
        f"while the active latent dimensions go from {sizes}."
    )
    return Drawing("training", training_figure(curves), caption, alt)


def _size_curve(facts: RunFacts, curve: SizeCurve) -> Drawing:
    elastic = facts.config["rule"]["name"] == "elastic"
    full = curve.sizes[-1]
    caption = (
        f"What each latent size loses against the {full} dimensions of this run: same "
        f"weights, same {curve.samples:,} samples, same noise. At size k the first k "
        "dimensions in the order of importance are kept. "
    )
    caption += (
        "Sizes were sampled in training, so the model can be exported at any of them."
        if elastic and facts.config["method"] == "ald"
        else "Sizes were not sampled in training: a network that is trained at a "
        "smaller size loses less."
    )
    fixed = curve_when_fixed(facts.decisions)
    if fixed is not None:
        caption += (
            " The other curve is what the rule measured when it fixed the size, "
            "against the size of then; larger sizes were removed with that decision."
        )
    alt = f"Increase of the loss by latent size, from 1 to {full} dimensions."
    figure = draw_size_curve(curve, facts.decisions)
    return Drawing("size_curve", figure, caption, alt)


def draw_size_curve(curve: SizeCurve, decisions: Sequence[JSON]) -> Figure:
    """A run's size curve, beside the one on which its size was fixed.

    Args:
        curve: The curve at the end of training.
        decisions: Decisions as `Decision.to_dict` gives them, oldest first.
    """
    fixed = curve_when_fixed(decisions)
    if fixed is None:
        return curve.plot()
    removed = max(fixed.sizes) > curve.sizes[-1]
    end = "at the end of training"
    return curve.plot([fixed], f"{end}, without the larger sizes" if removed else end)


def _comparison(facts: RunFacts) -> Drawing:
    other = facts.baseline
    if other is None:
        raise RuntimeError("There is no run to compare with.")
    sizes = [record["active_dims"] for record in (facts.record, other.record)]
    pruned = run_curves(
        facts.history, facts.record, label=f"pruned to {sizes[0]} dimensions"
    )
    scratch = run_curves(
        other.history, other.record, label=f"{sizes[1]} dimensions throughout"
    )
    caption = (
        f"This run beside {other.title}, which had {sizes[1]} dimensions from the "
        "first epoch on. Below, the final figures on the test part."
    )
    alt = f"Metrics of the pruned run beside those of a network of {sizes[1]}."
    return Drawing("comparison", scratch_figure([pruned], [scratch]), caption, alt)


def draw_kl(view: ModelView) -> Drawing:
    """Bars of the KL of each dimension."""
    caption = (
        f"Mean KL divergence of each latent dimension on the {view.part}. Pruned "
        "dimensions have none."
    )
    alt = (
        f"Bars of the KL divergence of {len(view.kl)} latent dimensions, of which "
        f"{len(view.active)} are active."
    )
    return Drawing("kl", kl_figure(view.kl, view.active), caption, alt)


def draw_traversals(view: ModelView) -> Drawing | str:
    """One sample with one dimension at a time set to other values, or why not."""
    traversals = view.traversals
    if traversals is None:
        return "Traversals are left out: the data are no images."
    figure = traversal_figure(
        traversals.images,
        traversals.values,
        traversals.dims,
        [view.kl[d] for d in traversals.dims],
        _data(view),
    )
    cut = len(view.active) - len(traversals.dims)
    shown = f" The {cut} least informative ones are not shown." if cut else ""
    clip = " Of each clip, the middle frame." if view.originals.ndim == 5 else ""
    caption = (
        f"One sample of the {view.part}, with one dimension at a time set to other "
        f"values: each row is a dimension, the most informative first.{shown}{clip}"
    )
    alt = (
        f"Decoded images for {len(traversals.dims)} dimensions at "
        f"{len(traversals.values)} values."
    )
    return Drawing("traversals", figure, caption, alt)


def draw_codes(view: ModelView) -> Drawing | str:
    """Codes on two principal components, or why there is no such map."""
    if len(view.active) < 2:
        return "The map of the codes is left out: one dimension is active."
    codes = view.codes[:, view.active].astype("float64")
    codes -= codes.mean(axis=0)
    _, strengths, directions = np.linalg.svd(codes, full_matrices=False)
    if not strengths[0] > 0.0:
        return "The map of the codes is left out: all codes are the same."
    shares = 100 * strengths[:2] ** 2 / (strengths**2).sum()
    names = [
        f"principal component {i + 1} ({share:.0f} % of the variance)"
        for i, share in enumerate(shares)
    ]
    figure = codes_figure(
        codes @ directions[:2].T,
        (names[0], names[1]),
        None if view.labels is None else view.labels.tolist(),
        view.class_names,
    )
    colored = "" if view.labels is None else " The colour is the label."
    caption = (
        f"Posterior means of {len(codes)} samples of the {view.part}, projected on two "
        f"principal components of the {len(view.active)} active dimensions.{colored}"
    )
    alt = f"Scatter plot of {len(codes)} codes on two principal components."
    return Drawing("codes", figure, caption, alt)


def draw_reconstructions(
    view: ModelView, baseline: Baseline | None = None
) -> Drawing | str:
    """Samples above what models make of them, or why they are left out."""
    versions = {"original": view.originals}
    unpruned = ""
    if baseline is not None and baseline.reconstructed is not None:
        size = baseline.record["active_dims"]
        versions[f"unpruned ({size})"] = baseline.reconstructed
        unpruned = f"what {baseline.title} of {size} dimensions makes of them, "
    if view.compacted is None:
        versions["reconstruction"] = view.masked
    else:
        versions |= {"masked": view.masked, "compact": view.compacted}
    caption = (
        f"Samples of the {view.part}, {unpruned}what the masked model of "
        f"{len(view.kl)} dimensions makes of them, and the exported one of "
        f"{len(view.active)}: these two must look the same."
    )
    alt = f"{len(view.originals)} samples above their reconstructions."
    return _pictures(
        view,
        "reconstructions",
        lambda: reconstruction_figure(versions),
        (caption, alt),
    )


def _samples(view: ModelView) -> Drawing | str:
    caption = "What the model decodes from samples of the prior."
    alt = "Data that the model made from random codes."
    return _pictures(
        view, "samples", lambda: samples_figure(view.prior, _data(view)), (caption, alt)
    )


def _pictures(
    view: ModelView, name: str, draw: Callable[[], Figure], words: tuple[str, str]
) -> Drawing | str:
    shape = view.originals.shape[1:]
    if picture_kind(shape) is None:
        return f"{name.capitalize()} are left out: data of shape {shape} are no images."
    return Drawing(name, draw(), *words)


def _data(view: ModelView) -> np.ndarray:
    return view.originals
