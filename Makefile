# Each target makes .venv when it is missing, and refreshes it when pyproject.toml has changed.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

.PHONY: demo test lint format clean

.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# The specimens: known verdicts, from nothing but what is in this repository.
demo: .venv/installed
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest evals --profile specimens -n $(WORKERS) -q

test: .venv/installed
	$(BIN)/python -m pytest tests evals -n $(WORKERS)
	$(BIN)/python -m pytest evals --profile specimens -n 4
	$(BIN)/python -m pytest evals --profile specimens-restored

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
