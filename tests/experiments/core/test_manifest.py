"""The manifest decides what kind of experiment a folder holds."""

import json

import pytest

from ald_keras.experiments.core.manifest import MANIFEST, Manifest, read_manifest
from ald_keras.experiments.curve.command import main as curve
from ald_keras.experiments.figures.command import main as draw


def test_a_manifest_is_read_back(tmp_path):
    manifest = Manifest("curve", {"seeds": 2})
    manifest.write(tmp_path / "new" / "folder")
    assert read_manifest(tmp_path / "new" / "folder", "curve") == manifest
    assert "keras" in manifest.versions


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": 3, "settings": {}}'])
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(ValueError, match=r"experiment\.json"):
        read_manifest(tmp_path)


def test_an_experiment_of_an_earlier_version_is_refused(tmp_path, write_run, capsys):
    write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    (tmp_path / "experiment.yaml").write_text("starts: [8]")
    for main, arguments in (
        (draw, [str(tmp_path)]),
        (curve, ["--output", str(tmp_path), "--report"]),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "which earlier versions did not write" in error
        assert "another --output" in error


def test_another_kind_is_refused(tiny_file, tmp_path, write_manifest, capsys):
    write_manifest(tmp_path, "stability", seeds=1)
    before = (tmp_path / MANIFEST).read_bytes()
    start = ["--output", str(tmp_path)]
    for arguments in (["--report"], ["--config", str(tiny_file), "--sizes"]):
        assert curve([*start, *arguments]) == 2
        error = capsys.readouterr().err
        assert "must hold an experiment of kind 'curve'" in error
        assert "python -m ald_keras.experiments.stability" in error
    assert (tmp_path / MANIFEST).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_figures_of_an_unknown_kind(tmp_path, write_manifest, capsys):
    write_manifest(tmp_path, "other")
    assert draw([str(tmp_path)]) == 2
    assert "`kind` must be one of ['bottleneck'" in capsys.readouterr().err
    assert json.loads((tmp_path / MANIFEST).read_text())["kind"] == "other"
