"""The size curve beside sizes from scratch: `python -m ald_keras.experiments.curve`."""
