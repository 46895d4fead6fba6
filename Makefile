# `make demo` and `make test` install what they need into .venv themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := saved_models/digits
FIXED := saved_models/digits-fixed

# TensorFlow's start-up messages are of no use here.
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Nor is the advertisement of the theme.
export NO_MKDOCS_2_WARNING ?= 1

.PHONY: demo test test-all lint docs docs-serve benchmarks clean

$(INSTALLED): requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $(INSTALLED)

# The same network trained without pruning is what the pruned one is compared with.
demo: $(INSTALLED)
	$(BIN)/python -m ald_keras.train --config configs/digits.yaml --set method=fixed --output $(FIXED) --overwrite --verbose 0
	$(BIN)/python -m ald_keras.train --config configs/digits.yaml --output $(DEMO) --overwrite
	$(BIN)/python -m ald_keras.export $(DEMO)/model.keras --baseline $(FIXED) --overwrite

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Each process holds its own TensorFlow, of a gigabyte or two.
WORKERS := -n auto --maxprocesses 4

test: lint
	$(BIN)/python -m pytest $(WORKERS) -m "not slow and not network and not gpu"

test-all: lint
	$(BIN)/python -m pytest $(WORKERS) -m "not network and not gpu"

# A broken link, or a public name without docstring or entry in the reference, fails.
docs: $(INSTALLED)
	$(BIN)/python docs/check_reference.py
	$(BIN)/python -m mkdocs build --strict

docs-serve: $(INSTALLED)
	$(BIN)/python -m mkdocs serve

benchmarks: $(INSTALLED)
	PYTHONPATH=. $(BIN)/python tests/benchmarks/frechet.py
	PYTHONPATH=. $(BIN)/python tests/benchmarks/training.py
	PYTHONPATH=. $(BIN)/python tests/benchmarks/size_curve.py
	PYTHONPATH=. $(BIN)/python tests/benchmarks/pytorch.py

clean:
	rm -rf $(VENV) build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
