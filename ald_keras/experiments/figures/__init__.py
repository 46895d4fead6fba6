"""Figures and reports of saved runs: `python -m ald_keras.experiments.figures`."""
