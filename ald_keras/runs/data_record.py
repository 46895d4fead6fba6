"""What a record says of a run's data."""

from __future__ import annotations

from ald_keras.datasets import Dataset
from ald_keras.metrics.arrays import NamedArrays
from ald_keras.runs.record import ColumnRecord, ConditionRecord, RunRecord


def data_record(data: Dataset) -> RunRecord:
    """The entries of `run.json` on the data: what who uses the model has to know.

    Args:
        data: The data set, split.

    Returns:
        `samples` of each part; of tables `columns`, in the order in which the model
        reads them; and `conditions`, where there are some.
    """
    record: RunRecord = {
        "samples": {
            "train": len(data.x_train),
            "validation": len(data.x_val),
            "test": len(data.x_test),
        }
    }
    if data.columns is not None:
        columns: list[ColumnRecord] = []
        for column in data.columns:
            entry: ColumnRecord = {"name": column.name}
            if column.mean is not None and column.std is not None:
                entry |= {"mean": column.mean, "std": column.std}
            columns.append(entry)
        record["columns"] = columns
    if isinstance(data.x_train, NamedArrays):
        conditions: dict[str, ConditionRecord] = {
            name: {"shape": list(part.shape[1:]), "dtype": str(part.dtype)}
            for name, part in data.x_train.parts.items()
            if name != "x"
        }
        record["conditions"] = conditions
    return record
