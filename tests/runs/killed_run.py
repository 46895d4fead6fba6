"""`python -m ald_keras.train` that kills itself: `killed_run.py WHERE COUNT ARGS...`.

`WHERE` is `training`, `measuring`, `writing`, `evaluating` or `never`; `COUNT` says in
which epoch of this process, from 1.
"""

import os
import pathlib
import signal
import sys

from builders import be_deterministic

import ald_keras.runs.run_files
from ald_keras import train
from ald_keras.callbacks.epoch_meter import EpochMeter
from ald_keras.datasets import EpochShuffledBatches
from ald_keras.models import GatedVAE, MaskedVAE


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(where, count):
    calls = []

    def is_now():
        calls.append(None)
        return len(calls) == count

    if where == "training":
        order = EpochShuffledBatches.order

        def counted(self, epoch):
            # The next epoch's order is asked for once batches of it are needed.
            if is_now():
                die()
            return order(self, epoch)

        EpochShuffledBatches.order = counted
    elif where == "measuring":
        measure = EpochMeter.measure

        def measured(self, *args):
            result = measure(self, *args)
            if is_now():
                die()
            return result

        EpochMeter.measure = measured
    elif where == "writing":
        for model in (MaskedVAE, GatedVAE):
            _die_while_saving(model, is_now)
    elif where == "evaluating":
        ald_keras.runs.run_files.evaluate_model = lambda *_: die()


def _die_while_saving(model, is_now):
    save = model.save

    def saved(self, path, *args, **kwargs):
        save(self, path, *args, **kwargs)
        if is_now():
            with open(path, "r+b") as file:
                file.truncate(pathlib.Path(path).stat().st_size // 2)
            die()

    model.save = saved


def main():
    where, count, *arguments = sys.argv[1:]
    be_deterministic()
    kill_at(where, int(count))
    return train.main(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
