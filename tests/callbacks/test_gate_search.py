import copy
import warnings

import keras
import numpy as np
import pytest
from builders import as_new, digits, small_decoder, small_encoder, small_vae, weights_of

from ald_keras import GatedVAE, GateSearch
from ald_keras.metrics.infeasible import CAUSES
from ald_keras.models.first_step import DataErrors
from ald_keras.rules.gates import rule as gates
from ald_keras.rules.gates import unmet

X = digits(256)
to_numpy = keras.ops.convert_to_numpy


def gated(tau=30.0):
    return as_new(new_gated, tau)


def new_gated(tau):
    keras.utils.set_random_seed(0)
    vae = GatedVAE(small_encoder(), small_decoder(4), 4, tau, warmup=0, seed=0)
    vae.compile(keras.optimizers.Adam(1e-2))
    return vae


def fit(vae, search=None, *callbacks, **options):
    """Train with a search, and return it with the `History`."""
    search = search or GateSearch()
    options = {"epochs": 1, "verbose": 0, "batch_size": 64, **options}
    options |= {"callbacks": [search, *callbacks]}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "GatedVAE: ", UserWarning)
        history = vae.fit(X[:192], validation_data=(X[192:], None), **options)
    return search, history


class Scripted(GateSearch):
    """A search whose rule sees made-up errors."""

    def __init__(self, errors):
        super().__init__()
        self.errors = iter(errors)
        self.states = []

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, {**logs, "val_squared_error": next(self.errors)})
        self.states.append(self.state.phase)


def scripted(errors, *callbacks, tau=10.0, **options):
    """A model of which all gates are fixed and open, and the search of one fit."""
    vae = gated(tau)
    vae.fix_gates([True] * 4, settled=False)
    search, _ = fit(vae, Scripted(errors), *callbacks, epochs=len(errors), **options)
    return vae, search


