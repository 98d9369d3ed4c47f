# Everything a person or a machine does with this repository. `make` alone prints what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all check format docs clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1 — /'

install: $(STAMP)  ## make .venv with pinned versions

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "beatwalk needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## install, then render the example song to out/demo.mp4
	@mkdir -p out
	$(BIN)/beatwalk examples/demo.ogg examples/demo.txt --output out/demo.mp4 --overwrite
	@echo
	@echo "Your video: out/demo.mp4"
	@echo "Next:  $(BIN)/beatwalk YOUR_SONG.mp3 examples/demo.txt --preset house"
	@echo "       $(BIN)/beatwalk --help"

test: $(STAMP)  ## run the tests (minutes)
	$(BIN)/python -m pytest

test-all: $(STAMP)  ## run the slow tests too
	$(BIN)/python -m pytest -m 'not gpu'

check: $(STAMP)  ## format, lint and strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy beatwalk

format: $(STAMP)  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(DOCS_STAMP)  ## build the documentation into site/ (a broken link or docstring fails)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo
	@echo "Open site/index.html; for its search:  $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

clean:  ## remove everything that make made
	rm -rf $(VENV) out build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
