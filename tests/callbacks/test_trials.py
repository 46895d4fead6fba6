"""Removals on trial: what comes back does so bit by bit."""

import dataclasses

import keras
import numpy as np
import pytest
from builders import digits, small_vae, traced_vae
from keras import layers

from ald_keras import ALDCallback, KLWarmup, MaskedVAE
from ald_keras.rules import Decision

X = digits(150)
TRAIN, VALIDATION = X[:100], X[100:]
TRIED = (1, 4)


@dataclasses.dataclass(frozen=True)
class ScriptState:
    active: tuple
    trial: tuple = ()
    fixed_epoch: int | None = None
    step: int = 1
    at_floor: bool = False

    def to_dict(self):
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Script:
    """A rule that does at each epoch what it was told."""

    actions: dict
    metrics: tuple = ()
    seen: list = dataclasses.field(default_factory=list)

    def init(self, n_dims, seed):
        return ScriptState(tuple(range(n_dims)))

    def restart(self, state, active):
        return ScriptState(tuple(active))

    def state_from_dict(self, data):
        return ScriptState(**data)

    def step(self, state, observation):
        self.seen.append(observation)
        action = self.actions.get(observation.epoch, "wait")
        indices = ()
        if action == "try":
            left = tuple(i for i in state.active if i not in TRIED)
            state, indices = ScriptState(left, TRIED), TRIED
        elif action in ("restore", "open"):
            back = tuple(sorted((*state.active, *state.trial)))
            indices = state.trial
            state = ScriptState(back, fixed_epoch=observation.epoch)
        elif action == "keep":
            state = dataclasses.replace(state, trial=())
        size = len(state.active)
        return state, Decision(
            observation.epoch, action, indices, 1, size, {}, "As scripted."
        )


class Record(keras.callbacks.Callback):
    """Weights, slots and mask when an epoch begins, and what must go on."""

    def __init__(self):
        super().__init__()
        self.weights, self.slots, self.scalars, self.masks = {}, {}, {}, {}

    def on_epoch_begin(self, epoch, logs=None):
        weights = [*self.model.encoder.weights, *self.model.decoder.weights]
        self.weights[epoch] = [np.array(w) for w in weights]
        optimizer = self.model.optimizer
        others = {id(optimizer.iterations), id(optimizer._learning_rate)}
        slots = [v for v in optimizer.variables if id(v) not in others]
        self.slots[epoch] = [np.array(v) for v in slots]
        self.scalars[epoch] = int(optimizer.iterations)
        self.masks[epoch] = self.model.latent_mask.active_indices.tolist()


def weights_of(vae):
    return [np.array(w) for w in [*vae.encoder.weights, *vae.decoder.weights]]


def fit(vae, actions, *more, epochs=6, optimizer=None, **options):
    if optimizer is not None:
        vae.compile(optimizer, jit_compile=False)
    before, after = Record(), Record()
    pruning = ALDCallback(Script(actions), n_clusters=3, features=None, **options)
    vae.fit(
        TRAIN,
        epochs=epochs,
        validation_data=VALIDATION,
        callbacks=[before, pruning, after, *more],
        verbose=0,
    )
    return pruning, before, after


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_what_is_switched_on_again_keeps_the_weights_there_are():
    pruning, before, after = fit(
        small_vae(seed=0), {1: "try", 3: "open"}, optimizer="adam", epochs=5
    )
    assert after.masks[3] == [i for i in range(8) if i not in TRIED]
    assert after.masks[4] == [*range(8)]
    assert equal(before.weights[4], after.weights[4])
    assert equal(before.slots[4], after.slots[4])
    assert not equal(after.weights[2], after.weights[4])
    assert [d.action for d in pruning.decisions] == ["try", "open"]


def vae_with_batch_norm():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(24),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.ReLU(),
        ]
    )
    decoder = keras.Sequential(
        [keras.Input((8,)), layers.Dense(64), layers.Reshape((8, 8, 1))]
    )
    return MaskedVAE(encoder, decoder, 8, seed=0)