class Weights(keras.callbacks.Callback):
    """The weights after each epoch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([w.copy() for w in weights_of(self.model.decoder)])


def same(vae, weights):
    found = weights_of(vae.decoder)
    return all(np.array_equal(a, b) for a, b in zip(found, weights, strict=True))


def test_a_trial_that_fails_brings_back_every_bit():
    record = Weights()
    errors = [9.0, *[15.0] * 6, 9.0]
    vae, search = scripted(errors, record)
    actions = [d.action for d in search.decisions]
    assert actions == ["try", "restore", "try"][: len(actions)]
    # The weights of the first epoch came back and were trained for one more epoch.
    assert search.decisions[1].epoch == 6
    assert search.error == 9.0
    assert vae.active_dims == 4
    assert not same(vae, record.seen[0])


def test_a_trial_that_fails_in_an_epoch_within_the_bound_brings_back_every_bit():
    record = Weights()
    errors = [9.0, 10.4, 9.9, 10.4, 9.9, 10.4, 10.1]
    vae, search = scripted(errors, record)
    assert [d.action for d in search.decisions] == ["try", "restore"]
    assert "the error came to 10.4, above the bound of 10" in search.decisions[1].reason
    assert same(vae, record.seen[0])
    assert (search.error, search.weights_epoch, vae.active_dims) == (9.0, 0, 4)


def test_an_error_that_rises_costs_epochs_before_it_opens_a_gate():
    begun = []

    class Note(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            begun.append(weights_of(self.model.decoder))

    record = Weights()
    errors = [9.0] * 3 + [12.0] * 13
    vae, search = scripted(errors, record, Note())
    made = [(d.epoch, d.action) for d in search.decisions]
    assert made == [(0, "try"), (2, "keep"), (14, "open"), (15, "prune")]
    # Those of the last epoch within the bound.
    for found, wanted in zip(begun[9], record.seen[2], strict=True):
        np.testing.assert_array_equal(found, wanted)
    # And again at the end, where the fourth has not helped.
    assert same(vae, record.seen[2])
    assert (vae.active_dims, search.is_feasible, search.weights_epoch) == (3, True, 2)
    state = search.state
    assert sorted((*state.active, *state.shut)) == [0, 1, 2, 3]
    closed = search.decisions[-1]
    assert closed.indices == search.decisions[0].indices
    assert (closed.active_dims, closed.reason[:13]) == (3, "Closed again:")
    assert "with the weights of epoch 3" in search.result()
    np.testing.assert_array_equal(
        to_numpy(vae.latent_mask.mask), to_numpy(vae.gates.open_gates())
    )


@pytest.mark.slow
def test_a_search_that_has_gone_back_is_taken_up_as_it_was(tmp_path):
    path = tmp_path / "model.keras"

    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 11:
                self.model.save(path)

    errors = [9.0] * 3 + [12.0] * 13
    _, whole = scripted(errors, Save())
    vae = keras.saving.load_model(path)
    search = Scripted(errors[12:])
    fit(vae, search, epochs=16, initial_epoch=12)
    assert search.decisions == whole.decisions
    assert search.state == whole.state
    assert (vae.active_dims, search.is_feasible, search.weights_epoch) == (3, True, 2)


def test_training_is_held_below_the_bound_where_validation_is_worse():
    vae = gated(10.0)
    vae.fix_gates([True] * 4, settled=False)
    search = Scripted([14.0])
    (trained,) = fit(vae, search)[1].history["squared_error"]
    margin = gates.GateRule(10.0).margin(0.0, 14.0 - trained)
    assert margin > 0.5
    assert float(to_numpy(vae.constraint.margin)) == pytest.approx(margin, rel=1e-5)
    # Not before it has been met at all.
    vae = gated(1e-3)
    fit(vae)
    assert float(to_numpy(vae.constraint.margin)) == 0.0


def test_what_is_on_trial_when_fit_ends_comes_back():
    record = Weights()
    vae, search = scripted([9.0, 15.0, 15.0], record)
    assert same(vae, record.seen[0])
    assert (search.error, search.weights_epoch, vae.active_dims) == (9.0, 0, 4)
    assert "with the weights of epoch 1" in search.result()
    assert "whether fewer would do is not" in search.result()


def test_an_error_that_rises_at_the_end_costs_the_last_epochs():
    vae = gated(10.0)
    vae.fix_gates([True, True, False, False])
    search, record = Scripted([9.0, 9.5, 10.9]), Weights()
    fit(vae, search, record, epochs=3)
    assert same(vae, record.seen[1])
    assert (search.error, search.is_feasible) == (9.5, True)
    assert search.states == ["done"] * 3
    assert "fixed before" in search.result()


def test_a_second_fit_goes_on_looking():
    vae, search = scripted([9.0, 9.0, 9.0, 15.0])
    assert vae.active_dims == 3
    again = Scripted([9.0, 9.0])
    fit(vae, again, epochs=2)
    assert [d.action for d in again.decisions][0] in ("try", "restore")
    assert again.states[0] == "select"


def test_epochs_without_validation_are_passed_over():
    vae = gated(1e-3)
    search, _ = fit(vae, epochs=4, validation_freq=2)
    assert len(search.state.unmet) == 2
    evaluated = vae.evaluate(X[192:], verbose=0, return_dict=True)["squared_error"]
    assert search.error == pytest.approx(evaluated, rel=0.05)


def test_a_fit_of_which_no_epoch_was_validated_says_so():
    vae = gated(10.0)
    with pytest.warns(UserWarning, match="4 latent dimensions, their error not known"):
        vae.fit(
            X[:192],
            validation_data=(X[192:], None),
            validation_freq=5,
            epochs=2,
            callbacks=[GateSearch()],
            verbose=0,
        )


class Measured(GateSearch):
    """A search whose rule sees one error, in the epochs that are validated."""

    def on_epoch_end(self, epoch, logs=None):
        made_up = {"val_squared_error": 9.0} if "val_squared_error" in logs else {}
        super().on_epoch_end(epoch, {**logs, **made_up})


def test_last_epochs_without_validation_do_not_count_where_the_bound_was_met():
    vae = gated(10.0)
    vae.fix_gates([True, True, False, False])
    search, record = Measured(), Weights()
    fit(vae, search, record, epochs=5, validation_freq=2)
    assert same(vae, record.seen[3])
    assert (search.weights_epoch, search.is_feasible) == (3, True)
    assert "with the weights of epoch 4" in search.result()
    vae = gated(1e-3)
    vae.constraint.satisfied.assign(1.0)
    search, _ = fit(vae, epochs=3, validation_freq=2)
    assert "as measured after epoch 2" in search.result()


def test_gates_are_not_shut_when_no_epoch_is_left_to_measure_it():
    vae = new_gated(10.0)
    vae.compile(keras.optimizers.SGD(0.0))
    vae.constraint.satisfied.assign(1.0)
    # One is closed at inference that is to stay open, on trial, once all are fixed.
    vae.gates.weight.assign(np.array([5.0, 5.0, -1.0, -6.0]) / vae.gates.speed)
    search = Scripted([9.0, 9.0])
    fit(vae, search, epochs=2)
    assert vae.latent_mask.active_indices.tolist() == [0, 1]
    assert "1 gates undecided: `fit` ended before" in search.result()
    assert search.decisions == []


class Harden(keras.callbacks.Callback):
    """Fixes the gates by hand after an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.harden()


