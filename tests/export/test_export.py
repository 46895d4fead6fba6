import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from builders import digits, small_vae
from keras import layers

from ald_keras import MaskedVAE
from ald_keras.export.command import main
from ald_keras.export.exporting import export

X = digits(64)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a masked model and what it reconstructs; nobody changes it."""
    folder = tmp_path_factory.mktemp("trained")
    vae = small_vae(8)
    vae.compile()
    vae.fit(X, epochs=1, verbose=0)
    vae.latent_mask.deactivate([0, 3, 4])
    vae.save(folder / "model.keras")
    np.save(folder / "expected.npy", vae.reconstruct(X))
    return folder


@pytest.fixture
def model_file(trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path / "model.keras"


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_the_smaller_model_reloads_elsewhere(model_file, tmp_path):
    report = export(model_file)
    assert report["files"] == [str(tmp_path / "compact.keras")]
    assert (report["before"]["dimensions"], report["after"]["dimensions"]) == (8, 5)
    assert report["after"]["bytes"] == (tmp_path / "compact.keras").stat().st_size
    assert report["after"]["bytes"] < report["before"]["bytes"]
    # Per dimension: 24 decoder rows, and a column of 24 and a bias in each head.
    saved = report["before"]["parameters"] - report["after"]["parameters"]
    assert saved == 3 * (24 + 2 * 25)
    assert report["largest_difference"] <= 1e-5
    code = (
        "import numpy as np, keras, ald_keras;"
        "from sklearn.datasets import load_digits;"
        "x = (load_digits().images[:64] / 16).astype('float32')[..., None];"
        "model = keras.saving.load_model('compact.keras');"
        "gap = np.abs(model.reconstruct(x) - np.load('expected.npy')).max();"
        "print(model.latent_dim, gap <= 1e-5)"
    )
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "5 True"


def test_parts_load_without_this_library(model_file, tmp_path):
    export(model_file, tmp_path / "out.keras", format="parts")
    code = (
        "import keras, numpy as np, sys; from sklearn.datasets import load_digits;"
        "x = (load_digits().images[:64] / 16).astype('float32')[..., None];"
        "encoder = keras.saving.load_model('out-encoder.keras');"
        "decoder = keras.saving.load_model('out-decoder.keras');"
        "y = decoder(encoder(x)[0]);"
        "gap = np.abs(np.asarray(y) - np.load('expected.npy')).max();"
        "print(decoder.input_shape[1], gap <= 1e-5, 'ald_keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "5 True False"


def test_the_command_prints_a_table(model_file, tmp_path, capsys):
    run = {"test": {"active_dims": 5, "reconstruction_loss": 21.0, "silhouette": 0.3}}
    run["test_compact"] = {**run["test"], "reconstruction_loss": 21.5}
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert main([str(model_file)]) == 0
    out = capsys.readouterr().out
    for text in ("latent dimensions", "parameters", "file size", "21.00", "21.50"):
        assert text in out
    assert str(tmp_path / "compact.keras") in out.replace("\n", "")


def test_the_table_says_where_a_code_is_put(tmp_path, capsys):
    code = keras.Input((6,))
    decoder = keras.Model(code, layers.Dense(4)(layers.LayerNormalization()(code)))
    data = keras.Input((4,))
    encoder = keras.Model(data, layers.Dense(5)(data))
    vae = MaskedVAE(encoder, decoder, 6, likelihood="gaussian", seed=0)
    vae.latent_mask.deactivate([2])
    vae.save(tmp_path / "model.keras")
    assert main([str(tmp_path / "model.keras")]) == 0
    assert "latent_places" in capsys.readouterr().out


def test_the_command_prints_json(model_file, capsys):
    assert main([str(model_file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["after"]["dimensions"] == 5


def test_figures_of_another_size_are_left_out(model_file, tmp_path):
    run = {"test_compact": {"active_dims": 6, "reconstruction_loss": 21.0}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert "reconstruction_loss" not in export(model_file)["after"]


def test_a_baseline_gives_the_figures_before(model_file, tmp_path):
    base = tmp_path / "fixed"
    base.mkdir()
    small_vae(8).save(base / "model.keras")
    run = {"test": {"active_dims": 8, "reconstruction_loss": 20.0, "silhouette": 0.1}}
    (base / "run.json").write_text(json.dumps(run))
    report = export(model_file, baseline=base)
    assert report["before"]["reconstruction_loss"] == 20.0


def test_files_are_not_replaced_unless_told(model_file, tmp_path, capsys):
    (tmp_path / "compact.keras").write_text("mine")
    assert main([str(model_file)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "compact.keras").read_text() == "mine"
    assert main([str(model_file), "--overwrite"]) == 0
    assert keras.saving.load_model(tmp_path / "compact.keras").latent_dim == 5


def truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


def from_the_future(path, metadata=None):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if metadata is None:
        known = json.loads(members["metadata.json"])
        metadata = json.dumps({**known, "keras_version": "99.1"})
    config = members["config.json"].replace(b'"Dense"', b'"NotYetMade"')
    assert config != members["config.json"]
    members.update({"metadata.json": metadata, "config.json": config})
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def nested(path):
    from_the_future(path, "[" * 100_000)


def foreign(path):
    keras.Sequential([keras.Input((2,)), layers.Dense(1)]).save(path)


def text(path):
    path.write_text("no model")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, "no model that can be loaded"),
        (text, "no model that can be loaded"),
        (nested, "no model that can be loaded"),
        (from_the_future, f"(written by Keras 99.1, read by {keras.__version__})"),
        (foreign, "holds a Sequential. Expected a model with a latent mask"),
        (pathlib.Path.unlink, "there is no such file"),
    ],
)
def test_files_that_cannot_be_exported(model_file, tmp_path, capsys, damage, message):
    damage(model_file)
    before = names(tmp_path)
    assert main([str(model_file)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert str(model_file) in error
    assert error.count("\n") == 1
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "small.h5"], "must end in .keras"),
        (["--output", "{model}"], "must not be the model itself"),
        (["--output", "{folder}/none/small.keras"], "none"),
        (["--baseline", "{folder}/none"], "there is no such file"),
    ],
)
def test_wrong_arguments_leave_no_file(
    model_file, tmp_path, capsys, arguments, message
):
    before = names(tmp_path)
    arguments = [a.format(model=model_file, folder=tmp_path) for a in arguments]
    assert main([str(model_file), "--overwrite", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert names(tmp_path) == before


def test_an_unknown_format_is_one_line(model_file, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(model_file), "--format", "pickle"])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def elastic_run(tmp_path):
    """A folder as an elastic run leaves it."""
    vae = small_vae(8)
    vae.compile()
    vae.size_sampling.start([3, 1, 0, 2, 5, 4, 6, 7], [0.05] * 8)
    vae.fit(X, epochs=1, verbose=0)
    vae.save(tmp_path / "model.keras")
    vae.size_curve(X).to_csv(tmp_path / "size_curve.csv")
    return tmp_path


def test_a_size_of_an_elastic_model(elastic_run):
    report = export(elastic_run / "model.keras", size=3)
    assert report["files"] == [str(elastic_run / "compact-3.keras")]
    assert report["after"]["dimensions"] == 3
    assert report["after"]["increase"] != 0.0
    assert report["before"]["increase"] == 0.0
    assert report["largest_difference"] <= 1e-5
    small = keras.saving.load_model(elastic_run / "compact-3.keras")
    vae = keras.saving.load_model(elastic_run / "model.keras")
    with vae.latent_mask.only([0, 1, 3]):
        np.testing.assert_allclose(small.reconstruct(X), vae.reconstruct(X), atol=1e-5)


def test_several_sizes_at_once(elastic_run, capsys):
    model = str(elastic_run / "model.keras")
    assert main([model, "--sizes", "5", "2"]) == 0
    shown = capsys.readouterr().out
    assert names(elastic_run) == [
        *("compact-2.keras", "compact-5.keras", "model.keras", "size_curve.csv"),
    ]
    rows = [line.split() for line in shown.splitlines() if "│" in line]
    assert [row[1] for row in rows] == ["8", "2", "5"]
    assert rows[0][-2] == "+0.00"
    assert main([model, "--sizes", "3", "4", "--format", "onnx", "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["after"]["dimensions"] for report in reports.values()] == [3, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "9"], "`size` must be an integer from 1 to the 8 active"),
        (["--size", "0"], "`size` must be an integer from 1 to the 8 active"),
        (["--sizes", "2", "99"], "`size` must be an integer from 1 to the 8 active"),
    ],
)
def test_sizes_that_there_are_not(elastic_run, arguments, message, capsys):
    assert main([str(elastic_run / "model.keras"), *arguments]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_a_size_of_a_model_without_sampled_sizes(model_file, capsys):
    assert main([str(model_file), "--size", "2"]) == 2
    error = capsys.readouterr().err
    assert "`size` needs an order of the dimensions" in error
    assert "`ald train --set elastic=true`" in error


def test_a_run_is_named_by_its_folder(model_file, capsys):
    assert main([str(model_file.parent)]) == 0
    assert (model_file.parent / "compact.keras").is_file()
    capsys.readouterr()
    assert main([str(model_file.parent), "--sizes", "2"]) == 2
    assert "elastic=true" in capsys.readouterr().err
    model_file.unlink()
    assert main([str(model_file.parent)]) == 2
    assert "holds no model.keras" in capsys.readouterr().err


def test_one_output_cannot_take_several_sizes(elastic_run, capsys):
    arguments = ["--sizes", "2", "3", "--output", str(elastic_run / "a.keras")]
    with pytest.raises(SystemExit, match="2"):
        main([str(elastic_run / "model.keras"), *arguments])
    assert "--output names one file" in capsys.readouterr().err
