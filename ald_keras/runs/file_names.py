"""Names of the files of a run's folder."""

from __future__ import annotations

from ald_keras.runs.record import CONFIG, RECORD

CHECKPOINT = "checkpoint.keras"
REPORT = "report.html"
CURVE = "size_curve.csv"
RUN_FILES = (
    *("model.keras", "history.csv", "decisions.json", CONFIG, RECORD),
    *(CURVE, REPORT),
)

# Beside what a run of an experiment that failed has left: why.
ERROR_FILE = "error.txt"

# Folder of the logs.
TENSORBOARD = "tensorboard"
