# Each environment is made when it is missing and refreshed when pyproject.toml or the constraints have changed:
# .venv holds the versions that constraints/ pins for its Python, .venv-latest the newest that pyproject.toml
# allows, .venv-oldest the oldest.
PYTHON ?= python3
OLDEST_PYTHON ?= python3.10
PYTHONS := 3.10 3.11 3.12 3.13
WORKERS ?= 2
BIN := .venv/bin
STATED := pyproject.toml constraints/install.sh $(wildcard constraints/*.txt)
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --no-annotate --python-platform linux --custom-compile-command 'make constraints'

.PHONY: demo test test-latest test-oldest suite lint format constraints clean

# The specimens: known verdicts, from nothing but what is in this repository.
demo: .venv/demo
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest evals --profile specimens -n $(WORKERS) -q

test: .venv/dev
	$(MAKE) --no-print-directory suite

test-latest: .venv-latest/dev
	$(MAKE) --no-print-directory suite BIN=.venv-latest/bin

test-oldest: .venv-oldest/dev
	$(MAKE) --no-print-directory suite BIN=.venv-oldest/bin

suite:
	$(BIN)/python -m pytest tests evals -n $(WORKERS)
	$(BIN)/python -m pytest evals --profile specimens -n $(WORKERS)
	$(BIN)/python -m pytest evals --profile specimens-restored -n $(WORKERS)

.venv/dev .venv/demo: .venv/%: $(STATED)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	sh constraints/install.sh $(BIN)/python '$*'
	touch .venv/demo $@

.venv-latest/dev: $(STATED)
	test -x .venv-latest/bin/python || $(PYTHON) -m venv .venv-latest
	sh constraints/install.sh .venv-latest/bin/python dev newest
	touch $@

.venv-oldest/dev: $(STATED)
	test -x .venv-oldest/bin/python || $(OLDEST_PYTHON) -m venv .venv-oldest
	sh constraints/install.sh .venv-oldest/bin/python dev constraints/oldest.txt
	touch $@

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pins the newest versions that pyproject.toml allows, per Python, and the oldest for the oldest Python.
constraints: .venv/demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	for version in $(PYTHONS); do \
	  $(COMPILE) pyproject.toml constraints/tools.in --all-extras --constraint constraints/held-back.in \
	    --python-version $$version --output-file constraints/py$$version.txt || exit 1; \
	done
	$(COMPILE) pyproject.toml constraints/tools.in --all-extras --resolution lowest-direct \
	  --python-version $(firstword $(PYTHONS)) --output-file constraints/oldest.txt

clean:
	rm -rf .venv .venv-latest .venv-oldest .mypy_cache .ruff_cache .pytest_cache .hypothesis
