import copy
import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ald_keras.rules import ALDState, Observation, RuleState

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
MID_LIFE = {
    "seed": 7,
    "n_dims": 6,
    "active": (0, 2, 5),
    "step": 1,
    "history": {"silhouette": (0.1, 0.2), "nll": (9.0, 8.0)},
    "removals": 3,
    "last_epoch": 11,
    "fixed_epoch": 9,
    "at_floor": True,
}


def seen(**changes):
    arguments = {
        "epoch": 12,
        "metrics": {"silhouette": 0.3, "nll": 7.0},
        "active": (0, 2, 5),
        "kl": (1.0,) * 6,
    }
    return Observation(**{**arguments, **changes})


@st.composite
def states(draw):
    n_dims = draw(st.integers(1, 40))
    length = draw(st.integers(0, 6))
    fixed_epoch = draw(st.none() | st.integers(0, 99))
    columns = st.lists(FLOATS, min_size=length, max_size=length)
    names = draw(st.sets(st.text(min_size=1, max_size=9), max_size=4))
    active = draw(st.sets(st.integers(0, n_dims - 1), min_size=1))
    return ALDState(
        seed=draw(st.integers(0, 2**70)),
        n_dims=n_dims,
        active=tuple(sorted(active)),
        step=draw(st.integers(1, 9)),
        history={name: tuple(draw(columns)) for name in {*names, "silhouette"}},
        removals=draw(st.integers(0, 99)),
        last_epoch=draw(st.none() | st.integers(0, 99)),
        fixed_epoch=fixed_epoch,
        at_floor=fixed_epoch is not None and draw(st.booleans()),
    )


@given(state=states())
def test_json_round_trip_is_exact(state):
    restored = ALDState.from_dict(json.loads(json.dumps(state.to_dict())))
    assert restored == state
    assert repr(restored) == repr(state)


def test_dict_holds_every_field_in_plain_types():
    data = ALDState(**MID_LIFE).to_dict()
    assert data == {
        **MID_LIFE,
        "active": [0, 2, 5],
        "history": {"silhouette": [0.1, 0.2], "nll": [9.0, 8.0]},
    }
    assert list(data) == [field.name for field in dataclasses.fields(ALDState)]


def test_record_appends_and_leaves_the_rest():
    state = ALDState(**MID_LIFE)
    after = state.record(seen())
    assert after == dataclasses.replace(
        state,
        history={"silhouette": (0.1, 0.2, 0.3), "nll": (9.0, 8.0, 7.0)},
        last_epoch=12,
    )
    assert (state.n_records, after.n_records) == (2, 3)


def test_record_keeps_only_the_metrics_of_its_history():
    metrics = {"silhouette": 0.3, "nll": 7.0, "unused": float("nan")}
    after = ALDState(**MID_LIFE).record(seen(metrics=metrics))
    assert set(after.history) == {"silhouette", "nll"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 11}, "after the last recorded one, 11.*epoch=11"),
        ({"epoch": 3}, "after the last recorded one, 11.*epoch=3"),
        ({"kl": (1.0,) * 7}, "each of the 6 latent dimensions.*7 values at epoch 12"),
        ({"active": (0, 2)}, r"\(0, 2, 5\).*active=\(0, 2\) at epoch 12"),
        ({"active": (0, 1, 5)}, "call `restart`"),
        ({"kl": (1.0,) * 5 + (float("nan"),)}, "kl=nan in dimension 5 at epoch 12"),
        ({"metrics": {"silhouette": 0.3}}, "'nll'.*epoch 12"),
        ({"metrics": {"nll": 0.3}}, "'silhouette'.*epoch 12"),
        (
            {"metrics": {"silhouette": 0.3, "nll": float("inf")}},
            "nll=inf at epoch 12",
        ),
    ],
)
def test_record_refuses_what_does_not_follow(changes, message):
    with pytest.raises(ValueError, match=message):
        ALDState(**MID_LIFE).record(seen(**changes))


def test_is_frozen_down_to_its_history():
    state = ALDState(**MID_LIFE)
    assert copy.deepcopy(state) is state
    assert len({state, ALDState(**MID_LIFE)}) == 1
    with pytest.raises(TypeError):
        state.history["nll"] = ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.step = 5


def test_offers_what_a_callback_reads():
    assert isinstance(ALDState(**MID_LIFE), RuleState)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"seed": -1}, ValueError, "`seed`"),
        ({"seed": True}, ValueError, "`seed`"),
        ({"n_dims": 0}, ValueError, "`n_dims`"),
        ({"active": ()}, ValueError, "`active`"),
        ({"active": (0, 6)}, ValueError, "`active`"),
        ({"step": 0}, ValueError, "`step`"),
        ({"removals": -1}, ValueError, "`removals`"),
        ({"history": []}, TypeError, "`history`"),
        ({"history": {"nll": (1.0,)}}, ValueError, "'silhouette'"),
        ({"history": {"silhouette": (1.0,), "nll": ()}}, ValueError, "lengths"),
        ({"history": {"silhouette": (None,)}}, ValueError, r"history\['silhouette'\]"),
        ({"history": {"silhouette": (float("nan"),)}}, ValueError, "finite"),
        ({"last_epoch": -1}, ValueError, "`last_epoch`"),
        ({"fixed_epoch": 1.5}, ValueError, "`fixed_epoch`"),
        ({"fixed_epoch": None}, ValueError, "`at_floor`"),
        ({"at_floor": 1}, ValueError, "`at_floor`"),
    ],
)
def test_bad_fields(change, error, message):
    with pytest.raises(error, match=message):
        ALDState(**{**MID_LIFE, **change})


def test_from_dict_wants_exactly_the_fields():
    data = ALDState(**MID_LIFE).to_dict()
    with pytest.raises(ValueError, match=r"ALDState.*unknown \['rng'\]"):
        ALDState.from_dict({**data, "rng": 1})
    with pytest.raises(ValueError, match=r"ALDState.*missing \['seed'\]"):
        ALDState.from_dict({name: data[name] for name in data if name != "seed"})
