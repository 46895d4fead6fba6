import pytest

from ald_keras.reports.answer import (
    answer_sentence,
    comparison_sentences,
    decision_rows,
    outcome_words,
)
from ald_keras.reports.run_facts import Baseline, RunFacts

CONFIG = {"likelihood": "bernoulli", "beta": {"value": 1.0, "warmup": 0}}


def facts(fixed_epoch=34, status="fixed", baseline=None, folder="run", **more):
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
    return RunFacts("run", folder, CONFIG, record, [], history, None, baseline)


BASELINE = Baseline(
    "fixed",
    {"active_dims": 64, "epochs": 60, "test": {"reconstruction_loss": 80.0}},
    {},
)


def test_the_answer_is_one_sentence():
    assert answer_sentence(facts(baseline=BASELINE)) == (
        "64 → 14 dimensions, reconstruction loss +0.3 % against 64 dimensions "
        "throughout, fixed at epoch 35, Bernoulli likelihood, beta 1."
    )
    words = comparison_sentences(facts(baseline=BASELINE))
    for part in ("test part", "80.24", "80.00", "after 50 epochs", "for 60 epochs"):
        assert part in words


def test_without_another_run_it_says_what_is_compared():
    # Epoch 20 is the last one with 64 dimensions: 181 nats; epoch 50 has 151.
    assert "loss −16.6 % since the first removal, fixed" in answer_sentence(facts())
    words = comparison_sentences(facts())
    for part in ("151.00 nats in the last epoch, 50", "181.00 nats in epoch 20"):
        assert part in words
    assert "part of the change is training" in words
    assert "--baseline" in words
    assert "--baseline" not in comparison_sentences(facts(folder=None))


def test_a_reserve_of_the_last_epoch_is_named():
    size = facts().record["active_dims"]
    with_reserve = facts(active_dims=size - 1)
    assert "(1 of them in reserve)" in comparison_sentences(with_reserve)
    assert "in reserve" not in comparison_sentences(facts())


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
    assert words in outcome_words(told.record)
    inconclusive = "inconclusive" in outcome_words(told.record)
    assert inconclusive == (status != "fixed")


def test_a_run_without_pruning():
    told = facts(fixed_epoch=None, status=None, active_dims=64)
    told.history["active_dims"][:] = [64.0] * 50
    assert answer_sentence(told) == (
        "64 dimensions throughout, not pruned, Bernoulli likelihood, beta 1."
    )
    assert "80.24 nats on the test part" in comparison_sentences(told)
    assert "Nothing was pruned" in outcome_words(told.record)


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
    assert meaning in outcome_words(told.record)
    assert "codes that are sampled" in comparison_sentences(told)


def test_the_lowest_error():
    bound = {"tau": 0.0, "max_multiplier": 1e4, "lowest_error": 13.98}
    told = facts(fixed_epoch=None, status=None, active_dims=64, bound=bound)
    answer = answer_sentence(told)
    assert answer == (
        "64 dimensions throughout, lowest squared error 13.98, Bernoulli likelihood."
    )
    assert "weight of at most 10000 against the KL" in outcome_words(told.record)
    bound |= {"tau": 15.0, "last_error": 14.9}
    told = facts(fixed_epoch=None, status=None, active_dims=64, bound=bound)
    assert ", squared error 14.9, for a bound of 15, " in answer_sentence(told)
    assert "for an error of at most 15 with as little KL" in outcome_words(told.record)


def test_a_single_removal_is_called_that():
    told = facts(fixed_epoch=49, status=None)
    assert "64 → 14 dimensions" in answer_sentence(told)
    assert "removed once" in outcome_words(told.record)


def test_a_run_to_the_end_tells_where_the_rule_would_have_stopped():
    stop = {"epoch": 29, "active_dims": 16}
    words = outcome_words(facts(status="at_floor", rule_stop=stop).record)
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
