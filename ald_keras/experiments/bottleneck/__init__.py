"""Gates under a bound on the error: `python -m ald_keras.experiments.bottleneck`."""
