"""What came out of a run, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ald_keras._typing import JSON
from ald_keras.metrics.infeasible import CAUSES
from ald_keras.reports.run_facts import (
    Baseline,
    RunFacts,
    reserve_at_the_end,
    size_decision,
)
from ald_keras.rules.decision import ACTION_TITLES
from ald_keras.rules.size_curve.reasons import dimensions
from ald_keras.rules.tolerance import format_nats

_MEANING = {
    "fixed": (
        "The rule found a size and fixed it. The network was trained with that size "
        "until the last epoch."
    ),
    "unfinished": (
        "The size is not fixed: training ended before the rule had decided, so the "
        "number is inconclusive. Train for more epochs."
    ),
    "infeasible": (
        "No size has an error within the bound, so the number is inconclusive. Raise "
        "the bound, start with more dimensions or train for more epochs."
    ),
    "at_floor": (
        "The rule reached its lower limit. That limit was set beforehand, so the "
        "number is inconclusive."
    ),
    "collapsed": (
        "Posterior collapse: no latent dimension is informative, so their number is "
        "inconclusive. Check the likelihood, the scale of the data and beta."
    ),
    "elastic": (
        "Only idle dimensions were removed: sizes were sampled to the end of training, "
        "so that this one network can be exported at every size."
    ),
    "none": "Nothing was pruned: the network had this size from the first epoch on.",
}


def answer_sentence(facts: RunFacts) -> str:
    """The size that suffices, as the size curve shows it; else the run in a sentence.

    Args:
        facts: The run.
    """
    return _sufficient(facts) or run_sentence(facts)


def run_sentence(facts: RunFacts) -> str:
    """Sizes, decision and objective of a run in one sentence.

    Args:
        facts: The run.
    """
    record = facts.record
    before, after = record["start_dims"], record["active_dims"]
    parts = [f"{before} → {after} dimensions"]
    if record.get("status") is None and before == after:
        parts = [f"{dimensions(after)} throughout"]
    likelihood = str(facts.config["likelihood"]).replace("_", " ").capitalize()
    if record.get("bound") is not None:
        parts += [*_bound_parts(record), f"{likelihood} likelihood"]
        return ", ".join(parts) + "."
    beta = facts.config["beta"]["value"]
    parts += [_when(record), f"{likelihood} likelihood", f"beta {beta:g}"]
    return ", ".join(parts) + "."


def _sufficient(facts: RunFacts) -> str | None:
    """That a size suffices and one less does not, where a curve has decided."""
    decision = size_decision(facts.decisions)
    if facts.record.get("status") != "fixed" or decision is None:
        return None
    size, details = facts.record["active_dims"], decision["details"]
    text = f"{dimensions(size)} {'suffices' if size == 1 else 'suffice'}."
    rule, allowed = facts.config["rule"], details.get("tolerance")
    sizes = list(details["sizes"])
    # Only where the loss alone has decided, and on the size that the run ended with.
    if details.get("size") != size or rule.get("target") != "loss":
        return text
    if allowed is None or size - 1 not in sizes:
        return text
    at = sizes.index(size - 1)
    increase, error = details["increase"][at], details["standard_error"][at]
    clear = increase > max(allowed, error)
    compared = "more than" if clear else "not clearly within"
    share = rule["tolerance"]
    gain = f" ({share.replace('%', ' %')} of the gain)" if "%" in str(share) else ""
    return (
        f"{text} With {size - 1} the loss rises by {format_nats(increase, allowed)} ± "
        f"{format_nats(error, allowed)} nats, {compared} the tolerance of "
        f"{format_nats(allowed, allowed)} nats{gain}."
    )


def comparison_sentences(facts: RunFacts) -> str:
    """What the reconstruction loss, or a bound, is compared with."""
    if facts.record.get("bound") is not None:
        return (
            "The squared error is summed over the values of a sample; the bound is on "
            "that of validation data, from codes that are sampled."
        )
    compared = _with_itself(facts)
    if facts.baseline is not None:
        compared = _with_baseline(facts, facts.baseline)
    if compared is not None:
        return compared
    final = facts.record.get("test", {}).get("reconstruction_loss")
    loss = "" if final is None else f" It is {final:.2f} nats on the test part."
    return f"There is no run to compare the reconstruction loss with.{loss}"


def outcome_words(facts: RunFacts) -> str:
    """What the outcome means, in plain words.

    Args:
        facts: The run.
    """
    record = facts.record
    status = record.get("status")
    if record.get("bound") is not None:
        return _bound_words(record)
    if status is None and record["start_dims"] != record["active_dims"]:
        return "Idle dimensions were removed once, and the network trained on."
    kind = "elastic" if record.get("elastic") and status == "fixed" else status
    words = _MEANING[kind or "none"]
    spare = reserve_at_the_end(facts)
    if status == "fixed" and spare:
        words = (
            f"The rule fixed the size: {record['active_dims']}, and {spare} in reserve "
            "until the end of training, when they were removed."
        )
    stop = record.get("rule_stop")
    if stop is not None:
        words += (
            f" The rule itself would have stopped in epoch {stop['epoch'] + 1} with "
            f"{stop['active_dims']} dimensions; this run was asked to continue."
        )
    return words


def decision_rows(decisions: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The decision log as rows of a table, epochs counted from 1."""
    return [
        {
            "epoch": str(decision["epoch"] + 1),
            "decision": ACTION_TITLES.get(decision["action"], decision["action"]),
            "dimensions": str(decision["active_dims"]),
            "reason": decision["reason"],
        }
        for decision in decisions
    ]