@pytest.mark.parametrize(("epoch", "dims", "made"), [(0, 4, 0), (2, 3, 1), (7, 1, 5)])
def test_after_harden_nothing_more_is_decided(epoch, dims, made):
    vae, search = scripted([9.0] * 8, Harden(epoch))
    assert vae.active_dims == dims
    assert len(search.decisions) == made
    assert search.result().startswith(f"GatedVAE: 4 -> {dims} latent dimensions, fixed")


def test_what_was_fixed_stays_fixed_with_the_weights_of_the_epoch_before():
    vae = gated(10.0)
    vae.fix_gates([True, False, False, False], settled=False)
    search = Scripted([9.0, 30.0])
    fit(vae, search, epochs=2)
    assert (search.fixed_epoch, search.weights_epoch) == (0, 0)
    assert float(to_numpy(vae.settled)) == 1.0


def test_without_validation_data_the_error_is_that_of_training():
    vae, search = gated(1e-3), GateSearch()
    with pytest.warns(UserWarning, match="never met"):
        history = vae.fit(X, epochs=1, callbacks=[search], verbose=0).history
    assert search.error == pytest.approx(history["squared_error"][0])
    vae = gated(1e3)
    vae.fix_gates([True, True, True, False])
    vae.fit(X, epochs=1, callbacks=[search], verbose=0)
    assert " of training data, within the bound of 1000" in search.result()


def test_a_bound_that_is_not_met_for_long_is_told_while_training(monkeypatch):
    monkeypatch.setattr(unmet, "UNMET_MINIMUM", 2)
    vae = gated(1e-3)
    with pytest.warns(UserWarning, match="GatedVAE: ") as told:
        vae.fit(X, epochs=3, callbacks=[GateSearch()], verbose=0)
    words = [str(w.message) for w in told if "GatedVAE: " in str(w.message)]
    assert len(words) == 2
    assert "was not met in" in words[0]


def test_a_bound_that_only_training_has_met_is_told_while_training(monkeypatch):
    monkeypatch.setattr(unmet, "UNMET_MINIMUM", 3)
    monkeypatch.setattr(unmet, "UNMET_SHARE", 0.4)
    vae = gated(10.0)
    vae.fix_gates([True] * 4, settled=False)
    errors = [14.0, 13.0, 14.0, 14.0, 12.5, 13.0, 14.0]
    with pytest.warns(UserWarning, match="GatedVAE: ") as told:
        vae.fit(
            X[:192],
            validation_data=(X[192:], None),
            epochs=7,
            callbacks=[Scripted(errors)],
            verbose=0,
        )
    words = [str(w.message) for w in told if "was not met in" in str(w.message)]
    assert [word.rpartition(" ")[2] for word in words] == ["13.", "12.5."]


def test_what_harden_fixes_after_fit_was_undecided_still():
    vae = gated(30.0)
    search, _ = fit(vae)
    with pytest.warns(UserWarning, match="4 gates were undecided"):
        vae.harden()
    assert not search.is_decided
    assert vae.undecided_gates == []


def test_weights_that_are_restored_from_outside_are_noticed():
    vae, search = gated(30.0), GateSearch()
    stopping = keras.callbacks.EarlyStopping(
        "val_squared_error", mode="max", patience=1, restore_best_weights=True
    )
    with pytest.warns(UserWarning, match="restored from outside"):
        vae.fit(
            X[:192],
            validation_data=(X[192:], None),
            epochs=5,
            callbacks=[stopping, search],
            verbose=0,
        )
    assert search.fixed_epoch is None
    assert "error not known" in search.result()


def test_weights_restored_from_before_a_gate_was_shut():
    stopping = keras.callbacks.EarlyStopping(
        "active_dims", mode="max", patience=9, restore_best_weights=True
    )
    vae, search = scripted([9.0] * 5, stopping)
    assert "keep" in [d.action for d in search.decisions]
    assert vae.active_dims == len(search.state.active) == 4
    assert "error not known" in search.result()


