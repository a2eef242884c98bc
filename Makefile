# Everything here needs Python 3.11 (or newer) and make; the environment is made in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint install

demo: install  ## The whole job on the built-in synthetic set, ending with classified recordings.
	$(BIN)/asc-nas run configs/demo.yaml --out runs/demo --resume
	$(BIN)/asc-nas classify data/synthetic-task5/unseen --model runs/demo/models/demo-best.onnx

test: install  ## All tests.
	$(BIN)/python -m pytest

lint: install  ## Style, format and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: .venv/.installed

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[search,dev]"
	touch $@
