# Everything a person or a machine does with this repository. `make` alone prints what there is.
# On Windows: from Git Bash, which has the commands below.
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := .venv/Scripts
else
PYTHON ?= python3
BIN := .venv/bin
endif
VENV := .venv
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs

# Tests run in as many processes as there are cores, at most eight: each takes up to 1.5 GB.
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install demo ui test test-all test-ray check check-page format lock docs clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1 — /'

install: $(STAMP)  ## make .venv with pinned versions (LOCKED=torch, LOCKED=torch-cpu: with hashes, see CONTRIBUTING.md)

$(STAMP): pyproject.toml constraints.txt beatwalk/_version.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "beatwalk needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifdef LOCKED
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .locks/packages.txt -r .locks/$(LOCKED).txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
endif
	@touch $@

demo: $(STAMP)  ## install, then render the example song to out/demo.mp4
	@mkdir -p out
	$(BIN)/beatwalk examples/demo.ogg examples/demo.txt --output out/demo.mp4 --overwrite
	@echo
	@echo "Your video: out/demo.mp4"
	@echo "Next:  $(BIN)/beatwalk YOUR_SONG.mp3 examples/demo.txt --preset house"
	@echo "       $(BIN)/beatwalk --help"

ui: $(STAMP)  ## install, then open the page on which a video is made
	$(BIN)/beatwalk ui

# One thread of torch a process: threads of several processes wait for each other.
test test-all: export OMP_NUM_THREADS = 1

test: $(STAMP)  ## run the quick tests (minutes)
	$(PYTEST)

test-all: $(STAMP)  ## run the slow tests too, with coverage
	$(PYTEST) --cov --cov-report= -m 'not gpu'

test-ray: $(STAMP)  ## install Ray (80 MB) and a bucket to try (90 MB); run the tests that start clusters on this machine
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[ray]' 'moto[server]' s3fs
	$(BIN)/python -m pytest -m 'not gpu' tests/jobs/ray

check: $(STAMP)  ## format, lint and strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy beatwalk tests examples

NPM := npm install --no-save --silent --no-audit --no-fund --prefix build/npm typescript@7.0.2 axe-core@4.14.1

check-page:  ## check the types of the page's scripts (needs npm; says so where it is missing)
	@if ! command -v npm >/dev/null || ! $(NPM); then \
		echo "npm or its packages are not to be had here, so the types of the page's scripts are not checked."; \
	else build/npm/node_modules/.bin/tsc -p .ci/tsconfig.json; fi

format: $(STAMP)  ## format, fix what can be fixed, and write the tables of the documentation
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python docs/tables.py
	$(BIN)/python docs/function_plots.py

lock:  ## write .locks/ from pyproject.toml and constraints.txt (needs uv)
	$(PYTHON) .ci/lock.py

docs: $(DOCS_STAMP)  ## build the documentation into site/ (a broken link or docstring fails)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo
	@echo "Open site/index.html; for its search:  $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

clean:  ## remove everything that make made
	rm -rf $(VENV) out build dist site .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
