import pathlib

import keras_tuner
import pytest
import yaml

from ald_keras.experiments.compare.comparison import Comparison, load_comparison
from ald_keras.experiments.compare.hp_search import EarlyStopping, HPSearch

CONFIGS = pathlib.Path(__file__).parents[3] / "configs"
COMPARISONS = sorted(CONFIGS.glob("*_compare.yaml"))
RUN = {"dataset": "digits", "latent_dim": 8, "epochs": 4}


def read(search, **changes):
    return Comparison.from_dict({**RUN, "hp_search": search, **changes})


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_the_comparisons_that_come_along_are_read(path):
    comparison = load_comparison(path)
    again = Comparison.from_dict(yaml.safe_load(yaml.safe_dump(comparison.to_dict())))
    assert again.to_dict() == comparison.to_dict()
    assert comparison.hp_searches[0].tuner == "grid"
    assert list(comparison.rules) == ["size_curve", "ald"]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("mnist", (4, 8, 12, 16, 24, 32)),
        ("fashion_mnist", (8, 16, 24, 32, 64)),
        ("eurosat", (16, 24, 32, 64)),
        ("sprites", (12, 16, 24, 32)),
    ],
)
def test_the_grids_are_the_papers(name, sizes):
    comparison = load_comparison(CONFIGS / f"{name}_compare.yaml")
    assert comparison.hp_searches[0].sizes == sizes


def test_one_search_in_short():
    comparison = read({"sizes": [2, 3]})
    assert comparison.hp_searches == (HPSearch("grid", (2, 3), 4, "grid"),)
    (config,) = comparison.rules.values()
    assert list(comparison.rules) == ["size_curve"]
    assert (config.method, config.latent_dim) == ("ald", 8)


def test_several_searches():
    search = {
        "sizes": [2, 3, 4],
        "tuners": [
            "grid",
            {"tuner": "grid", "early_stopping": {"patience": 2}},
            {"tuner": "random", "trials": 2, "name": "chance"},
            {"tuner": "hyperband", "sizes": {"min": 1, "max": 31, "step": 2}},
        ],
    }
    grid, early, chance, band = read(search).hp_searches
    assert (grid.name, early.name, chance.name) == ("grid", "grid-early", "chance")
    assert early.early_stopping == EarlyStopping(2, 0.0)
    assert grid.sizes == early.sizes == chance.sizes == (2, 3, 4)
    assert band.sizes == tuple(range(1, 32, 2))
    assert band.factor == 3
    assert chance.rounds() == [(0, 4, 2)]
    assert grid.rounds() == [(0, 4, 3)]
    assert band.group(2) == "hyperband-to2"
    assert grid.group(4) == "grid"


def test_rules_have_the_configs_fields_or_their_own():
    rules = ["size_curve", {"name": "ald", "patience": 3}]
    rule = {"name": "size_curve", "patience": 7}
    comparison = read({"sizes": [2], "rules": rules}, rule=rule)
    made = {name: config.make_rule() for name, config in comparison.rules.items()}
    assert (made["size_curve"].patience, made["ald"].patience) == (7, 3)
    assert read({"sizes": [2], "rules": []}).rules == {}


