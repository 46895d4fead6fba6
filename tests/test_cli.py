"""`ald`: help, lists, configs and their errors, without loading Keras."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from ald_keras.__main__ import COMMANDS, main
from ald_keras.export.command import FORMATS
from ald_keras.export.formats import ARTIFACTS
from ald_keras.init.command import schema_text
from ald_keras.init.schema import config_schema
from ald_keras.init.template import template
from ald_keras.registries import ARCHITECTURES, DATASETS, LIKELIHOODS
from ald_keras.rules import RULES
from ald_keras.runs.config import Config, load_config
from ald_keras.runs.config_parts import DATA_OPTIONS

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"
DIGITS = str(CONFIGS / "digits.yaml")
HEAVY = ("keras", "tensorflow", "jax", "torch", "sklearn", "scipy", "matplotlib")

# What must be answered at once, and the exit code.
QUICK = [
    (["--help"], 0),
    (["--version"], 0),
    ([], 2),
    (["trian"], 2),
    *(([name, "--help"], 0) for name in COMMANDS),
    (["train", "--list"], 0),
    (["train", "--list", "csv"], 0),
    (["train", "--list", "csw"], 2),
    (["init", "my.yaml", "--dataset", "csw"], 2),
    (["train"], 2),
    (["train", "--config", DIGITS, "--set", "dataset=digit"], 2),
    (["train", "--config", DIGITS, "--set", "data.limt=3"], 2),
    (["train", "--config", DIGITS, "--set", "architecture.hiden=3"], 2),
    (["train", "--config", DIGITS, "--set", "likelihood=normal"], 2),
    (["train", "--config", DIGITS, "--set", "rule.patience=0"], 2),
    (["train", "--config", DIGITS, "--set", "strategy=all"], 2),
    (["train", "--config", DIGITS, "--set", "method=geco", "geco.tau=0"], 2),
    (["train", "--config", "no/such.yaml"], 2),
    (["export", "no/such.keras"], 2),
    (["figures", "no/such"], 2),
    (["compare", "--config", DIGITS], 2),
    *(
        ([name, "--config", DIGITS, "--set", "batch_size=0"], 2)
        for name in ("compare", "stability", "bottleneck", "curve")
    ),
]

CODE = """
import contextlib, io, json, sys
from ald_keras.__main__ import main
for arguments, expected in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code or 0
    heavy = sorted({*json.loads(sys.argv[2])} & {*sys.modules})
    assert code == expected, (arguments, code, err.getvalue())
    assert not heavy, (arguments, heavy)
    lines = err.getvalue().count("\\n")
    assert lines == (1 if expected else 0), (arguments, err.getvalue())
