"""A `fit` with `BackupAndRestore` that may kill itself while the backup is written.

`killed_fit.py KIND BACKUP RESULT COUNT`: in the `COUNT`th write of this process; 0 for
never.
"""

import json
import os
import pathlib
import signal
import sys

import keras
import numpy as np
from builders import be_deterministic
from test_continuation import build, fit, pruning_of


def die_while_saving(count):
    save, calls = keras.Model.save_weights, []

    def saved(self, filepath, **options):
        save(self, filepath, **options)
        calls.append(filepath)
        if len(calls) == count:
            size = pathlib.Path(filepath).stat().st_size
            with open(filepath, "r+b") as file:
                file.truncate(size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    keras.Model.save_weights = saved


def main():
    kind, backup, result, count = sys.argv[1:]
    be_deterministic()
    die_while_saving(int(count))
    saving = keras.callbacks.BackupAndRestore(backup, double_checkpoint=True)
    vae, search = fit(build(kind), kind, [*pruning_of(kind), saving])
    weights = dict(enumerate(vae.get_weights()))
    np.savez(result, **{str(i): weight for i, weight in weights.items()})
    decisions = [decision.to_dict() for decision in search.decisions]
    pathlib.Path(f"{result}.json").write_text(json.dumps(decisions))


if __name__ == "__main__":
    main()