@keras.saving.register_keras_serializable("tests")
class ScalarScale(layers.Layer):
    """Multiplies by one trained number."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, inputs):
        return inputs * self.scale


def vae_with_a_scalar_weight():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(24), ScalarScale()]
    )
    decoder = keras.Sequential(
        [keras.Input((8,)), layers.Dense(64), layers.Reshape((8, 8, 1))]
    )
    return MaskedVAE(encoder, decoder, 8, seed=0)


ADAM, *OTHERS = (
    keras.optimizers.Adam(1e-2),
    keras.optimizers.SGD(1e-3, momentum=0.9),
    keras.optimizers.RMSprop(1e-3, momentum=0.5),
    keras.optimizers.AdamW(1e-2, use_ema=True, clipnorm=1.0),
)
UNUSUAL = (vae_with_batch_norm, vae_with_a_scalar_weight)


@pytest.mark.parametrize(
    ("make", "optimizer"),
    [
        *((small_vae, optimizer) for optimizer in (ADAM, *OTHERS)),
        *((make, ADAM) for make in UNUSUAL),
        *(
            pytest.param(make, optimizer, marks=pytest.mark.slow)
            for make in UNUSUAL
            for optimizer in OTHERS
        ),
    ],
)
def test_what_comes_back_is_bit_equal(make, optimizer):
    vae = make()
    optimizer = optimizer.from_config(optimizer.get_config())
    script = {1: "try", 3: "restore"}
    pruning, before, after = fit(vae, script, optimizer=optimizer)
    # Written when epoch 2 begins, undone when epoch 4 does.
    assert after.masks[2] == after.masks[3] == [0, 2, 3, 5, 6, 7]
    assert before.masks[4] == [0, 2, 3, 5, 6, 7]
    assert after.masks[4] == list(range(8))
    assert not equal(before.weights[4], before.weights[2])
    assert not equal(before.slots[4], before.slots[2])
    assert equal(after.weights[4], before.weights[2])
    assert equal(after.slots[4], before.slots[2])
    # Steps are not counted anew, or a schedule would run twice.
    assert after.scalars[4] == before.scalars[4] > before.scalars[2]
    assert not equal(after.weights[5], after.weights[4])
    assert [d.action for d in pruning.decisions] == ["try", "restore"]
    assert pruning.fixed_epoch == 3


def test_a_schedule_goes_on():
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, 24)
    optimizer = keras.optimizers.Adam(schedule)
    fit(small_vae(8), {1: "try", 3: "restore"}, optimizer=optimizer)
    assert int(optimizer.iterations) == 6 * 4


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({1: "try"}, "undecided: `fit` has ended"),
        ({1: "try", 5: "restore"}, "As scripted"),
    ],
)
def test_fit_ends_with_a_size_that_was_measured(script, reason):
    vae = traced_vae(8)
    pruning, before, _ = fit(vae, script)
    assert vae.latent_mask.active_indices.tolist() == list(range(8))
    assert equal(weights_of(vae), before.weights[2])
    assert pruning.decisions[-1].action == "restore"
    assert reason in pruning.decisions[-1].reason
    assert pruning.decisions[-1].indices == TRIED
    assert pruning.state.active == tuple(range(8))


def test_what_comes_back_at_the_end_is_averaged_as_all_else():
    vae = small_vae(8)
    optimizer = keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9)
    averages = {}

    class Note(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch:  # before the first one there are none
                slots = optimizer._model_variables_moving_average
                averages[epoch] = [np.array(slot) for slot in slots]

    _, before, _ = fit(vae, {1: "try"}, Note(), optimizer=optimizer)
    found = [np.array(w) for w in vae.trainable_weights]
    assert equal(found, averages[2])
    assert not equal(found, averages[5])
    assert vae.active_dims == 8


@pytest.mark.parametrize("ema", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_weights_restored_from_within_a_trial_stay(ema, scaled):
    vae = small_vae(8)
    optimizer = keras.optimizers.Adam(1e-2, use_ema=ema)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    kept = {}

    class Best(keras.callbacks.Callback):
        """As EarlyStopping(restore_best_weights=True) does, best in epoch 3."""

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 3:
                kept["weights"] = self.model.get_weights()

        def on_train_end(self, logs=None):
            self.model.set_weights(kept["weights"])

    with pytest.warns(UserWarning, match="restored from outside while 2 dimensions"):
        pruning, _, _ = fit(vae, {1: "try"}, Best(), optimizer=optimizer)
    assert equal(vae.get_weights(), kept["weights"])
    assert vae.latent_mask.active_indices.tolist() == [0, 2, 3, 5, 6, 7]
    assert pruning.fixed_epoch is None
    assert pruning.decisions[-1].action == "restart"
    assert pruning.state.active == (0, 2, 3, 5, 6, 7)


def test_a_callback_that_changes_weights_does_not_end_a_trial():
    vae = traced_vae(8)

    class Shrink(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            for weight in self.model.trainable_weights:
                weight.assign(0.999 * weight)

    pruning, before, _ = fit(vae, {1: "try"}, Shrink())
    assert pruning.decisions[-1].action == "restore"
    assert vae.active_dims == 8
    assert equal(weights_of(vae), before.weights[2])


OPTIMIZERS = {
    "plain": lambda: keras.optimizers.SGD(1e-3),
    "accumulating": lambda: keras.optimizers.SGD(1e-3, gradient_accumulation_steps=3),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-3)),
}


class Overflow(keras.callbacks.Callback):
    """Makes all gradients of two epochs overflow, whose steps are then left out."""

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            if not optimizer.built:
                optimizer.build(self.model.trainable_variables)
            optimizer.dynamic_scale.assign(np.inf if epoch in (0, 3) else 1.0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_epochs_are_counted_whatever_the_optimizer_counts(optimizer):
    vae = small_vae(8)
    made = OPTIMIZERS[optimizer]()
    pruning, _, after = fit(vae, {}, Overflow(), optimizer=made, epochs=8)
    # 4 steps an epoch; only the plain one counts each of them.
    assert (after.scalars[1] == 4) == (optimizer == "plain")
    assert [o.epochs_trained for o in pruning.rule.seen] == list(range(1, 9))
    again = ALDCallback(Script({}), n_clusters=3, features=None)
    vae.fit(
        TRAIN,
        epochs=3,
        validation_data=VALIDATION,
        callbacks=[again],
        verbose=0,
    )
    trained = np.array([o.epochs_trained for o in again.rule.seen])
    np.testing.assert_array_equal(np.diff(trained), 1.0)
    # About those of the first `fit`: how many of its steps count is the optimizer's.
    assert 6 <= trained[0] <= 14


def test_a_rule_is_told_how_long_and_how_fast_the_model_was_trained():
    vae = small_vae(8)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([12], [1e-2, 1e-3])
    pruning, _, _ = fit(vae, {}, optimizer=keras.optimizers.Adam(rate))
    first = pruning.rule.seen
    assert [o.epochs_trained for o in first] == [1, 2, 3, 4, 5, 6]
    rates = [o.learning_rate for o in first]
    np.testing.assert_allclose(rates, [1e-2] * 3 + [1e-3] * 3)
    # 24 steps so far; in epochs of 2 steps, and from another epoch on.
    again = ALDCallback(Script({}), n_clusters=3, features=None)
    vae.fit(
        TRAIN,
        batch_size=50,
        initial_epoch=3,
        epochs=5,
        validation_data=VALIDATION,
        callbacks=[again],
        verbose=0,
    )
    assert [o.epoch for o in again.rule.seen] == [3, 4]
    assert [o.epochs_trained for o in again.rule.seen] == [13, 14]


def test_a_trial_that_begins_after_the_last_epoch_does_not():
    vae = traced_vae(8)
    pruning, _, _ = fit(vae, {5: "try"})
    assert vae.active_dims == 8
    assert pruning.decisions == []


class Fail(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt


class FailWithin(keras.callbacks.Callback):
    """As Ctrl-C does, in the middle of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 3 and batch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("fail", "ema"),
    [
        (Fail, True),
        (FailWithin, True),
        pytest.param(Fail, False, marks=pytest.mark.slow),
        pytest.param(FailWithin, False, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_trial_comes_back(fail, ema):
    vae = small_vae(8)
    begun = Record()
    optimizer = keras.optimizers.Adam(1e-2, use_ema=ema)
    with pytest.raises(KeyboardInterrupt):
        fit(vae, {1: "try"}, begun, fail(), optimizer=optimizer)
    assert vae.active_dims == 8
    # Written when epoch 2 begins, and `begun` comes after that.
    assert begun.masks[2] == [0, 2, 3, 5, 6, 7]
    assert equal(weights_of(vae), begun.weights[2])


def test_what_is_kept_stays_away_and_its_copy_is_freed():
    vae = traced_vae(8)
    freed = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            freed.append(pruning_callback()._writer._snapshot is None)

    def pruning_callback():
        return vae_callbacks[0]

    vae_callbacks = []
    vae_callbacks.append(
        ALDCallback(Script({1: "try", 3: "keep"}), n_clusters=3, features=None)
    )
    vae.fit(
        TRAIN,
        epochs=6,
        validation_data=VALIDATION,
        callbacks=[*vae_callbacks, Look()],
        verbose=0,
    )
    assert freed == [True, True, False, True, True, True]
    assert vae.active_dims == 6


def test_training_stops_with_what_came_back():
    vae = traced_vae(8)
    pruning, before, after = fit(vae, {1: "try", 3: "restore"}, stop_training=True)
    assert max(before.weights) == 3
    assert vae.active_dims == 8
    assert pruning.fixed_epoch == 3


class MoveBeta(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            self.model.beta.assign(0.5)


def test_a_trial_ends_where_beta_moves():
    vae = traced_vae(8)
    end = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            end.append(self.model.active_dims)

    pruning, before, after = fit(vae, {1: "try"}, MoveBeta(), Look())
    assert after.masks[3] == [0, 2, 3, 5, 6, 7]
    # At the end of epoch 3 the weights are still those it was trained with.
    assert end == [8, 8, 6, 6, 8, 8]
    assert after.masks[4] == list(range(8))
    assert equal(after.weights[4], before.weights[2])
    assert "`beta` has moved" in pruning.decisions[-1].reason
    assert float(vae.beta) == 0.5
    assert pruning.rule.seen[-1].epoch == 5
    assert 3 not in [o.epoch for o in pruning.rule.seen]


class ChangeMask(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            self.model.latent_mask.deactivate([0])


def test_a_mask_changed_from_outside_ends_a_trial_without_undoing_it():
    vae = traced_vae(8)
    with pytest.warns(UserWarning, match="changed from outside"):
        fit(vae, {1: "try"}, ChangeMask())
    assert vae.latent_mask.active_indices.tolist() == [2, 3, 5, 6, 7]


def test_nothing_is_recorded_during_a_warm_up():
    vae = traced_vae(8)
    pruning, _, _ = fit(vae, {1: "try"}, KLWarmup(4))
    assert pruning.decisions == []
    assert vae.active_dims == 8
