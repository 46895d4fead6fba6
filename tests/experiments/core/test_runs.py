import pytest

from ald_keras.experiments.core.jobs import differences
from ald_keras.experiments.core.runs import read_runs
from ald_keras.runs.record import read_record


def test_only_whole_runs_are_read(tmp_path, write_run):
    write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    write_run(tmp_path, "my-rule", 8, 12, 5, -100.0)
    (write_run(tmp_path, "ald", 8, 1, 5, -100.0) / "run.json").unlink()
    (write_run(tmp_path, "ald", 8, 2, 5, -100.0) / "config.yaml").unlink()
    (tmp_path / "ald-8-seed5").mkdir()
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "notes").mkdir()
    runs = read_runs(tmp_path)
    found = [(run.group, run.size, run.seed) for run in runs]
    assert found == [("ald", 8, 0), ("my-rule", 8, 12)]
    assert read_record(tmp_path / "ald-8-seed1") is None
    assert read_runs(tmp_path / "nowhere") == []


@pytest.mark.parametrize("text", ["", '{"a": ', "[]", "null", "9" * 5000])
def test_a_damaged_record_is_not_taken_for_none(tmp_path, write_run, text):
    folder = write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    (folder / "run.json").write_text(text)
    for read in (read_record, lambda folder: read_runs(folder.parent)):
        with pytest.raises(ValueError, match=r"ald-8-seed0/run\.json "):
            read(folder)


def test_runs_of_one_name_from_different_configs(tmp_path, write_run):
    write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    write_run(tmp_path, "ald", 9, 1, 5, -100.0, config={"batch_size": 32})
    with pytest.raises(ValueError, match="ald-9-seed1.*other batch_size"):
        read_runs(tmp_path)


def test_runs_of_one_name_may_differ_in_what_is_named(tmp_path, write_run):
    for seed, tau in enumerate((3.0, 4.0)):
        geco = {"method": "geco", "geco": {"tau": tau}}
        write_run(tmp_path, "gated", 8, seed, 5, -100.0, config=geco)
    with pytest.raises(ValueError, match="gated-8-seed1.*other geco"):
        read_runs(tmp_path)
    assert len(read_runs(tmp_path, ("geco.tau",))) == 2
    geco = {"method": "geco", "geco": {"tau": 3.0, "gate_penalty": 2.0}}
    write_run(tmp_path, "gated", 8, 2, 5, -100.0, config=geco)
    with pytest.raises(ValueError, match="gated-8-seed2.*other geco"):
        read_runs(tmp_path, ("geco.tau",))


def test_a_run_without_figures_is_named(tmp_path, write_run):
    folder = write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    (folder / "run.json").write_text('{"active_dims": 3, "test": {"elbo": 1}}')
    with pytest.raises(ValueError, match=r"ald-8-seed0.*elbo"):
        read_runs(tmp_path)


def test_what_makes_runs_different(tiny):
    base = tiny()
    assert differences(base, tiny()) == []
    assert differences(base, tiny(data={"limit": 200, "dir": "elsewhere"})) == []
    assert differences(base, tiny(data={"limit": 201})) == ["data"]
    assert differences(base, tiny(seed=1, epochs=3)) == ["epochs", "seed"]
    assert differences(base, tiny(seed=1, epochs=3), ("seed",)) == ["epochs"]
    other = {"rule": {"name": "ald"}}
    assert differences(base, tiny(**other)) == ["rule"]
    assert differences(tiny(method="fixed"), tiny(method="fixed", **other)) == []
    assert differences(base, tiny(method="fixed", **other)) == ["method", "rule"]
