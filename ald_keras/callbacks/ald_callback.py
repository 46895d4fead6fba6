"""Prunes the latent space while `fit` runs: observes, asks the rule, applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ald_keras._typing import JSON, Logs
from ald_keras._warn import warn
from ald_keras.callbacks.argument_checks import (
    check_arguments,
    check_model,
    choose_rule,
)
from ald_keras.callbacks.continuation import save_state
from ald_keras.callbacks.mask_writer import continue_sampling, sample_sizes
from ald_keras.callbacks.observer import Observer, observer_of
from ald_keras.callbacks.probe import as_probe
from ald_keras.callbacks.pruning_record import PruningRecord
from ald_keras.metrics import SizeCurve
from ald_keras.metrics.features import Features
from ald_keras.metrics.quality import UserMetric
from ald_keras.rules import (
    ElasticRule,
    Observation,
    PruningRule,
    RuleState,
    SizeCurveRule,
)
from ald_keras.rules.interval import EPOCH, EvaluationClock
from ald_keras.rules.outcome import INFORMATIVE_KL
from ald_keras.rules.rule import samples_sizes


class ALDCallback(PruningRecord):
    """Finds the number of latent dimensions during `fit`.

    What to remove is the rule's decision: `SizeCurveRule`, which reads the size off the
    loss at every size, or `ALDRule`, that of the paper on adaptive latent dimension
    reduction (arXiv 2312.06280).

    At the end of each epoch it asks the rule, writes the mask of the model and puts
    metrics of a fresh sample of validation data into `logs`: `val_silhouette`,
    `val_frechet_reconstruction`, `val_frechet_generation`, and `val_NAME` for each
    metric of the user's. What no one reads is measured in every tenth epoch alone (see
    `metrics_freq`), and `logs` hold the last values in between.

    A decision at the end of an epoch takes effect when the next one begins: until then,
    mask and weights are those that the epoch's metrics belong to, also in what
    `ModelCheckpoint` or `EarlyStopping` keep. A decision within an epoch takes effect
    at once. When `fit` ends, a size that was fixed in the last epoch is applied and the
    rule's reserve removed; no other removal is, as no training follows. Dimensions that
    are opened again have the weights that they have at that moment.

    `fit` calls loggers and savers of Keras after this callback, so that they find its
    metrics and its state; one of your own must come after it in the list.

    Every `fit` restarts the rule from the dimensions that are active then, unless the
    model was loaded from a file saved in the middle of a search: then a `fit` whose
    first epoch is the one after that resumes it. While `beta` moves (see
    `KLWarmup`) nothing is observed or decided. Where the mask is changed from outside,
    for example by `EarlyStopping(restore_best_weights=True)`, weights and mask stay as
    they were restored, since they belong together: a warning says so, the rule
    restarts from those dimensions, and a size that had been fixed is open again.

    Args:
        rule: Rule of `ald_keras.rules`. Defaults to `SizeCurveRule()`.
        n_clusters: Integer >= 2, clusters of the silhouette. Defaults to the number of
            classes where the validation data carry labels, else to 10.
        probe: Arrays `x` or `(x, y)` to measure on. Defaults to the validation data of
            `fit`: arrays, a split, `tf.data` or `PyDataset`. Arrays must not change
            while `fit` runs: features of them may be taken once.
        probe_size: Integer >= 3, samples drawn afresh each epoch; all, where there are
            fewer. The silhouette is of 2,000 of them at most. Defaults to 500.
        features: Features of the Frechet distances, as `metrics.build_extractor` takes
            and makes them: `"auto"`, `"random_conv"`, `"inception"`, `"identity"`, a
            Keras model, a callable; or `None` to leave them out (the rule must then do
            without). Defaults to `"auto"`.
        metrics: Mapping from names to `(function, "min" or "max")`, metrics of the
            user's own; `function(model, x, y)` gets the sample, `y` being `None`
            without labels. The rule uses those it names. Defaults to none.
        seed: Integer >= 0 of everything random here. Defaults to 0.
        stop_training: Boolean, end `fit` once the size is fixed. Defaults to `False`.
        verbose: 0, or 1 for one line a decision. Defaults to 0.
        elastic: Boolean, train one network for every latent size: only idle dimensions
            are removed, and sizes are sampled to the end of training (`ElasticRule`),
            so that `compact(vae, size=k)` gives a model of any size. Defaults to
            `False`.
        interval: Optimizer steps between two evaluations of a rule that samples sizes:
            an integer >= 1, or `"epoch"`, or `"auto"`: an epoch, where it has 20 to
            250 steps; equal parts of a longer one; several short ones. All lengths of
            such a rule count these intervals. Defaults to `"auto"`.
        metrics_freq: Integer >= 1, epochs between two measurements of the metrics in
            `logs`; they are measured in the first and the last epoch too. Or `"auto"`:
            each epoch where the rule reads one of them, a callback of the same `fit`
            monitors one, or there are `metrics`; else every tenth. Defaults to
            `"auto"`.

    Attributes:
        decisions: List of `Decision`, all that changed or fixed the size, with reason.
        fixed_epoch: Epoch at which the size was fixed, or `None`.
        collapsed: Whether no active dimension is informative (posterior collapse).
        last_probe: `ProbeSample` of the last epoch of the last `fit`, or `None`.
        start_dims: Active dimensions when the last `fit` began.
        curve: `SizeCurve` on at most 2,000 validation samples at the end of the last
            `fit`, or `None`. Unless sizes were sampled, it is an upper bound; see
            `MaskedVAE.size_curve`.

    Raises:
        TypeError: If an argument is of the wrong type; at `fit`, if the model has no
            `latent_mask`.
        ValueError: If an argument is out of range; at `fit`, if there are no usable
            validation data, if a metric is not finite, or if the rule allows a share of
            what the latent space gains and the likelihood has no `best_constant`.
    """

    _transient = (*PruningRecord._transient, "_observer")

    def __init__(
        self,
        rule: PruningRule[Any] | None = None,
        n_clusters: int | None = None,
        probe: object = None,
        probe_size: int = 500,
        features: Features | None = "auto",
        metrics: Mapping[str, UserMetric] | None = None,
        seed: int = 0,
        stop_training: bool = False,
        verbose: int = 0,
        elastic: bool = False,
        interval: str | int = "auto",
        metrics_freq: str | int = "auto",
    ):
        super().__init__()
        self.rule: PruningRule[Any] = choose_rule(rule, elastic)
        self.n_clusters = n_clusters
        self.probe = as_probe(probe)
        self.probe_size = probe_size
        self.features = features
        self.metrics = dict(metrics or {})
        self.seed = seed
        self.stop_training = stop_training
        self.verbose = verbose
        self.interval, self.metrics_freq = interval, metrics_freq
        # Read by `fit`, which else calls it after several steps.
        self.sees_each_batch = not isinstance(interval, str)
        check_arguments(self)
        self._observer: Observer | None = None
        self._clock = EvaluationClock(EPOCH, None)
        self._epoch = 0

    @property
    def elastic(self) -> bool:
        """Whether sizes are sampled to the end of training."""
        return isinstance(self.rule, ElasticRule)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        check_model(self.model)
        self._clear()
        params = self.params or {}
        first = self.model.first_epoch
        epochs = int(params.get("epochs") or first + 1)
        self._observer = observer_of(self, first, epochs)
        self.model.call_after_fit(self._end)
        interval = self.interval if samples_sizes(self.rule) else EPOCH
        self._clock = EvaluationClock(interval, params.get("steps"))
        mask = self.model.latent_mask
        self.start_dims = mask.active_dims
        self.state = self.rule.init(mask.units, self.seed)
        if mask.active_dims < mask.units:
            self.state = self.rule.restart(self.state, mask.active_indices)
        self.state = continue_sampling(self.model, self.rule, self.state)
        self._resume_saved()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._check_mask(epoch)
        self._apply_pending()
        self._sample_sizes()  # The order lies in weights that may have been restored.
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        # Now every callback has begun the epoch, a `KLWarmup` behind this one too.
        if batch == 0:
            self._require_observer().begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        part, observer = self._clock.advance(batch + 1), self._require_observer()
        if part is not None and observer.can_observe_within():
            self._ask(observer.observe_within(self._epoch, part, *self._wanted_sizes()))
            self._apply_pending()
            self._sample_sizes()

    def _sample_sizes(self) -> None:
        # The paper's rule samples none.
        sample_sizes(self.model, getattr(self.state, "sampling", None))

    def _wanted_sizes(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Sizes that the rule wants to know the loss of, and other metrics there."""
        if not isinstance(self.rule, SizeCurveRule):
            return (), ()
        return self.state.sizes_to_measure, self.rule.size_metrics

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._check_mask(epoch)
        observer = self._require_observer()
        due = self._clock.end_epoch()
        sizes, metrics = self._wanted_sizes() if due else ((), ())
        logs = {} if logs is None else logs
        observation = observer.observe(epoch, logs, sizes, metrics)
        self._last_epoch = epoch
        if not observer.can_observe:
            self._drop_observations()
        elif due:
            self._ask(observation)
        informative = [observation.kl[i] > INFORMATIVE_KL for i in observation.active]
        self.collapsed = not any(informative)
        save_state(self.model, epoch, self.rule, self._to_save())

    def _ask(self, observation: Observation) -> None:
        """Ask the rule; what changes the mask stays pending."""
        if self._require_observer().beta.differs_from_last_observation():
            self._drop_observations()
        state, decision = self.rule.update(self.state, observation)
        self._observed += 1
        if state.active != self.state.active:
            self._pending = (state, decision)
        else:
            self._accept(state, decision)
        self._stop_if_fixed(state)

    def _drop_observations(self) -> None:
        """Restart the rule: `beta` has moved, and nothing observed before compares."""
        if self._observed and self.state.fixed_epoch is None:
            self._observed = 0
            self.state = self.rule.restart(self.state, self.state.active)

    def _stop_if_fixed(self, state: RuleState) -> None:
        if self.stop_training and state.fixed_epoch is not None:
            self.model.stop_training = True

    def _require_observer(self) -> Observer:
        if self._observer is None:
            raise RuntimeError("`ALDCallback` must be passed to `fit` to be used.")
        return self._observer

    def _to_save(self) -> dict[str, object]:
        return {
            **super()._to_save(),
            "observer": self._require_observer().to_dict(),
            "clock": self._clock.to_dict(),
        }

    def _load(self, search: JSON, arrays: list[np.ndarray]) -> None:
        super()._load(search, arrays)
        self._require_observer().load_state(search["observer"])
        self._clock.load(search["clock"])
        self._stop_if_fixed(self.state if self._pending is None else self._pending[0])

    def _end(self, completed: bool) -> None:
        """Close the run, once every callback has ended its own."""
        if self.model.weights_were_restored():
            # Decided on weights that are gone.
            self._pending = None
        try:
            if completed and self._last_epoch is not None:
                self._check_mask(self._last_epoch)
                self._fix_pending()
            self.sampled = self.elastic and self.model.size_sampling.is_on
            if not self.elastic:
                sample_sizes(self.model, None)
            if completed and self._last_epoch is not None:
                self.curve = self._measure_curve()
                self._report_outcome()
            self.last_probe = self._require_observer().last_probe()
        finally:
            self._observer = self._pending = None

    def _measure_curve(self) -> SizeCurve | None:
        try:
            return self._require_observer().size_curve()
        except Exception as error:
            # The run is whole: a curve that fails must not cost it.
            warn(f"ALD: the size curve could not be measured: {error}")
            return None