def _bound_parts(record: JSON) -> list[str]:
    """What became of a bound on the error, for the answer's sentence."""
    bound, fixed = record["bound"], record.get("fixed_epoch")
    if "error" not in bound:
        last = bound.get("last_error")
        if last is None:
            return [f"lowest squared error {bound['lowest_error']:.4g}"]
        return [f"squared error {last:.4g}, for a bound of {bound['tau']:g}"]
    within = "within" if bound["feasible"] else "above"
    allowed = f"{bound['tau']:g} + {100 * bound['tolerance']:g} %"
    error = f"squared error {bound['error']:.4g}, {within} the bound of {allowed}"
    if bound["undecided_gates"]:
        return [error, "not decided"]
    return [error, "decided" if fixed is None else f"decided at epoch {fixed + 1}"]


def _bound_words(record: JSON) -> str:
    bound = record["bound"]
    if bound.get("last_error") is not None:
        return (
            "All gates stayed open: the network was trained for an error of at most "
            f"{bound['tau']:g} with as little KL as that takes."
        )
    if "error" not in bound:
        return (
            "All gates stayed open: the network was trained for the lowest error, with "
            f"a weight of at most {bound['max_multiplier']:g} against the KL."
        )
    if not bound["feasible"]:
        cause = CAUSES.get(bound.get("cause") or "")
        what = f"Likely cause: {cause}" if cause else "Train for more epochs."
        return f"The error is above the bound, so the number is inconclusive. {what}"
    if bound["undecided_gates"]:
        return (
            f"{bound['undecided_gates']} gates are undecided: training ended before. "
            "The number is inconclusive. Train for more epochs."
        )
    if record.get("fixed_epoch") is None:
        return (
            "All gates are decided and the bound is met, but training ended before it "
            "was tried whether fewer would do."
        )
    return (
        "Every gate is decided and the bound is met on validation data. Without any "
        "of those tried last it was not."
    )


def _when(record: JSON) -> str:
    status, fixed = record.get("status"), record.get("fixed_epoch")
    if status is None:
        return "not pruned" if fixed is None else f"cut after epoch {fixed + 1}"
    if status == "collapsed":
        return "inconclusive (posterior collapse)"
    if record.get("elastic"):
        return "every size from one run"
    if fixed is None:
        return "not fixed"
    floor = " at the lower limit, inconclusive" if status == "at_floor" else ""
    return f"fixed at epoch {fixed + 1}{floor}"


def _percent(before: float, after: float) -> str:
    return f"{100 * (after - before) / abs(before):+.1f} %".replace("-", "−")


def _with_baseline(facts: RunFacts, baseline: Baseline) -> str | None:
    other, mine = baseline.record, facts.record
    try:
        before, after = (run["test"]["reconstruction_loss"] for run in (other, mine))
    except KeyError:
        return None
    change = f" The change is {_percent(before, after)}." if before else ""
    return (
        f"Reconstruction loss on the test part: {after:.2f} nats with "
        f"{mine['active_dims']} dimensions after {mine['epochs']} epochs, and "
        f"{before:.2f} nats of a network that had {other['active_dims']} dimensions "
        f"throughout and was trained for {other['epochs']} epochs.{change}"
    )


def _with_itself(facts: RunFacts) -> str | None:
    """The last epoch, compared with the last one before the first removal."""
    column = "val_reconstruction_loss"
    if column not in facts.history:
        column = "probe_reconstruction_loss"
    losses, sizes = facts.history.get(column), facts.history.get("active_dims")
    if not losses or not sizes or sizes[-1] >= sizes[0]:
        return None
    first = next(i for i, size in enumerate(sizes) if size < sizes[0])
    epochs = [int(epoch) + 1 for epoch in facts.history["epoch"]]
    spare = reserve_at_the_end(facts)
    idle = f" ({spare} of them in reserve)" if spare else ""
    words = (
        f"Reconstruction loss on validation data: {losses[-1]:.2f} nats in the last "
        f"epoch, {epochs[-1]}, with {round(sizes[-1])} dimensions{idle}, and "
        f"{losses[first - 1]:.2f} nats in epoch {epochs[first - 1]}, the last one "
        f"before the first removal, with {round(sizes[0])}. The network was trained "
        "between the two, so part of the change is training."
    )
    if facts.folder is not None:
        words += " A run of fixed size as --baseline compares like with like."
    return words
