# Everything here needs Python 3.11 (or newer) and make; the environment is made in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast gpu-check faults fuzz fuzz-firmware audit lint types site dist install

demo: install  ## The whole job on the built-in synthetic set, ending with classified recordings.
	$(BIN)/asc-nas run configs/demo.yaml --out runs/demo --resume
	$(BIN)/asc-nas classify data/synthetic-task5/unseen --model runs/demo/models/demo-best.onnx

# The tests of a file stay together, as they share what was trained once; in the order of the
# folders, as the file with the longest test would otherwise come last.
test: install  ## All tests, on up to four cores.
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
	    --durations 40

test-fast: install  ## While one works: what takes no whole run of the command line.
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not slow"

gpu-check: install  ## The GPU against the CPU, with the name of the card; skipped where there is none.
	$(BIN)/python -m pytest tests/gpu -m gpu -v -rs

faults: install  ## Kills, full disks, dead workers, damaged files: results/faults.json, 20 minutes.
	ASC_NAS_FAULTS=30 ASC_NAS_FAULTS_JSON=results/faults.json \
	    $(BIN)/python -m pytest tests/faults -n auto --maxprocesses 4
	$(BIN)/python docs/make_results.py

FUZZ ?= --count 10000 --seed 0
fuzz: install  ## Damaged and hostile files of every kind: no traceback, no hang, bounded memory.
	$(BIN)/python tests/fuzz/run.py $(FUZZ)

fuzz-firmware: install  ## A million buffers into the exported C code, under the sanitizers.
	PYTHONPATH=tests $(BIN)/python tests/fuzz/firmware.py

audit: install  ## Known vulnerabilities of the installed packages; only tells.
	$(BIN)/python .ci/audit

lint: types types-win32 types-darwin  ## Style, format, types, and which room may import what.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

types-%: install
	$(BIN)/mypy --platform $* --cache-dir .mypy_cache/$*

site: install  ## The documentation as a site that can be searched offline, in site/.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

dist: install  ## The wheel and the source archive, checked, in dist/.
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*

# PyTorch's usual wheels hold what a CUDA GPU needs, gigabytes of it. Those for the CPU alone have an
# index of their own, see PyTorch's start page: make demo TORCH_INDEX=ITS_ADDRESS
TORCH_INDEX ?=
install: .venv/.installed

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --quiet torch --index-url $(TORCH_INDEX))
	$(BIN)/python -m pip install --quiet --editable ".[search,dev]"
	touch $@
