import io
import json
import os
import subprocess
import sys

import pytest
from rich.console import Console

from ald_keras.experiments.core.jobs import Job
from ald_keras.experiments.core.runner import Runner, run_module
from ald_keras.experiments.core.runs import is_done
from ald_keras.runs.file_names import CHECKPOINT

WRITE = """folder = pathlib.Path(argv[argv.index("--output") + 1])
    (folder / "run.json").write_text(json.dumps({"active_dims": 3, "argv": argv}))"""


def run(output, jobs):
    text = io.StringIO()
    with Runner(output, Console(file=text, width=200)) as runner:
        runner.run(jobs)
    return runner.failures, text.getvalue()


def test_jobs_that_fail_are_reported_and_lose_no_other(tiny, tmp_path, commands):
    commands("breaks", 'print("first", file=sys.stderr); raise ValueError("no luck")')
    commands("dies", "os.kill(os.getpid(), 9)")
    commands("writes", WRITE)
    names = ("breaks", "dies", "writes")
    more = ("--more", "1")
    jobs = [Job(name, tiny(), module=name, options=more) for name in names]
    failures, printed = run(tmp_path / "out", jobs)
    assert list(failures) == ["breaks-4-seed0", "dies-4-seed0"]
    assert failures["breaks-4-seed0"] == "ValueError: no luck"
    assert failures["dies-4-seed0"].startswith("ended by signal 9; last line: ")
    assert "breaks-4-seed0 failed: ValueError: no luck\n" in printed
    assert "writes-4-seed0: 3 dimensions, " in printed
    assert "3/3" in printed
    record = json.loads((tmp_path / "out" / "writes-4-seed0" / "run.json").read_text())
    assert record["argv"][-5:] == ["--overwrite", "--verbose", "0", "--more", "1"]
    assert is_done(jobs[2], tmp_path / "out")
    assert not is_done(jobs[0], tmp_path / "out")


def test_a_run_that_was_killed_goes_on(tiny, tmp_path, commands):
    commands("writes", WRITE)
    folder = tmp_path / "writes-4-seed0"
    folder.mkdir()
    (folder / CHECKPOINT).touch()
    run(tmp_path, [Job("writes", tiny(), module="writes")])
    record = json.loads((folder / "run.json").read_text())
    assert record["argv"][-3:] == ["--resume", "--verbose", "0"]


def test_a_command_that_leaves_no_run_has_failed(tiny, tmp_path, commands):
    commands("idles", "pass")
    folder = tmp_path / "idle-4-seed0"
    folder.mkdir()
    # What a run without its config left cannot be told from another one's.
    (folder / "run.json").write_text("{}")
    failures, _ = run(tmp_path, [Job("idle", tiny(), module="idles")])
    assert failures == {"idle-4-seed0": "it left no run.json"}


def test_a_whole_run_is_not_run_again(tiny, tmp_path, write_run):
    folder = write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    config = tiny(method="ald", latent_dim=8)
    job = Job("ald", config, module="no_such_module")
    assert folder.name == job.name
    failures, printed = run(tmp_path, [job])
    assert failures == {}
    assert "1/1" in printed
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_another_config_is_an_error_that_names_it(tiny, tmp_path, write_run):
    folder = write_run(tmp_path, "ald", 8, 0, 5, -100.0)
    jobs = [
        Job("other", tiny(), 8, module="no_such_module"),
        Job("ald", tiny(method="ald", latent_dim=8, epochs=3)),
    ]
    with pytest.raises(ValueError, match="ald-8-seed0.*epochs: 2 there, 3 here"):
        run(tmp_path, jobs)
    assert not (tmp_path / "other-8-seed0").exists()
    (folder / "config.yaml").write_text("epoch: 3")
    with pytest.raises(ValueError, match="ald-8-seed0.*epoch"):
        is_done(jobs[1], tmp_path)


def test_facts_beside_the_config_decide_a_run_as_well(tiny, tmp_path, write_run):
    facts = {"early_stopping": {"patience": 2}}
    write_run(tmp_path, "fixed", 8, 0, 5, -100.0, facts=facts)
    config = tiny(method="fixed", latent_dim=8)
    assert is_done(Job("fixed", config, facts=facts), tmp_path)
    for other in ({"early_stopping": {"patience": 3}}, {"early_stopping": None}):
        with pytest.raises(ValueError, match="fixed-8-seed0.*another early_stopping"):
            is_done(Job("fixed", config, facts=other), tmp_path)


def test_what_a_command_prints_is_heard_line_by_line(commands):
    commands("speaks", "print('one'); print('two', argv); sys.exit('no luck')")
    heard = []
    assert run_module("speaks", ["a"], heard.append) == "no luck"
    assert heard == ["one", "two ['a']"]
    assert run_module("speaks", ["a"]) == "no luck"


def test_a_process_ends_with_the_one_that_holds_its_input(commands):
    commands("waits", "print('up', flush=True); time.sleep(600)")
    command = [sys.executable, "-m", "ald_keras.experiments.core.child", "waits"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=os.environ
    ) as process:
        assert process.stdout.readline() == b"up\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(timeout=30) == 1
