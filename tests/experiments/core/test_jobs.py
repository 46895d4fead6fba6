"""What a job's folder says of it, and what is refused."""

import json

import pytest

from ald_keras.experiments.core.jobs import JOB_FILE, Job, read_job
from ald_keras.experiments.core.runs import find_runs, is_done, read_runs
from ald_keras.runs.file_names import ERROR_FILE


def test_a_job_is_read_back_from_its_folder(tiny, tmp_path):
    config = tiny(latent_dim=7, seed=3)
    job = Job("a-b", config, 5, "some.module", ("--x", "1"), {"budget": 1.5}, False)
    folder = job.prepare(tmp_path)
    assert folder == tmp_path / "a-b-5-seed3"
    assert read_job(folder) == job
    assert json.loads((folder / JOB_FILE).read_text())["seed"] == 3
    assert Job("a", config).size == 7


def test_what_an_earlier_run_has_left_goes_first(tiny, tmp_path):
    job = Job("a", tiny())
    folder = job.prepare(tmp_path)
    for name in ("run.json", ERROR_FILE, "kept"):
        (folder / name).write_text("{}")
    job.prepare(tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.yaml", JOB_FILE, "kept"}


def test_nothing_is_read_from_the_name_of_a_folder(tmp_path, write_run):
    folder = write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    folder.rename(tmp_path / "my favourite")
    (run,) = read_runs(tmp_path)
    assert (run.group, run.size, run.seed) == ("ald", 8, 0)
    assert run.folder == tmp_path / "my favourite"


def test_runs_without_a_model_are_no_runs_of_the_table(tiny, tmp_path):
    folder = Job("estimates", tiny(), trains=False).prepare(tmp_path)
    (folder / "run.json").write_text("{}")
    assert read_runs(tmp_path) == []
    assert [run.folder for run in find_runs(tmp_path)] == [folder]


def test_a_run_of_an_earlier_version_is_refused(tiny, tmp_path, write_run):
    folder = write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    (folder / JOB_FILE).unlink()
    job = Job("ald", tiny(method="ald", latent_dim=8))
    for read in (lambda: read_runs(tmp_path), lambda: is_done(job, tmp_path)):
        with pytest.raises(ValueError, match=r"must hold job\.json, .* earlier"):
            read()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"group": 3}', '{"group": "a", "size": "3"}']
)
def test_a_damaged_job_is_named(tiny, tmp_path, text):
    folder = Job("a", tiny()).prepare(tmp_path)
    (folder / JOB_FILE).write_text(text)
    with pytest.raises(ValueError, match=r"a-4-seed0/job\.json"):
        read_job(folder)
