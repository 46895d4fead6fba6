"""One hyperparameter search with one seed: keras-tuner and its trials.

Started by `python -m ald_keras.experiments.compare`. A trial is a run like those of
`python -m ald_keras.train`, in a separate folder, and a whole one is not trained again:
keras-tuner restarts each time and is given the results. (Its own files are of no use
after a kill: its grid search forgets where it was, and they may be cut off.)
"""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import tempfile
import threading
import time
from collections.abc import Collection, Sequence
from typing import Any

import grpc
import keras
import keras_tuner as kt
from keras_tuner.errors import FailedTrialError, FatalError

from ald_keras.cli import OneLineParser, run_command
from ald_keras.experiments.compare.comparison import load_comparison
from ald_keras.experiments.compare.fixed_sizes import OBJECTIVE, FixedSizes
from ald_keras.experiments.compare.roles import CHIEF, VARIABLES, WORKER, find_role
from ald_keras.experiments.compare.trials import (
    Event,
    possible_jobs,
    remove_end,
    write_end,
)
from ald_keras.experiments.core.jobs import Job
from ald_keras.experiments.core.runs import is_done
from ald_keras.runs.file_names import ERROR_FILE
from ald_keras.runs.record import read_record
from ald_keras.runs.run_files import clear_logs

# Seconds between two questions of a worker to its chief.
_PAUSE = 0.5


class _ElsewhereError(FatalError):
    """The chief is not where this worker thought: at another search, or a new one."""


class _Trials:
    """What the tuners do alike: a trial is a run, and a whole run is not repeated."""

    hypermodel: FixedSizes
    oracle: kt.Oracle
    skipped: Collection[str] = ()

    def pre_create_trial(self) -> None:
        # A worker that is to wait would ask again at once, and keep its chief busy.
        if find_role() == WORKER:
            time.sleep(_PAUSE)

    def run_trial(
        self, trial: Any, *args: object, **kwargs: object
    ) -> dict[str, object]:
        self._check_session(trial.hyperparameters)
        job = self.hypermodel.job(trial.hyperparameters)
        folder = self.hypermodel.output / job.name
        if job.name in self.skipped:
            raise FailedTrialError("It has ended the process before.")
        if is_done(job, self.hypermodel.output):
            record = read_record(folder) or {}
            begun = trial.hyperparameters.values.get("tuner/initial_epoch", 0)
            # Another schedule of hyperband trains the same size otherwise.
            if record.get("initial_epoch", 0) == begun:
                Event(job.name, "found").send()
                return {OBJECTIVE: record["validation_loss"]}
        Event(job.name, "began").send()
        try:
            result = self._train(trial.hyperparameters, job)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            (folder / ERROR_FILE).write_text(reason + "\n", encoding="utf-8")
            Event(job.name, "failed", reason).send()
            raise FailedTrialError(reason) from error
        Event(job.name, "ended").send()
        if find_role() == WORKER:
            # A chief that was started again gives the trial's number to another one.
            try:
                self._check_session(self.oracle.get_space())
            except grpc.RpcError as error:
                raise _ElsewhereError("The chief is gone.") from error
        return result

    def _check_session(self, hp: kt.HyperParameters) -> None:
        if hp.get("session") != self.hypermodel.session:
            raise _ElsewhereError("The chief is in another search.")

    def _train(self, hp: kt.HyperParameters, job: Job) -> dict[str, object]:
        clear_logs(job.prepare(self.hypermodel.output))
        # As keras-tuner does before it builds a model: the last one's graph goes.
        keras.utils.clear_session()
        gc.collect()
        begun = time.perf_counter()
        model = self.hypermodel.build(hp)
        return self.hypermodel.fit(hp, model, begun=begun)


class GridOracle(kt.oracles.GridSearchOracle):
    """keras-tuner's grid search, which gives a size to every worker that asks.

    Its own takes up a value only when the trial with the value before it has ended, as
    that might have come upon new hyperparameters: of a grid over one of them all
    workers but one or two would have nothing to do.
    """

    def populate_space(self, trial_id: str) -> dict[str, object]:
        space = self.get_space()
        tried = {t.hyperparameters.get("latent_dim") for t in self.trials.values()}
        sizes = next(hp.values for hp in space.space if hp.name == "latent_dim")
        for size in sizes:
            if size not in tried:
                values = {hp.name: hp.default for hp in space.space}
                return {"status": "RUNNING", "values": {**values, "latent_dim": size}}
        return {"status": "STOPPED", "values": None}


class _Grid(_Trials, kt.Tuner):
    pass


class _Random(_Trials, kt.RandomSearch):
    pass


class _Hyperband(_Trials, kt.Hyperband):
    pass


