"""One training run from YAML: config, data and model, training, files."""