"""


def wrong_files(folder):
    """Arguments that name what is missing or in the way, each an error."""
    (folder / "full").mkdir()
    (folder / "full" / "notes.txt").write_text("mine")
    (folder / "table.csv").write_text("a,b,kind\n1,2,x\n3,4,y\n")
    train = ["train", "--config", DIGITS, "--output", str(folder / "new"), "--set"]
    table = [*train, "dataset=csv", f"data.path={folder / 'table.csv'}"]
    return [
        ["train", "--config", DIGITS, "--output", str(folder / "full")],
        ["train", "--config", DIGITS, "--output", str(folder / "table.csv")],
        *(
            [*train, f"dataset={name}", f"data.path={folder / 'none'}"]
            for name in ("csv", "npz", "parquet", "h5ad", "image_folder")
        ),
        [*train, f"data.dir={folder / 'none'}"],
        [*table, "data.label_column=sort"],
        [*table, "data.conditions=[kind, age]"],
        [*table, "data.categorical=[sort]"],
        ["export", str(folder / "full")],
    ]


def test_help_lists_and_errors_load_no_backend(tmp_path):
    quick = [*QUICK, *((arguments, 2) for arguments in wrong_files(tmp_path))]
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(quick), json.dumps(HEAVY)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--list"], ["curve", "--help"]]
)
def test_an_answer_takes_less_than_a_second(arguments):
    before = os.times()
    command = [sys.executable, "-m", "ald_keras", *arguments]
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    spent = after.children_user - before.children_user
    assert spent + after.children_system - before.children_system < 1.0


def test_a_warning_of_a_command_is_one_line():
    code = (
        "from ald_keras._warn import warn; from ald_keras.cli import run_command;"
        "run_command('ald x', lambda: warn('a\\nb'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "ald x: warning: a b\n")


def help_of(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert not end.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_how_it_is_called(name, capsys):
    text = help_of(name, capsys)
    assert text.startswith(f"usage: ald {name}")
    example = text.rstrip().splitlines()[-1]
    assert "Example:\n" in text
    assert example.startswith(f"  ald {name} ")
    for word in example.split():
        if word.startswith("configs/"):
            assert (CONFIGS.parent / word).is_file()
    assert "options:" in text


def test_the_help_names_all_commands(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)


def test_list_names_what_a_config_may_name(capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", "--list"])
    assert not end.value.code
    names = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line}
    assert {*DATASETS, *ARCHITECTURES, *RULES, *LIKELIHOODS} <= names


@pytest.mark.parametrize("name", [*DATASETS, *ARCHITECTURES, *RULES, *LIKELIHOODS])
def test_list_says_the_options_of_each_name(name, capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", "--list", name])
    assert not end.value.code
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith(f"{name}: ")
    for line in lines:
        assert line.endswith(("(required)", ")", "no options.")), line
    if name in DATASETS:
        assert {*DATASETS.options(name), *DATA_OPTIONS} == {x.split()[0] for x in lines}


def test_list_says_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--list", "csv"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["path"].endswith("The file. (required)")
    assert lines["delimiter"].endswith('(default: ",")')
    assert lines["conditions"].endswith("(default: [])")
    assert lines["standardize"].endswith("(default: false)")


@pytest.mark.parametrize("name", DATASETS)
def test_init_writes_the_options_of_a_data_set(name, tmp_path, capsys):
    path = tmp_path / "my.yaml"
    assert main(["init", str(path), "--dataset", name]) == 0
    config = load_config(path)
    options = DATASETS.options(name)
    assert config.dataset == name
    assert set(config.data) == {key for key, required in options.items() if required}
    text = path.read_text()
    for key in {*options, *DATA_OPTIONS} - set(config.data):
        assert f"  # {key}: " in text
    # All of them, as they are with their comment signs removed.
    shown = re.sub(r"^  # (\w+: )", r"  \1", text.split("\n# Networks")[0], flags=re.M)
    assert {*options, *DATA_OPTIONS} <= {*yaml.safe_load(shown)["data"]}


def test_formats_are_those_of_the_artifacts():
    assert list(FORMATS) == list(ARTIFACTS)


def test_init_writes_a_config_that_says_the_defaults(tmp_path, capsys):
    path = tmp_path / "my.yaml"
    assert main(["init", str(path)]) == 0
    assert f"ald train --config {path}" in capsys.readouterr().out
    expected = load_config(CONFIGS / "digits.yaml")
    assert load_config(path) == expected
    keys = yaml.safe_load(template())
    assert {*keys, "geco"} == {*expected.to_dict()}


def test_init_replaces_a_file_only_on_request(tmp_path, capsys):
    path = tmp_path / "my.yaml"
    path.write_text("mine")
    assert main(["init", str(path)]) == 2
    assert "pass --overwrite to replace it" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["init", str(path), "--overwrite"]) == 0
    assert path.read_text() == template()


def test_init_names_a_folder_that_is_missing(tmp_path, capsys):
    assert main(["init", str(tmp_path / "none" / "my.yaml")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_the_schema_in_configs_is_up_to_date(capsys):
    """`ald init --schema configs/schema.json --overwrite` brings it up to date."""
    assert (CONFIGS / "schema.json").read_text(encoding="utf-8") == schema_text()
    assert main(["init", "--schema"]) == 0
    assert capsys.readouterr().out == schema_text()


def fits(schema, value):
    """Whether a value fits a schema, as far as `config_schema` uses the language."""
    kinds = {
        **{"integer": int, "number": (int, float), "string": str, "boolean": bool},
        **{"null": type(None), "array": list, "object": dict},
    }
    named = schema.get("type", [])
    named = [named] if isinstance(named, str) else named
    properties = schema.get("properties", {})
    return (
        (not named or any(isinstance(value, kinds[name]) for name in named))
        and ("enum" not in schema or value in schema["enum"])
        and ("const" not in schema or value == schema["const"])
        and value_is_above(schema, value)
        and all(
            any(fits(each, value) for each in schema[key])
            for key in ("anyOf", "oneOf")
            if key in schema
        )
        and (not isinstance(value, dict) or {*schema.get("required", ())} <= {*value})
        and all(
            fits(properties[key], each)
            if key in properties
            else schema.get("additionalProperties", True)
            for key, each in (value.items() if isinstance(value, dict) else ())
        )
    )


def value_is_above(schema, value):
    return "minimum" not in schema or (
        isinstance(value, (int, float)) and value >= schema["minimum"]
    )


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_all_configs_fit_the_schema(path):
    assert fits(config_schema(), yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"dataset": "digit"},
        {"latent_dim": 0},
        {"epochs": "many"},
        {"ruel": "ald"},
        {"rule": {"name": "size_curve", "patienc": 3}},
        {"architecture": {"name": "mpl"}},
        {"data": {"limt": 3}},
        {"geco": {"tua": 3}},
        {"likelihood": "normal"},
    ],
    ids=str,
)
def test_the_schema_refuses_what_a_config_refuses(wrong):
    data = yaml.safe_load(template()) | wrong
    assert not fits(config_schema(), data)
    with pytest.raises(ValueError, match=f"(?i){next(iter(wrong))}"):
        Config.from_dict(data)


def test_all_keys_have_a_text_in_the_schema():
    for name, value in config_schema()["properties"].items():
        assert value["description"], name
