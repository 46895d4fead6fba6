"""What a rule gets to see of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ald_keras._typing import JSON, Logs
from ald_keras.backends import sync, without_gradients
from ald_keras.callbacks.beta_watch import BetaWatch, beta_of
from ald_keras.callbacks.epoch_meter import LOGGED, EpochMeter, ProbeSample
from ald_keras.callbacks.model_protocol import PrunableModel
from ald_keras.callbacks.optimizer_steps import steps_taken
from ald_keras.metrics import SizeCurve
from ald_keras.rules import (
    BASELINE_NLL,
    BUILT_IN_METRICS,
    Direction,
    Observation,
    SizeMeasurement,
)

if TYPE_CHECKING:
    from ald_keras.callbacks.ald_callback import ALDCallback

# Epochs between two measurements of metrics that no one reads: they cost a fifth of an
# epoch of 10,000 small images.
_SELDOM = 10


class Observer:
    """Watches a model through one `fit`.

    Args:
        model: The model, when `fit` begins.
        meter: Measures it at the end of each epoch.
        directions: Mapping from the user's own metrics to `"min"` or `"max"`.
        first: Integer >= 0, the first epoch.
        epochs: Integer, the one behind the last epoch that is planned.
        metrics_freq: Integer >= 1, epochs between two measurements of the metrics that
            are logged.

    Attributes:
        beta: Whether the weight of the KL is constant.
        can_observe: Whether it was throughout the last epoch.
    """

    def __init__(
        self,
        model: PrunableModel,
        meter: EpochMeter,
        directions: dict[str, Direction],
        first: int,
        epochs: int,
        metrics_freq: int,
    ) -> None:
        self._model, self._meter, self._directions = model, meter, directions
        self._first, self._epochs = first, epochs
        self._metrics_freq = metrics_freq
        self._logged: dict[str, float] = {}
        self.beta = BetaWatch()
        self.can_observe = False

    def begin_epoch(self) -> None:
        """Read what the epoch is trained with."""
        self.beta.begin_epoch(self._model)

    def observe(
        self,
        epoch: int,
        logs: Logs,
        sizes: Sequence[int] = (),
        size_metrics: Sequence[str] = (),
    ) -> Observation:
        """Measure an epoch that has ended; `logs` get what is new.

        Args:
            epoch: Integer >= 0, the epoch that has ended.
            logs: What Keras measured in it.
            sizes: Sizes to measure the loss at, ascending, the full one last. Defaults
                to none.
            size_metrics: Names of what else is measured at these sizes. Defaults to
                none.

        Raises:
            ValueError: If a metric is not finite.
            RuntimeError: If workers that train together hold different masks.
        """
        due = self._measures_metrics(epoch)
        with without_gradients():
            found = self._model.from_chief(
                lambda: {
                    **self._measure(epoch, logs, due),
                    "sizes": self._measure_sizes(sizes, size_metrics),
                }
            )
        active = self._check_active(found["active"], epoch)
        self._logged |= found["logs"]
        logs.update(self._logged)
        self.can_observe = self.beta.is_constant(self._model)
        self.beta.end_epoch(self._model)
        return Observation(
            epoch,
            found["metrics"],
            tuple(active),
            tuple(found["kl"]),
            self._directions,
            self._progress(epoch + 1),
            _measurement(found["sizes"]),
            beta_of(self._model),
        )

    def can_observe_within(self) -> bool:
        """Whether weights can be observed now, within an epoch."""
        sync(self._model)
        return self.beta.is_constant(self._model)

    def observe_within(
        self,
        epoch: int,
        part: float,
        sizes: Sequence[int],
        size_metrics: Sequence[str],
    ) -> Observation:
        """Measure within an epoch: the KL, and the loss at some sizes.

        Args:
            epoch: Integer >= 0, the epoch that is being trained.
            part: Float in (0, 1), what part of it is over.
            sizes: As `observe` takes them.
            size_metrics: As `observe` takes them.
        """
        step = steps_taken(self._model)
        with without_gradients():
            found = self._model.from_chief(
                lambda: {
                    "kl": self._meter.measure_kl(step),
                    "sizes": self._measure_sizes(sizes, size_metrics),
                    "active": self._active(),
                }
            )
        return Observation(
            epoch,
            self._meter.known_metrics,
            tuple(self._check_active(found["active"], epoch)),
            tuple(found["kl"]),
            self._directions,
            self._progress(epoch + part),
            _measurement(found["sizes"]),
            beta_of(self._model),
        )

    def _progress(self, epochs: float) -> float:
        """Share of the epochs planned for this search that are over."""
        return (epochs - self._first) / max(self._epochs - self._first, 1)

    def _active(self) -> list[int]:
        return [int(i) for i in self._model.latent_mask.active_indices]

    def _check_active(self, chief: list[int], epoch: int) -> list[int]:
        active = self._active()
        if active != chief:
            raise RuntimeError(
                f"All workers must hold the same mask. Received: {active} here and "
                f"{chief} in the chief, at epoch {epoch + 1}"
            )
        return active

    def _measure_sizes(
        self, sizes: Sequence[int], metrics: Sequence[str]
    ) -> JSON | None:
        if not sizes:
            return None
        step = steps_taken(self._model)
        return self._meter.measure_sizes(step, sizes, metrics).to_dict()

    def _measures_metrics(self, epoch: int) -> bool:
        since_start = epoch + 1 - self._first
        return (
            not self._logged
            or since_start % self._metrics_freq == 0
            or epoch + 1 == self._epochs
        )

    def _measure(self, epoch: int, logs: Logs, due: bool) -> JSON:
        """What the chief measures for all, in plain types."""
        more = dict(logs)
        metrics, kl = self._meter.measure(epoch, more, due)
        new = {name: float(more[name]) for name in more if name not in logs}
        plain = {name: float(value) for name, value in metrics.items()}
        found = {"metrics": plain, "kl": kl, "logs": new}
        return {**found, "active": self._active()}

    def size_curve(self) -> SizeCurve:
        """The size curve on validation data, from the weights as they are now."""
        with without_gradients():
            found = self._model.from_chief(lambda: self._meter.size_curve().to_dict())
        return SizeCurve.from_dict(found)

    def last_probe(self) -> ProbeSample | None:
        """Some samples of the last epoch; `None` before it."""
        return self._meter.last_probe()

    def to_dict(self) -> dict[str, object]:
        """What the next epochs need to know, in plain types."""
        return {
            "beta": self.beta.to_dict(),
            "first": self._first,
            "logged": self._logged,
        }

    def load_state(self, data: JSON) -> None:
        """Load what `to_dict` returned."""
        self.beta.load_state(data["beta"])
        self._first = int(data["first"])
        self._logged = dict(data["logged"])


def observer_of(callback: ALDCallback, first: int, epochs: int) -> Observer:
    """What observes for a callback whose `fit` begins.

    Args:
        callback: The callback.
        first: As `Observer` takes it.
        epochs: As `Observer` takes it.
    """
    metrics = callback.metrics
    meter = EpochMeter(
        callback.model,
        callback.probe,
        callback.probe_size,
        callback.n_clusters,
        callback.features,
        metrics,
        callback.seed,
        BASELINE_NLL in callback.rule.metrics,
    )
    directions = {name: direction for name, (_, direction) in metrics.items()}
    freq = _metrics_freq(callback)
    return Observer(callback.model, meter, directions, first, epochs, freq)


def _metrics_freq(callback: ALDCallback) -> int:
    if not isinstance(callback.metrics_freq, str):
        return callback.metrics_freq
    read = not set(BUILT_IN_METRICS).isdisjoint(callback.rule.metrics)
    monitored = callback.model.is_monitored(LOGGED)
    return 1 if read or callback.metrics or monitored else _SELDOM


def _measurement(data: JSON | None) -> SizeMeasurement | None:
    return None if data is None else SizeMeasurement.from_dict(data)
