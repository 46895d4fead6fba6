"""Rules over seeds and starting sizes: `python -m ald_keras.experiments.stability`."""
