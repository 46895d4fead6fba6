"""The sentences in which the information rule gives its reasons."""

from __future__ import annotations

from collections.abc import Sequence


def too_few(records: int, needed: int) -> str:
    """Why nothing is decided in the first epochs."""
    return f"{records} of the {needed} epochs that a decision needs are recorded."


def collapsed(idle_kl: float) -> str:
    """Why nothing is removed where everything is idle."""
    return (
        f"Every dimension is idle, below {idle_kl:g} nats: removing them would leave "
        "nothing."
    )


def unsettled(informative: int, changed: int, patience: int) -> str:
    """Why idle dimensions are not removed yet."""
    return (
        f"{informative} dimensions are informative; {_count(changed)} changed sides in "
        f"the last {patience} epochs, so none is taken for idle yet."
    )


def idle(indices: Sequence[int], n_active: int, idle_kl: float, patience: int) -> str:
    """Why dimensions are removed for good."""
    return (
        f"Removed {_count(len(indices))} that told less than {idle_kl:g} nats for "
        f"{patience} epochs: {_join(indices)}; {n_active} stay active."
    )


def none_idle(n_active: int) -> str:
    """Why the size is fixed without trials."""
    return f"Fixed at {n_active} dimensions: none is idle, and nothing is tried."


def rising(left: int) -> str:
    """Why the size is not fixed yet without trials."""
    return f"{_count(left)} may yet become informative or idle."


def other_rate(old: float | None, new: float | None, trial: Sequence[int]) -> str:
    """Why everything begins anew at another learning rate."""
    back = f" Brought back {_join(trial)}, on trial, undecided." if trial else ""
    return (
        f"The learning rate went from {old:.3g} to {new:.3g}, which shows in the loss: "
        f"the losses recorded before are dropped.{back}"
    )


def nothing_gained(loss: float, null_loss: float | None) -> str:
    """Why no trial begins where codes do not pay."""
    return (
        f"The loss is {loss:.6g} nats, and without a latent space it would be "
        f"{null_loss:.6g}: there is no gain of which a removal may cost a share."
    )


def falling(fall: float, patience: int, limit: float) -> str:
    """Why no trial begins yet."""
    return (
        f"The loss still falls by {fall:.3g} nats in {patience} epochs, which would "
        f"hide what a removal costs: trials begin at {limit:.3g}."
    )


def trying(indices: Sequence[int], n_active: int, patience: int) -> str:
    """What is removed on trial."""
    return (
        f"Removed {_count(len(indices))} on trial for {patience} epochs: "
        f"{_join(indices)}; {n_active} stay active."
    )


def on_trial(indices: Sequence[int], records: int, patience: int) -> str:
    """Why nothing is decided during a trial."""
    return (
        f"On trial without {_join(indices)} for {records} of {patience} epochs, in "
        "which the network can make up for them."
    )


def undecided(
    indices: Sequence[int], latest: float, excess: float, allowed: float
) -> str:
    """Why a trial goes on."""
    return (
        f"On trial without {_join(indices)}: the loss lies {latest:+.3g} nats above "
        f"the one without removals, is on its way to {excess:+.3g}, and {allowed:.3g} "
        "are allowed."
    )


def kept(indices: Sequence[int], excess: float, allowed: float, loses: bool) -> str:
    """Why a removal is kept."""
    end = (
        " Nothing is brought back, and the size is fixed."
        if loses or excess > allowed
        else ""
    )
    return (
        f"The removal of {_join(indices)} is kept: the loss is on its way to "
        f"{excess:+.3g} nats above the one without removals, and {allowed:.3g} are "
        f"allowed.{end}"
    )


def kept_unknown(indices: Sequence[int], gain: float, allowed: float) -> str:
    """Why a removal is kept whose cost cannot be told."""
    return (
        f"The removal of {_join(indices)} is kept: a second time the loss is on its "
        f"way to {gain:.3g} nats below the expected one meanwhile. As it may have cost "
        f"them, the {allowed:.3g} nats that are allowed count as spent."
    )


def reopened(indices: Sequence[int], n_active: int, gain: float, allowed: float) -> str:
    """Why dimensions are switched on again as they are."""
    return (
        f"Switched on {_count(len(indices))} again, {_join(indices)}: the loss is on "
        f"its way to {gain:.3g} nats below the expected one, and removals may cost "
        f"{allowed:.3g}, so that the network must have found something better. "
        f"{n_active} are active; trials begin anew once that has settled."
    )


def restored(
    indices: Sequence[int], n_active: int, excess: float, allowed: float, loses: bool
) -> str:
    """Why dimensions come back."""
    cause = (
        "the silhouette has fallen below the best so far"
        if loses and excess <= allowed
        else f"the loss is on its way to {excess:+.3g} nats above the one without "
        f"removals, and {allowed:.3g} are allowed"
    )
    end = "The size is fixed." if len(indices) == 1 else "Fewer are tried next."
    return (
        f"Brought back {_count(len(indices))}, {_join(indices)}: {cause}; {n_active} "
        f"are active. {end}"
    )


def _count(number: int) -> str:
    return f"{number} dimension{'' if number == 1 else 's'}"


def _join(indices: Sequence[int]) -> str:
    return ", ".join(map(str, indices))
