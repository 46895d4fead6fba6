import pytest

from ald_keras.reports.answer import (
    answer_sentence,
    comparison_sentences,
    decision_rows,
    outcome_words,
)
from ald_keras.reports.run_facts import Baseline, RunFacts
from ald_keras.reports.run_report import figure_columns

CONFIG = {
    "likelihood": "bernoulli",
    "beta": {"value": 1.0, "warmup": 0},
    "rule": {"name": "size_curve", "tolerance": "0.5%", "target": "loss"},
}


def facts(
    fixed_epoch=34, status="fixed", baseline=None, folder="run", decisions=(), **more
):
    record = {
        "start_dims": 64,
        "active_dims": 14,
        "epochs": 50,
        "fixed_epoch": fixed_epoch,
        "status": status,
        "test": {"reconstruction_loss": 80.24},
        **more,
    }
    history = {
        "epoch": list(range(50)),
        "active_dims": [64.0] * 20 + [16.0] * 10 + [14.0] * 20,
        "val_reconstruction_loss": [200.0 - i for i in range(50)],
    }
    return RunFacts("run", folder, CONFIG, record, decisions, history, None, baseline)


def fixed_on(increase, size=14, **details):
    """The decision that fixes a size on a curve."""
    curve = {
        "size": float(size),
        "sizes": [float(size - 1), float(size), 20.0],
        "increase": [increase, 0.001, 0.0],
        "standard_error": [0.04, 0.03, 0.0],
        "tolerance": 0.0141,
    }
    return {
        "epoch": 34,
        "code": "fixed",
        "indices": [],
        "details": {**curve, **details},
    }


CLOSED = {"epoch": 49, "code": "reserve_closed", "indices": [6], "details": {}}


BASELINE = Baseline(
    "fixed",
    {"active_dims": 64, "epochs": 60, "test": {"reconstruction_loss": 80.0}},
    {},
)


def test_the_answer_is_the_size_and_what_one_less_would_cost():
    assert answer_sentence(facts(decisions=[fixed_on(0.07), CLOSED])) == (
        "14 dimensions suffice. With 13 the loss rises by 0.070 ± 0.040 nats, more "
        "than the tolerance of 0.014 nats (0.5 % of the gain)."
    )
    close = answer_sentence(facts(decisions=[fixed_on(0.01)]))
    assert "0.010 ± 0.040 nats, not clearly within the tolerance" in close


@pytest.mark.parametrize(
    ("size", "details"),
    [(12, {}), (14, {"tolerance": None}), (14, {"sizes": [9.0, 14.0, 20.0]})],
)
def test_nothing_is_said_of_one_less_where_the_curve_does_not_show_it(size, details):
    decision = fixed_on(0.07, size, **details)
    if details.get("tolerance", 0.0) is None:
        del decision["details"]["tolerance"]
    assert answer_sentence(facts(decisions=[decision])) == "14 dimensions suffice."


@pytest.mark.parametrize("status", ["at_floor", "unfinished", "collapsed"])
def test_no_size_suffices_that_is_inconclusive(status):
    told = facts(status=status, decisions=[fixed_on(0.07)])
    assert "suffice" not in answer_sentence(told)


def test_without_a_curve_the_answer_is_the_run_in_one_sentence():
    assert answer_sentence(facts(baseline=BASELINE)) == (
        "64 → 14 dimensions, fixed at epoch 35, Bernoulli likelihood, beta 1."
    )


def test_another_run_is_compared_below_the_answer():
    words = comparison_sentences(facts(baseline=BASELINE))
    for part in ("test part", "80.24", "80.00", "after 50 epochs", "for 60 epochs"):
        assert part in words
    assert "The change is +0.3 %." in words


def test_without_another_run_it_says_what_is_compared():
    # Epoch 20 is the last one with 64 dimensions: 181 nats; epoch 50 has 151.
    words = comparison_sentences(facts())
    for part in ("151.00 nats in the last epoch, 50", "181.00 nats in epoch 20"):
        assert part in words
    assert "part of the change is training" in words
    assert "--baseline" in words
    assert "--baseline" not in comparison_sentences(facts(folder=None))


def test_a_reserve_of_the_last_epoch_is_named():
    size = facts().record["active_dims"]
    with_reserve = facts(active_dims=size - 1, decisions=[fixed_on(0.07), CLOSED])
    assert "(1 of them in reserve)" in comparison_sentences(with_reserve)
    assert "13, and 1 in reserve until the end" in outcome_words(with_reserve)
    for other in (facts(), facts(active_dims=size - 1), facts(decisions=[CLOSED])):
        assert "in reserve" not in comparison_sentences(other)
        assert "in reserve" not in outcome_words(other)