def test_a_callback_list_of_the_users_own():
    vae, search = gated(1e-3), GateSearch()
    callbacks = keras.callbacks.CallbackList([search], add_history=True, model=vae)
    for _ in range(2):
        with pytest.warns(UserWarning, match="GatedVAE: "):
            vae.fit(X, epochs=2, callbacks=callbacks, verbose=0)
        assert search.rule.epochs in (2, None)
        assert len(vae.history.epoch) == 2


def test_a_trial_ends_where_fit_fails():
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyError

    vae, record, search = gated(10.0), Weights(), Scripted([9.0, 15.0, 15.0])
    vae.fix_gates([True] * 4, settled=False)
    with pytest.raises(KeyError):
        fit(vae, search, record, Fail(), epochs=3)
    assert vae.active_dims == 4
    assert same(vae, record.seen[0])
    assert not search.state.trial


def test_a_model_without_gates_is_an_error():
    vae = small_vae(4)
    vae.compile("adam")
    with pytest.raises(TypeError, match="`GateSearch` needs a GatedVAE"):
        vae.fit(X, callbacks=[GateSearch()], verbose=0)


class AfterOne(keras.callbacks.Callback):
    """Ends `fit` after one of its epochs."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def test_the_rule_is_paced_by_the_steps_of_an_epoch():
    vae = gated(1e-3)
    search, _ = fit(vae, epochs=1, batch_size=1)
    assert (search.rule.trial, search.rule.patience) == (6, 8)
    vae = gated(1e-3)
    search = Scripted([9.0])
    fit(vae, search, AfterOne(), epochs=100, batch_size=192)
    # One step an epoch would ask for 600; a tenth of the epochs is the most.
    assert (search.rule.trial, search.rule.patience) == (10, 20)


def test_a_copy_tells_the_same():
    vae, search = scripted([9.0, 9.0])
    again = copy.deepcopy(search)
    assert again.decisions == search.decisions
    assert f"-> {len(search.state.active)} latent" in again.result()


@pytest.mark.slow
def test_weights_gone_back_to_at_the_end_are_averaged_as_all_else():
    vae = new_gated(10.0)  # not one that other tests see: it gets another optimizer
    optimizer = keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9)
    vae.compile(optimizer)
    vae.fix_gates([True] * 4, settled=False)
    search, averages = Scripted([9.0, 9.5, 30.0]), []

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            slots = optimizer._model_variables_moving_average
            averages.append([np.array(slot) for slot in slots])

    fit(vae, search, Note(), epochs=3)
    assert search.weights_epoch == 0
    for found, wanted in zip(vae.trainable_weights, averages[0], strict=True):
        np.testing.assert_array_equal(to_numpy(found), wanted)
    # No epoch has measured these weights.
    evaluated = vae.evaluate(X[192:], verbose=0, return_dict=True)["squared_error"]
    assert search.error == pytest.approx(evaluated, rel=0.05)
    assert abs(search.error - 9.0) > 1.0
    assert vae.validation_data is None


@pytest.mark.parametrize(
    ("errors", "cause"),
    [
        ([11.5, 11.4, 11.3, 11.2, 11.0, 10.9, 10.8, 10.7], "falling"),
        ([10.9, 10.8, 10.9, 10.8, 10.9, 10.8, 10.9, 10.8], "overfitting"),
        ([80.0] * 8, "no_gain"),
    ],
)
def test_why_the_bound_was_not_met_is_told_whatever_is_printed(errors, cause):
    vae = gated(10.0)
    vae.fix_gates([True] * 4, settled=False)
    search = Scripted(errors)

    class Constant(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            # That of digits is within this bound.
            self.model.data_errors = DataErrors(constant=50.0)

    with pytest.warns(UserWarning, match="ABOVE the bound .* Likely cause: "):
        vae.fit(
            X[:192],
            validation_data=(X[192:], None),
            epochs=len(errors),
            callbacks=[search, Constant()],
            verbose=0,
        )
    assert (search.status, search.cause) == ("infeasible", cause)
    assert CAUSES[cause] in search.result()


def test_a_bound_that_is_met_has_no_cause():
    _, search = scripted([9.0, 9.0])
    assert (search.is_feasible, search.cause) == (True, None)
    assert "Likely cause" not in search.result()
