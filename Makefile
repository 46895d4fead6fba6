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

.PHONY: demo test test-all test-backends test-backends-part lint docs notebooks docs-serve dist benchmarks clean

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

# Runs the notebooks in examples/ and keeps their outputs.
notebooks: $(INSTALLED)
	PYTHONPATH=. $(BIN)/python docs/notebooks.py

docs-serve: $(INSTALLED)
	$(BIN)/python -m mkdocs serve

# JAX and PyTorch, each in an environment of its own without TensorFlow. On a machine
# with accelerators: make test-backends TORCH=torch JAX="jax[cuda12]"
JAX ?= jax>=0.7,<0.11
TORCH ?= torch==2.13.0
TESTS_NEED := ".[experiments]" pytest pytest-xdist hypothesis pillow
MARKS := not slow and not network and not gpu and not tensorflow
# What is peculiar to a backend, and the models.
PART := tests/backends tests/layers/test_latent_mask.py tests/layers/test_size_sampling.py

.venv-jax/.installed .venv-torch/.installed: pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(if $(findstring jax,$@),"$(JAX)",$(TORCH))
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(TESTS_NEED)
	$(@D)/bin/python -m pip uninstall --quiet --yes ald_keras
	touch $@

test-backends: .venv-jax/.installed .venv-torch/.installed
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest $(WORKERS) -m "$(MARKS)"
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest $(WORKERS) -m "$(MARKS)"

test-backends-part: .venv-jax/.installed .venv-torch/.installed
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest $(WORKERS) -m "$(MARKS)" $(PART)
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest $(WORKERS) -m "$(MARKS)" $(PART)

# Builds the source archive, from it the wheel, and tries both elsewhere.
dist: $(INSTALLED)
	rm -rf dist build
	$(BIN)/python -m build --outdir dist
	$(BIN)/python tests/check_dist.py dist

# Other backends: tests/benchmarks/backends.py says how.
ROWS := tensorflow tensorflow/plain tensorflow/callback tensorflow/gated

benchmarks: $(INSTALLED)
	PYTHONPATH=. $(BIN)/python tests/benchmarks/frechet.py
	PYTHONPATH=. $(BIN)/python tests/benchmarks/size_curve.py
	PYTHONPATH=. $(BIN)/python tests/benchmarks/backends.py $(addsuffix =$(BIN)/python,$(addprefix --row ,$(ROWS)))

clean:
	rm -rf $(VENV) .venv-jax .venv-torch build dist site *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