def make_tuner(hypermodel: FixedSizes, directory: str) -> kt.Tuner:
    """The keras-tuner search.

    Args:
        hypermodel: What it chooses the size of.
        directory: Folder for keras-tuner's own files; empty, or another process's.
    """
    search = hypermodel.hp_search
    trials = sum(count for _, _, count in search.rounds())
    options: dict[str, object] = {
        "objective": kt.Objective(OBJECTIVE, "min"),
        # 0 would be no seed.
        "seed": hypermodel.seed + 1,
        # A failure is reported at the end and loses no other trial.
        "max_consecutive_failed_trials": trials + 1,
    }
    place = {
        "hypermodel": hypermodel,
        "directory": directory,
        "project_name": search.name,
    }
    if search.tuner == "grid":
        return _Grid(GridOracle(**options), **place)
    options |= place
    if search.tuner == "random":
        tuner: kt.Tuner = _Random(max_trials=search.trials, **options)
    else:
        tuner = _Hyperband(max_epochs=search.epochs, factor=search.factor, **options)
    if find_role() != WORKER:
        # It gives up after 20 draws of sizes that were tried, which is soon where most
        # were; there are enough for all trials.
        tuner.oracle._max_collisions = 100_000
    return tuner


def run_hp_search(hypermodel: FixedSizes, skipped: Collection[str] = ()) -> None:
    """Carry out the search, as a chief or worker where the environment says so.

    Args:
        hypermodel: The sizes.
        skipped: Names of trials that count as failed. Defaults to none.

    Raises:
        ValueError: If the chief is carrying out another comparison.
        RuntimeError: If the chief does not answer.
    """
    role, output = find_role(), hypermodel.output
    search, seed = hypermodel.hp_search, hypermodel.seed
    if role != WORKER:
        # What an earlier one has left may be of trials that this one replaces.
        remove_end(output, search, seed)
    with tempfile.TemporaryDirectory() as directory:
        tuner = make_tuner(hypermodel, directory)
        tuner.skipped = skipped
        tuner.oracle.verbose = 0
        if role == WORKER:
            _work(tuner)
            return
        ended = threading.Event()
        if role == CHIEF:
            watching = (hypermodel, ended)
            threading.Thread(target=_watch, args=watching, daemon=True).start()
        tuner.search(verbose=0)
        ended.set()
    trials = {}
    failures = {}
    for trial in tuner.oracle.trials.values():
        job = hypermodel.job(trial.hyperparameters)
        trials[job.name] = (job.config.latent_dim, job.config.epochs)
        problem = _problem(trial, output / job.name)
        if problem is not None:
            failures[job.name] = problem
            if role == CHIEF:
                Event(job.name, "failed", problem).send()
    write_end(output, search, seed, trials, failures)


def _problem(trial: Any, folder: pathlib.Path) -> str | None:
    if read_record(folder) is not None:
        return None
    if trial.status == "COMPLETED":
        return "its run is not here: all machines must share the folder of --output"
    path = folder / ERROR_FILE
    return path.read_text("utf-8").strip() if path.is_file() else "unknown"


def _work(tuner: kt.Tuner) -> None:
    """Take part in the chief's search, unless it is past this one already."""
    sizes: FixedSizes = tuner.hypermodel
    while True:
        try:
            if _find_place(tuner, sizes) > sizes.place:
                return
            tuner.search(verbose=0)
            return
        except _ElsewhereError:
            continue
        except grpc.RpcError as error:
            # A call ends like this while the chief changes to the next search.
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                continue
            address = ":".join(os.environ[name] for name in VARIABLES[1:])
            raise RuntimeError(
                f"The chief at {address} does not answer: {error.code().name}."
            ) from error


def _find_place(tuner: kt.Tuner, sizes: FixedSizes) -> int:
    """The chief's place, once it has come as far as this search."""
    while True:
        space = tuner.oracle.get_space()
        if space.get("comparison") != sizes.digest:
            raise ValueError("The chief carries out another comparison.")
        sizes.session = space.get("session")
        if space.get("place") >= sizes.place:
            return int(space.get("place"))
        time.sleep(_PAUSE)


def _watch(sizes: FixedSizes, ended: threading.Event) -> None:
    """Report the runs that workers have finished."""
    possible = possible_jobs(sizes.comparison, sizes.hp_search, sizes.seed)
    running = {job.name for job in possible}
    while not ended.wait(_PAUSE):
        for name in sorted(running):
            # One that is damaged is reported by whoever reads its metrics.
            with contextlib.suppress(ValueError):
                if read_record(sizes.output / name) is not None:
                    running.remove(name)
                    Event(name, "found").send()


def _parser() -> OneLineParser:
    parser = OneLineParser("ald_keras.experiments.compare.tuner", description=__doc__)
    for name in ("--config", "--output"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    parser.add_argument("--search", required=True, help="name of the search")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--place", type=int, default=0)
    parser.add_argument("--skip", nargs="*", default=[], help="trials not to be run")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)

    def command() -> None:
        comparison = load_comparison(arguments.config)
        found = next(s for s in comparison.hp_searches if s.name == arguments.search)
        where = arguments.output, arguments.place
        sizes = FixedSizes(comparison, found, arguments.seed, *where)
        run_hp_search(sizes, arguments.skip)

    return run_command(parser.prog, command)


if __name__ == "__main__":
    raise SystemExit(main())
