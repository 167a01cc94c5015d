# `make demo` and `make test` each set everything up that they need, in .venv, with the versions of constraints.txt.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Done again only when what is to be installed has changed.
READY := $(VENV)/.ready
# Makes the environment if there is none, or one whose making was interrupted: that has a python but no pip.
MAKE_VENV := $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)

.PHONY: demo test lint smoke docs venv clean

demo: $(READY)
	$(BIN)/demitasse demo

# A file's tests stay together, for they share what they have made, and files go in their order: the few heavy tests of
# a file, clusters and trainings of several processes, would otherwise all run at the end, and at once.
WORKERS ?= 2
test: $(READY)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# Every recipe's smoke.yaml, from nothing, in runs/smoke: each stage of each, on generated data, in minutes.
smoke: $(READY)
	$(BIN)/python recipes/smoke.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The site: the pages, and the API from docstrings, in site/. A warning is an error.
docs: $(READY)
	$(BIN)/python -m mkdocs build --quiet

venv: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Demitasse needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "setting up $(VENV) (a few minutes, once)"
	@$(MAKE_VENV)
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/python -m pip install --quiet -c constraints.txt torch
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(READY)

# Leaves runs/ alone: what lies there may have been paid for.
clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
