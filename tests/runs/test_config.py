import pathlib
import tempfile

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ald_keras import ElasticRule, SizeCurveRule
from ald_keras.files.text_files import write_yaml
from ald_keras.likelihoods import LIKELIHOODS
from ald_keras.runs.config import Config, load_config

MINIMAL = {"dataset": "digits", "latent_dim": 8, "epochs": 2}
CONFIGS = [
    path
    for path in sorted((pathlib.Path(__file__).parents[2] / "configs").glob("*.yaml"))
    # With a section of their own: `tests/experiments/test_searches.py`.
    if not path.stem.endswith("_compare")
]


def write(folder, text):
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_configs_that_come_along_are_read(path):
    config = load_config(path)
    again = Config.from_dict(yaml.safe_load(yaml.safe_dump(config.to_dict())))
    assert again.to_dict() == config.to_dict()


def test_defaults():
    config = Config.from_dict(MINIMAL)
    assert config.make_rule() == SizeCurveRule()
    assert (config.method, config.batch_size, config.seed) == ("ald", 64, 0)
    assert config.optimizer.to_dict() == {"name": "adam", "learning_rate": 1e-3}


def test_options_alone_go_with_the_default_name():
    config = Config.from_dict({**MINIMAL, "rule": {"patience": 3}})
    assert config.make_rule() == SizeCurveRule(patience=3)


@pytest.mark.parametrize(
    "rule", ["information", {"name": "information", "max_loss_increase": "1%"}]
)
def test_the_rule_that_was_removed_names_its_successor(tmp_path, rule):
    path = write(tmp_path, yaml.safe_dump({**MINIMAL, "rule": rule}))
    with pytest.raises(ValueError, match="'information'.*Use 'size_curve'") as error:
        load_config(path)
    assert "\n" not in str(error.value)


def test_short_and_long_forms_agree():
    short = Config.from_dict({**MINIMAL, "architecture": "conv", "beta": 2})
    long = Config.from_dict(
        {**MINIMAL, "architecture": {"name": "conv"}, "beta": {"value": 2, "warmup": 0}}
    )
    assert short == long


def test_settings_replace_what_the_file_says(tmp_path):
    path = write(tmp_path, yaml.safe_dump({**MINIMAL, "architecture": "mlp"}))
    config = load_config(
        path,
        [
            "rule.patience=3",
            "rule.target=[loss, silhouette]",
            "epochs=7",
            "architecture.hidden=[16, 16]",
            "beta.warmup=3",
            "data.limit=100",
        ],
    )
    rule = SizeCurveRule(patience=3, target=("loss", "silhouette"))
    assert config.make_rule() == rule
    assert config.epochs == 7
    assert config.architecture.to_dict() == {"name": "mlp", "hidden": [16, 16]}
    assert config.beta.warmup == 3
    assert config.data == {"limit": 100}


@settings(max_examples=30)
@given(
    st.fixed_dictionaries(
        {
            "dataset": st.sampled_from(["digits", "mnist", "smooth_map"]),
            "latent_dim": st.integers(1, 1000),
            "epochs": st.integers(1, 1000),
            "batch_size": st.integers(1, 1000),
            "seed": st.integers(0, 2**31),
            "likelihood": st.sampled_from(sorted(LIKELIHOODS)),
            "method": st.sampled_from(["ald", "fixed"]),
            "beta": st.floats(0, 100),
            "rule": st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["ald", "size_curve"]),
                    "patience": st.integers(4, 50),
                    "min_dims": st.integers(1, 9),
                }
            ),
        }
    )
)
def test_round_trip_through_yaml(data):
    config = Config.from_dict(data)
    text = yaml.safe_dump(config.to_dict())
    assert Config.from_dict(yaml.safe_load(text)).to_dict() == config.to_dict()


_TEXTS = st.text(max_size=20)
_PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _TEXTS
)
_VALUES = st.one_of(_PLAIN, st.lists(_PLAIN, max_size=3))
_OPTIONS = st.dictionaries(
    _TEXTS.filter(lambda key: key not in ("", "name")), _VALUES, max_size=3
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {
            "dataset": st.just("csv"),
            "data": st.fixed_dictionaries(
                {"path": _TEXTS},
                optional={"delimiter": _VALUES, "limit": _VALUES, "dir": _TEXTS},
            ),
            "latent_dim": st.integers(1, 2**31 - 1),
            "epochs": st.integers(1, 2**31 - 1),
        },
        optional={
            "architecture": st.fixed_dictionaries({"hidden": _VALUES}),
            "optimizer": st.builds(
                lambda name, more: {**more, "name": name}, _TEXTS, _OPTIONS
            ),
            "seed": st.integers(0, 2**32 - 2),
            "method": st.sampled_from(["ald", "fixed", "geco"]),
            "beta": st.just(1.0),
            "rule": st.sampled_from(
                [
                    "ald",
                    {"name": "ald_to_the_end", "thresholds": {"silhouette": 1e-7}},
                    {"tolerance": "1%", "target": ["loss", "silhouette"]},
                ]
            ),
            "geco": st.floats(1e-30, 1e30).map(lambda tau: {"tau": tau}),
            "probe": st.fixed_dictionaries({"features": _TEXTS}),
            "tensorboard": st.booleans(),
        },
    )
)
def test_round_trip_through_a_file(data):
    if data.get("method") == "geco":
        data = {"geco": {"tau": 3}, **data}
    config = Config.from_dict(data)
    assert Config.from_dict(config.to_dict()) == config
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "config.yaml")
        write_yaml(path, config.to_dict())
        assert load_config(path) == config


