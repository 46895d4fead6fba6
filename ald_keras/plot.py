"""Figures of a model or its training, each by one call, as `matplotlib` figures.

They are those of a run's report. No window opens: a notebook shows what a call returns,
and `figure.savefig("kl.png")` writes it to a file.

```python
from ald_keras import plot

plot.size_curve(callback)
plot.reconstructions(vae, x_test)
```
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ald_keras._typing import JSON, FitData
from ald_keras._validation import check_integer

if TYPE_CHECKING:
    from ald_keras.models.latent_vae import LatentVAE
    from ald_keras.reports.drawings import Drawing
    from ald_keras.reports.figures import Figure
    from ald_keras.reports.model_view import ModelView

__all__ = [
    "codes",
    "history",
    "kl",
    "reconstructions",
    "samples",
    "size_curve",
    "traversals",
]

# The two models, without loading Keras for the name.
Model: TypeAlias = "LatentVAE"


def size_curve(source: Any) -> Figure:
    """The loss, and other metrics, by the latent size.

    Args:
        source: An `ALDCallback` after its `fit`, which adds the curve that the rule
            fixed the size on; or a `SizeCurve`, as `vae.size_curve(x)` gives it.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If the callback has no curve.
    """
    _check_matplotlib()
    from ald_keras.metrics import SizeCurve
    from ald_keras.reports.drawings import draw_size_curve

    if isinstance(source, SizeCurve):
        return source.plot()
    curve = getattr(source, "curve", None)
    if curve is None:
        raise ValueError(
            "`source` must be a `SizeCurve`, or an `ALDCallback` whose `fit` has ended"
            f". Received: {source!r}. Pass `vae.size_curve(x)`."
        )
    return draw_size_curve(curve, _decisions(source))


def history(history: Any, callback: Any = None) -> Figure:
    """Metrics and the latent size, epoch by epoch.

    Args:
        history: The `History` that `fit` returned.
        callback: The `ALDCallback` or `GateSearch` of that `fit`, of whose decisions
            the epochs are marked. Defaults to `None`.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If the history holds no epoch of a VAE with a latent mask.
    """
    _check_matplotlib()
    from ald_keras.reports.figures import training_figure
    from ald_keras.reports.run_facts import run_curves

    logs = getattr(history, "history", None)
    if not isinstance(logs, Mapping) or not logs.get("active_dims"):
        raise ValueError(
            "`history` must be the History of a `fit` of a MaskedVAE or GatedVAE, with "
            f"at least one epoch. Received: {history!r}. Pass what `fit` returned."
        )
    record: JSON = {}
    tau = getattr(history.model, "tau", None)
    if tau is not None:
        record["bound"] = {"tau": tau}
    if callback is not None:
        probe = getattr(callback, "last_probe", None)
        record |= {
            "fixed_epoch": callback.fixed_epoch,
            "status": callback.status,
            "active_dims": round(logs["active_dims"][-1]),
            "features": "" if probe is None else probe.features,
        }
    columns = {"epoch": history.epoch, **logs}
    decisions = [] if callback is None else _decisions(callback)
    return training_figure(run_curves(columns, record, decisions))


def kl(vae: Model, x: FitData, seed: int = 0) -> Figure:
    """The mean KL of each latent dimension, nats a sample.

    Args:
        vae: A MaskedVAE or GatedVAE.
        x: Data of shape `(samples, *data_shape)`; at most 2,000 are encoded, drawn with
            the seed. With conditions, a mapping as `vae` takes it.
        seed: Integer >= 0. Defaults to 0.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If `vae` is no such model.
        ValueError: If `x` does not fit the model.
    """
    from_view = _view(vae, x, seed=seed)
    from ald_keras.reports.drawings import draw_kl

    return draw_kl(from_view).figure


def codes(
    vae: Model,
    x: FitData,
    y: Any = None,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
) -> Figure:
    """Posterior means of at most 2,000 samples on two principal components.

    Args:
        vae: A MaskedVAE or GatedVAE.
        x: As `kl` takes it.
        y: Classes of shape `(samples,)`, by which points are coloured, or `None`.
            Defaults to `None`.
        class_names: A name a class, or `None`. Defaults to `None`.
        seed: Integer >= 0. Defaults to 0.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If `vae` is no such model.
        ValueError: If `x` does not fit the model, or fewer than two dimensions are
            active.
    """
    view = _view(vae, x, y, class_names, seed)
    from ald_keras.reports.drawings import draw_codes

    return _figure(draw_codes(view))


def reconstructions(vae: Model, x: FitData, seed: int = 0) -> Figure:
    """Ten samples above what the model makes of them, through the posterior means.

    Args:
        vae: A MaskedVAE or GatedVAE.
        x: As `kl` takes it; images, clips or rows of numbers.
        seed: Integer >= 0 by which the ten are chosen. Defaults to 0.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If `vae` is no such model.
        ValueError: If `x` does not fit the model, or is nothing that can be shown.
    """
    view = _view(vae, x, seed=seed)
    from ald_keras.reports.drawings import draw_reconstructions

    return _figure(draw_reconstructions(view))


def traversals(vae: Model, x: FitData, seed: int = 0) -> Figure:
    """One sample, with one dimension at a time set to values from -3 to 3.

    Args:
        vae: A MaskedVAE or GatedVAE.
        x: As `kl` takes it; images or clips.
        seed: Integer >= 0 by which the sample is chosen. Defaults to 0.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If `vae` is no such model.
        ValueError: If `x` does not fit the model, or holds no images.
    """
    view = _view(vae, x, seed=seed)
    from ald_keras.reports.drawings import draw_traversals

    return _figure(draw_traversals(view))


def samples(vae: Model, n: int = 40, condition: Any = None, seed: int = 0) -> Figure:
    """What the model decodes from samples of the prior.

    Args:
        vae: A MaskedVAE or GatedVAE of images, clips or rows of numbers.
        n: Integer >= 1, how many. Defaults to 40.
        condition: As `vae.generate` takes it. Defaults to `None`.
        seed: Integer >= 0. Defaults to 0.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If `vae` is no such model.
        ValueError: If the data cannot be shown, or a condition is missing.
    """
    _check(vae, seed)
    from keras.ops import convert_to_numpy

    from ald_keras.reports.figures import picture_kind, samples_figure

    made = vae.generate(check_integer("n", n, 1), seed, condition)
    if isinstance(made, Mapping) or picture_kind(vae.data_shape) is None:
        raise ValueError(
            "`vae` must be a model of images, clips or rows of numbers. "
            f"Received: data of shape {vae.data_shape}"
        )
    made = convert_to_numpy(made)
    return samples_figure(made, made)


def _view(
    vae: Model,
    x: FitData,
    y: Any = None,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
) -> ModelView:
    _check(vae, seed)
    from ald_keras.reports.model_view import view_model

    vae.check_data("x", x)
    return view_model(vae, x, y, class_names, "data", seed, with_compact=False)


def _figure(drawn: Drawing | str) -> Figure:
    if isinstance(drawn, str):
        raise ValueError(f"`x` cannot be drawn so with this model. {drawn}")
    return drawn.figure


def _check(vae: Any, seed: int) -> None:
    _check_matplotlib()
    from ald_keras.models.latent_vae import LatentVAE

    if not isinstance(vae, LatentVAE):
        raise TypeError(f"`vae` must be a MaskedVAE or GatedVAE. Received: vae={vae!r}")
    check_integer("seed", seed, 0)


def _check_matplotlib() -> None:
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise ImportError(
            "Figures need the package matplotlib: pip install 'ald_keras[reports]'"
        ) from error


def _decisions(callback: Any) -> list[JSON]:
    return [decision.to_dict() for decision in callback.decisions]
