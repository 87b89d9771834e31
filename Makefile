# `make help` lists what there is. Only a Python 3.11 with venv is needed beforehand.
PYTHON ?= python3
VENV   := .venv
SWIFT  := .venv-swift
BIN    := $(VENV)/bin
DATA   ?= data
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo up test lint fix bench clean

help: ## Show what can be made
	@echo "ArtStore: keeps documents for decades"
	@echo
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.installed ## Store, find and fetch real documents on a real system (DIR=/some/folder for yours)
	@$(BIN)/artstore demo $(if $(DIR),"$(DIR)")

up: $(VENV)/.installed ## Run the whole system here until Ctrl-C (DATA=folder, default ./data)
	@$(BIN)/artstore up --data "$(DATA)"

# A file is run by one worker, in order: its tests share systems that take seconds to start.
test: $(VENV)/.installed-dev $(SWIFT)/.installed ## Run all tests (ARGS="-k name" to choose)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.installed-dev ## Check style, types and the rules of import
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fix: $(VENV)/.installed-dev ## Format, and mend what can be mended by itself
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## Measure, always beside a reference in the same run
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove the virtual environments and all caches (never data)
	rm -rf $(VENV) $(SWIFT) .node .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ArtStore needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making the virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked dependencies (about a minute, once)"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing the locked tools of development"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

# The S3 server of the tests has dependencies of its own, which must not meet ours.
$(SWIFT)/.installed: tests/support/swift.lock | $(BIN)/python
	@echo "Installing OpenStack Swift, the S3 server of the tests (about a minute, once)"
	@$(BIN)/python -m venv --clear $(SWIFT)
	@$(SWIFT)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r $<
	@touch $@