def test_the_last_epoch_has_the_reserve_apart():
    told = facts(
        active_dims=13,
        decisions=[CLOSED],
        test={"active_dims": 13},
        validation={"active_dims": 14.0},
    )
    columns, rows = figure_columns(told)
    assert columns == ["this run, test part", "validation data, last epoch"]
    assert rows[0][1:] == ["13", "13 + 1 in reserve"]


@pytest.mark.parametrize(
    ("status", "fixed_epoch", "answer", "words"),
    [
        ("fixed", 34, "fixed at epoch 35", "found a size"),
        ("unfinished", None, "not fixed", "training ended before"),
        ("infeasible", None, "not fixed", "No size has an error within the bound"),
        ("at_floor", 34, "lower limit, inconclusive", "lower limit"),
        ("collapsed", 34, "posterior collapse", "Posterior collapse"),
    ],
)
def test_every_status_in_plain_words(status, fixed_epoch, answer, words):
    told = facts(fixed_epoch, status)
    assert answer in answer_sentence(told)
    assert words in outcome_words(told)
    inconclusive = "inconclusive" in outcome_words(told)
    assert inconclusive == (status != "fixed")


def test_a_run_without_pruning():
    told = facts(fixed_epoch=None, status=None, active_dims=64)
    told.history["active_dims"][:] = [64.0] * 50
    assert answer_sentence(told) == (
        "64 dimensions throughout, not pruned, Bernoulli likelihood, beta 1."
    )
    assert "80.24 nats on the test part" in comparison_sentences(told)
    assert "Nothing was pruned" in outcome_words(told)


@pytest.mark.parametrize(
    ("changes", "fixed_epoch", "sentence", "meaning"),
    [
        (
            {},
            34,
            "within the bound of 20 + 2 %, decided at epoch 35, Bernoulli",
            "Every gate is decided and the bound is met",
        ),
        ({}, None, "within the bound of 20 + 2 %, decided, Bernoulli", "whether fewer"),
        ({"feasible": False}, 34, "above the bound of 20 + 2 %", "inconclusive. Train"),
        (
            {"feasible": False, "cause": "noise"},
            34,
            "above the bound of 20 + 2 %",
            "Likely cause: the noise of the counts alone is above the bound",
        ),
        ({"undecided_gates": 3}, None, "not decided", "3 gates are undecided"),
    ],
)
def test_a_bound_on_the_error(changes, fixed_epoch, sentence, meaning):
    bound = {"tau": 20.0, "tolerance": 0.02, "error": 20.25, "feasible": True}
    bound |= {"undecided_gates": 0, **changes}
    told = facts(fixed_epoch=fixed_epoch, bound=bound)
    answer = answer_sentence(told)
    assert answer.startswith("64 → 14 dimensions, squared error 20.25, ")
    assert sentence in answer
    assert "beta" not in answer
    assert meaning in outcome_words(told)
    assert "codes that are sampled" in comparison_sentences(told)


def test_the_lowest_error():
    bound = {"tau": 0.0, "max_multiplier": 1e4, "lowest_error": 13.98}
    told = facts(fixed_epoch=None, status=None, active_dims=64, bound=bound)
    answer = answer_sentence(told)
    assert answer == (
        "64 dimensions throughout, lowest squared error 13.98, Bernoulli likelihood."
    )
    assert "weight of at most 10000 against the KL" in outcome_words(told)
    bound |= {"tau": 15.0, "last_error": 14.9}
    told = facts(fixed_epoch=None, status=None, active_dims=64, bound=bound)
    assert ", squared error 14.9, for a bound of 15, " in answer_sentence(told)
    assert "for an error of at most 15 with as little KL" in outcome_words(told)


def test_a_single_removal_is_called_that():
    told = facts(fixed_epoch=49, status=None)
    assert "64 → 14 dimensions" in answer_sentence(told)
    assert "removed once" in outcome_words(told)


def test_a_run_to_the_end_tells_where_the_rule_would_have_stopped():
    stop = {"epoch": 29, "active_dims": 16}
    words = outcome_words(facts(status="at_floor", rule_stop=stop))
    assert "would have stopped in epoch 30 with 16 dimensions" in words


def test_decisions_count_epochs_from_one():
    log = [{"epoch": 4, "action": "try", "active_dims": 7, "reason": "Because."}]
    assert decision_rows(log) == [
        {
            "epoch": "5",
            "decision": "on trial",
            "dimensions": "7",
            "reason": "Because.",
        }
    ]