def test_defaults_that_are_written_make_no_other_config():
    written = Config.from_dict({**MINIMAL, "rule": {"patience": 6}, "seed": 0})
    assert written == Config.from_dict(MINIMAL)
    assert written != Config.from_dict({**MINIMAL, "rule": {"patience": 7}})
    assert written != MINIMAL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, "unknown key 'epoch'. Did you mean 'epochs'"),
        ({"zzz": 3}, "unknown key 'zzz'. Expected one of"),
        ({"rule": {"name": "ald", "patiense": 3}}, "Did you mean 'patience'"),
        ({"rule": {"name": "ald", "patience": 0}}, "`patience`"),
        ({"rule": "best"}, r"`rule` must be one of \['ald', 'ald_to_the_end',"),
        ({"interval": 0}, "`interval` must be"),
        ({"interval": 30, "rule": "ald"}, "`interval` must be .* SizeCurveRule"),
        ({"rule": 3}, "`rule` must be a name"),
        ({"tensorboard": "yes"}, "`tensorboard` must be True or False"),
        ({"rule": {"name": 3}}, "`rule` must be a name"),
        ({"probe": {"sise": 3}}, "Did you mean 'size'"),
        ({"probe": 500}, "`probe` must be a mapping"),
        ({"beta": -1}, "`beta.value`"),
        ({"beta": {"warm": 3}}, "Did you mean 'warmup'"),
        ({"latent_dim": 0}, "`latent_dim` must be an integer from 1 to"),
        ({"latent_dim": True}, "`latent_dim`"),
        ({"epochs": "many"}, "`epochs`"),
        ({"batch_size": 0.5}, "`batch_size`"),
        ({"seed": -1}, "`seed`"),
        ({"likelihood": "normal"}, "`likelihood` must be one of"),
        ({"report": "yes"}, "`report` must be True or False. Received: report='yes'"),
        ({"likelihood": "bernouli"}, "Did you mean 'bernoulli'"),
        ({"method": "grid"}, "`method` must be one of"),
        ({"method": "geco"}, "needs `geco.tau` or `geco.explained`.*neither"),
        ({"method": "geco", "geco": {"tau": 1, "explained": 0.9}}, "not both"),
        ({"method": "geco", "geco": {"tau": 0}}, "pass gated=False"),
        ({"method": "geco", "geco": {"tau": 1}, "beta": 2}, "`beta` has no place"),
        ({"geco": {"tau": -1}}, "`geco.tau`"),
        ({"geco": {"explained": "most"}}, "`geco.explained`"),
        ({"geco": {"estimater": "arm"}}, "Did you mean 'estimator'"),
        ({"geco": {"estimator": "arn"}}, "Did you mean 'arm'"),
        ({"geco": {"gated": "no"}}, "`geco.gated` must be True or False"),
        ({"data": ["x"]}, "`data` must be a mapping"),
    ],
)
def test_wrong_values_are_errors(change, message):
    with pytest.raises(ValueError, match=message):
        Config.from_dict({**MINIMAL, **change})


@pytest.mark.parametrize("missing", MINIMAL)
def test_missing_keys_are_errors(missing):
    data = {key: value for key, value in MINIMAL.items() if key != missing}
    with pytest.raises(ValueError, match=f"'{missing}' is missing"):
        Config.from_dict(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a list", "must be a mapping"),
        ("a: [1", "no valid YAML"),
        ("a: !!python/object/apply:os.getcwd []", "no valid YAML"),
        ("", "is missing"),
    ],
)
def test_files_that_hold_no_config(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_config(write(tmp_path, text))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "must be key=value"),
        ("=3", "must be key=value"),
        ("epochs.more=3", "'epochs' has no keys"),
        ("epochs=[1", "no YAML"),
        ("rule.nam=x", "unknown key 'nam'"),
    ],
)
def test_wrong_settings_are_errors(tmp_path, setting, message):
    with pytest.raises(ValueError, match=message):
        load_config(write(tmp_path, yaml.safe_dump(MINIMAL)), [setting])


def test_elastic_is_short_for_its_rule():
    config = Config.from_dict({**MINIMAL, "elastic": True})
    assert config.rule.name == "elastic"
    assert config.make_rule() == ElasticRule()
    assert Config.from_dict(config.to_dict()) == config
    given = {**MINIMAL, "elastic": True, "rule": {"share": 0.2}}
    assert Config.from_dict(given).make_rule() == ElasticRule(share=0.2)
    assert Config.from_dict({**MINIMAL, "elastic": False}).rule.name == "size_curve"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"elastic": True, "rule": "ald"}, "nothing may prune"),
        ({"elastic": True, "method": "fixed"}, "nothing may prune"),
        ({"elastic": False, "rule": "elastic"}, "exclude each other"),
        ({"elastic": "yes"}, "`elastic` must be True or False"),
        ({"elatsic": True}, "Did you mean 'elastic'"),
    ],
)
def test_elastic_and_what_does_not_go_with_it(changes, message):
    with pytest.raises(ValueError, match=message):
        Config.from_dict({**MINIMAL, **changes})
