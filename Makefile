# The whole developer interface. PYTHON=python3.12 make test picks another interpreter.

PYTHON ?= python3
WORKERS ?= auto
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
OUT ?= out
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
BENCHES := $(wildcard benchmarks/bench_*.py)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

demo: $(VENV)/.runtime  ## run the main job on the embedded market and print where the report is
	$(BIN)/counterpoise demo --out $(OUT)/demo

test: $(VENV)/.dev  ## run the suite, then the kernels' lines again without the compiler
	$(BIN)/python -m pytest -n $(WORKERS)
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -n $(WORKERS) -k "naive or nojit" -m "not realdata"

check: $(VENV)/.dev  ## lint, format, types, import contracts, layout, hygiene
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_layout.py tests/test_hygiene.py

bench: $(VENV)/.bench $(PEERS)/.ready  ## run every benchmark with its peers beside it
	@if [ -z "$(BENCHES)" ]; then echo "no benchmarks/bench_*.py to run" >&2; exit 1; fi
	@set -e; for bench in $(BENCHES); do echo "== $$bench"; $(BIN)/python $$bench; done

docs: $(VENV)/.docs  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:  ## remove environments, caches and output
	rm -rf $(VENV) $(PEERS) site build dist $(OUT) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Environments. A stamp file says an install is done; new pins or dependencies make it stale.
# Some systems ship venv without ensurepip: their own pip then puts pip inside. Half an environment is removed.

define new-venv
$(PYTHON) -m venv $(1) 2>/dev/null \
	|| { $(PYTHON) -m venv --clear --without-pip $(1) && $(PYTHON) -m pip --quiet --python $(1)/bin/python install pip; } \
	|| { rm -rf $(1); echo "cannot create $(1); install python3-venv, or choose another: make PYTHON=..." >&2; exit 1; }
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is not Python 3.11 or newer; run: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(call new-venv,$(VENV))

$(VENV)/.runtime: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.runtime

$(VENV)/.docs: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) -e '.[docs]'
	@touch $@ $(VENV)/.runtime

$(VENV)/.bench: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) -e '.[dev,bench]'
	@touch $@ $(VENV)/.runtime

$(PEERS)/.ready: constraints-peers.txt
	$(call new-venv,$(PEERS))
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-peers.txt hftbacktest lrvx
	@touch $@
