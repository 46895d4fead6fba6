"""Pruning beside a hyperparameter search: `python -m ald_keras.experiments.compare`."""
