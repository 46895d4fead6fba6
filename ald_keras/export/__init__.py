"""Export of a trained model: `python -m ald_keras.export`."""