def test_gates_stand_among_the_rules():
    rules = ["size_curve", "geco"]
    comparison = read({"sizes": [2], "rules": rules}, geco={"explained": 0.5})
    config = comparison.rules["geco"]
    assert (config.method, config.geco.explained) == ("geco", 0.5)
    assert comparison.rules["size_curve"].method == "ald"
    again = Comparison.from_dict(yaml.safe_load(yaml.safe_dump(comparison.to_dict())))
    assert again == comparison
    own = {"name": "geco", "tau": 3.0, "estimator": "disarm"}
    config = read({"sizes": [2], "rules": [own]}).rules["geco"]
    assert (config.geco.tau, config.geco.estimator) == (3.0, "disarm")


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
@pytest.mark.parametrize("epochs", [1, 2, 3, 8, 9, 10, 27, 60, 100, 120, 125, 200])
def test_the_rounds_of_hyperband_are_keras_tuners(epochs, factor):
    objective = keras_tuner.Objective("val_loss", "min")
    oracle = keras_tuner.oracles.HyperbandOracle(
        objective, max_epochs=epochs, factor=factor
    )
    expected = [
        (
            oracle._get_epochs(bracket, number - 1) if number else 0,
            oracle._get_epochs(bracket, number),
            oracle._get_size(bracket, number),
        )
        for bracket in range(oracle._get_num_brackets() - 1, -1, -1)
        for number in range(oracle._get_num_rounds(bracket))
    ]
    sizes = tuple(range(1, 1001))
    assert HPSearch("hyperband", sizes, epochs, factor=factor).rounds() == expected


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (None, "'sizes' is missing"),
        ([], "`hp_search` must be a mapping"),
        ({}, "'sizes' is missing"),
        ({"size": [2]}, "unknown key 'size'. Did you mean 'sizes'"),
        ({"sizes": [2], "tuner": "gird"}, "Did you mean 'grid'"),
        ({"sizes": [2], "rules": ["size_curv"]}, "Did you mean 'size_curve'"),
        ({"sizes": [2], "rules": "ald"}, "`hp_search.rules` must be a list"),
        ({"sizes": [2], "rules": ["ald", "ald"]}, "distinct: 'ald'"),
        ({"sizes": [2], "rules": ["geco"]}, "needs `geco.tau` or `geco.explained`"),
        ({"sizes": [2], "rules": [{"name": "geco", "tua": 1}]}, "Did you mean 'tau'"),
        ({"sizes": [2], "name": "geco"}, "none of"),
        ({"sizes": [2], "rules": [{"name": "ald", "patiense": 1}]}, "'patience'"),
        ({"sizes": []}, "distinct integers >= 1"),
        ({"sizes": [2, 2]}, "distinct integers >= 1"),
        ({"sizes": [0]}, "`hp_search.sizes` must be a positive integer"),
        ({"sizes": ["2"]}, "`hp_search.sizes` must be a positive integer"),
        ({"sizes": 2}, "`hp_search.sizes` must be a list of integers"),
        ({"sizes": {"min": 2}}, "`hp_search.sizes.max`"),
        ({"sizes": {"min": 2, "maxx": 3}}, "Did you mean 'max'"),
        ({"sizes": {"min": 3, "max": 2}}, "distinct integers >= 1"),
        ({"sizes": [2], "early_stopping": {}}, "'patience' is missing"),
        ({"sizes": [2], "early_stopping": {"patiense": 2}}, "Did you mean 'patience'"),
        ({"sizes": [2], "early_stopping": {"patience": 0}}, "early_stopping.patience"),
        ({"sizes": [2], "early_stopping": 3}, "`early_stopping` must be a mapping"),
        ({"sizes": [2], "trials": 1}, "`hp_search.trials` belongs to tuner: random"),
        ({"sizes": [2], "tuner": "random"}, "`hp_search.trials` must be given"),
        ({"sizes": [2], "tuner": "random", "trials": 2}, "must hold 2 sizes or more"),
        ({"sizes": [2], "tuner": "random", "trials": 0}, "`hp_search.trials`"),
        ({"sizes": [2], "tuner": "random", "factor": 3}, "tuner: hyperband, not"),
        ({"sizes": [2, 3], "tuner": "hyperband"}, "must hold 8 sizes or more"),
        ({"sizes": [2], "tuner": "hyperband", "factor": 1}, "`hp_search.factor`"),
        (
            {"sizes": [2], "tuner": "hyperband", "early_stopping": {"patience": 1}},
            "tuner: grid and tuner: random, not to tuner: hyperband",
        ),
        ({"sizes": [2], "name": "ald"}, "`hp_search.name`"),
        ({"sizes": [2], "name": "a/b"}, "`hp_search.name`"),
        ({"sizes": [2], "name": 3}, "`hp_search.name`"),
        ({"sizes": [2], "tuners": []}, "`hp_search.tuners` must be a list"),
        ({"sizes": [2], "tuners": "grid"}, "`hp_search.tuners` must be a list"),
        ({"sizes": [2], "tuners": ["grid"], "trials": 2}, "unknown key 'trials'"),
        ({"sizes": [2], "tuners": ["grid", "grid"]}, "distinct names"),
        ({"sizes": [2], "tuners": [{"tunr": "grid"}]}, "Did you mean 'tuner'"),
    ],
)
def test_wrong_searches_are_errors(search, message):
    with pytest.raises(ValueError, match=message):
        read(search)


@pytest.mark.parametrize(
    ("changes", "search", "message"),
    [
        ({"strategy": "mirrored"}, {"sizes": [2]}, "needs `strategy: none`"),
        (
            {"beta": {"value": 1.0, "warmup": 2}},
            {"sizes": [2], "early_stopping": {"patience": 1}},
            r"`beta.warmup` must be 0.*\['grid-early'\]",
        ),
        (
            {"beta": {"value": 1.0, "warmup": 2}},
            {"sizes": {"min": 1, "max": 9}, "tuner": "hyperband"},
            r"`beta.warmup` must be 0.*\['hyperband'\]",
        ),
    ],
)
def test_runs_that_would_not_compare_are_errors(changes, search, message):
    with pytest.raises(ValueError, match=message):
        read(search, **changes)
    if "beta" in changes:
        assert read({"sizes": [2]}, **changes).base.beta.warmup == 2


def test_a_file_without_a_search_is_an_error(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(RUN))
    with pytest.raises(ValueError, match=r"run.yaml.*'hp_search' is missing"):
        load_comparison(path)
    comparison = load_comparison(path, ["hp_search.sizes=[2, 5]", "epochs=9"])
    assert comparison.hp_searches[0].sizes == (2, 5)
    assert comparison.hp_searches[0].epochs == 9
