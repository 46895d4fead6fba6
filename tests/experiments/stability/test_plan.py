import pathlib

import pytest

from ald_keras.experiments.core.settings import check_settings, read_base
from ald_keras.experiments.stability.plan import (
    DECIDED,
    StabilityPlan,
    make_groups,
    split_settings,
)


def plan_of(base, **changes):
    values = {"starts": (6, 4), "seeds": 2, "fixed_seeds": 3, "sizes": [5], **changes}
    return StabilityPlan(base, {"size_curve": base}, **values)


def test_every_rule_from_every_start_with_every_seed(tiny):
    jobs = plan_of(tiny(seed=7, latent_dim=9)).pruning_jobs()
    assert [job.name for job in jobs] == [
        "size_curve-6-seed0",
        "size_curve-4-seed0",
        "size_curve-6-seed1",
        "size_curve-4-seed1",
    ]
    config = jobs[1].config
    assert (config.latent_dim, config.seed, config.method) == (4, 0, "ald")
    assert jobs[0].group == "size_curve"


def test_fixed_sizes_have_as_many_epochs_and_no_pruning(tiny):
    jobs = plan_of(tiny()).fixed_jobs([2, 3])
    assert len(jobs) == 6
    assert jobs[0].name == "fixed-2-seed0"
    assert {job.config.method for job in jobs} == {"fixed"}
    assert {job.config.epochs for job in jobs} == {2}
    assert {job.config.latent_dim for job in jobs} == {2, 3}


def test_the_one_shot_removal_starts_from_the_largest_fixed_run(tiny):
    jobs = plan_of(tiny()).one_shot_jobs(pathlib.Path("out"))
    assert [job.name for job in jobs] == [f"oneshot-6-seed{n}" for n in range(3)]
    assert jobs[2].options == ("--source", str(pathlib.Path("out/fixed-6-seed2")))
    assert jobs[0].config.epochs == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"starts": (6, 6)}, "--starts"),
        ({"starts": (0,)}, "--starts"),
        ({"starts": ()}, "--starts"),
        ({"seeds": 0}, "--seeds"),
        ({"fixed_seeds": 0}, "--fixed-seeds"),
        ({"sizes": (3, 0)}, "--sizes"),
    ],
)
def test_numbers_out_of_range(tiny, changes, message):
    with pytest.raises(ValueError, match=message):
        plan_of(tiny(), **changes)


def test_rules_and_variants(tiny_file, tmp_path):
    settings = ["rule.patience=7"]
    base = read_base(tiny_file, settings, str(tmp_path), DECIDED)
    variants = [
        "quick:rule.patience=4,rule.share=0.2",
        "wide:architecture={hidden: [8, 9]}",
    ]
    groups = make_groups(tiny_file, base, settings, ["size_curve", "ald"], variants)
    assert list(groups) == ["size_curve", "ald", "quick", "wide"]
    rules = {name: config.make_rule() for name, config in groups.items()}
    assert rules["size_curve"].patience == rules["wide"].patience == 7
    assert (rules["quick"].patience, rules["quick"].share) == (4, 0.2)
    assert rules["ald"].patience == 5
    assert groups["wide"].architecture.options == {"hidden": [8, 9]}
    assert {config.data["dir"] for config in groups.values()} == {str(tmp_path)}


def test_settings_are_split_at_commas_outside_of_brackets():
    text = "a=1, b={c: [1, 2], d: 3},e=[x, y]"
    assert split_settings(text) == ["a=1", "b={c: [1, 2], d: 3}", "e=[x, y]"]
    assert split_settings("") == []


@pytest.mark.parametrize(
    ("rules", "variants", "message"),
    [
        (["size_curv"], [], "Did you mean 'size_curve'"),
        (["information"], [], "which was removed. Use 'size_curve'"),
        (["ald", "ald"], [], "distinct"),
        ([], ["ald:epochs=3"], "--variant"),
        ([], ["fixed:epochs=3"], "--variant"),
        ([], ["a/b:epochs=3"], "--variant"),
        ([], ["quick"], "--variant"),
        ([], ["quick:"], "--variant"),
        ([], ["q:epochs=3", "q:epochs=4"], "distinct"),
        ([], ["q:epoch=3"], "Did you mean 'epochs'"),
        ([], ["q:rule.patience=0"], "`patience`"),
        ([], ["q:seed=3"], "decided by --seeds"),
        ([], ["q:method=fixed"], "decided by --rules"),
    ],
)
def test_wrong_rules_and_variants(tiny_file, rules, variants, message):
    base = read_base(tiny_file, [], None, DECIDED)
    with pytest.raises(ValueError, match=message):
        make_groups(tiny_file, base, [], rules, variants)


def test_settings_of_what_is_decided_elsewhere():
    decided = {"seed": "us", "geco.tau": "them"}
    for setting in ("geco.tau=3", "geco.tau.x=3", "seed=1", "seed.x=1"):
        with pytest.raises(ValueError, match=f"{setting}.* is decided by"):
            check_settings("--set", [setting], decided)
    others = ["geco.taus=3", "geco.gated=true", "seeds=1", "epochs=3"]
    check_settings("--set", others, decided)


def test_wrong_settings_and_folders(tiny_file):
    with pytest.raises(ValueError, match="decided by --starts"):
        read_base(tiny_file, ["latent_dim=3"], None, DECIDED)
    with pytest.raises(FileNotFoundError, match="/nowhere"):
        read_base(tiny_file, [], "/nowhere", DECIDED)
