# Two commands for everybody: `make demo` and `make test`. The rest is for those who work on the code.
#   make demo    the tutorial's story on this machine (installs the runtime set only)
#   make test    style, types, layers, tests; FULL=1 turns a skip that is not on tests/skips.txt into a failure
#   make bench   the figures of the README, as JSON and a plot in build/bench; BENCH_ARGS=--list names them
#   make fuzz    minutes of spoilt bytes for every decoder of the protocol; FUZZ_ARGS='--seconds 600 --seed 7'
#   make fix     formats and mends what can be mended by machine
PYTHON ?= python3
PYTHON39 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.9.*/bin/python3.9) $(shell command -v python3.9 2>/dev/null))
FULL ?=
PYTEST_ARGS ?=

BIN := .venv/bin
PIP := -m pip --disable-pip-version-check --quiet
PACKAGES := constraints.txt pyproject.toml engine/pyproject.toml
export ACCSYN_FULL := $(FULL)
# The tools' answers must not depend on who runs them.
unexport PYTHONPATH PYTHONHOME ACCSYN_SERVER ACCSYN_CA ACCSYN_API_USER ACCSYN_API_KEY ACCSYN_WORKSPACE ACCSYN_DOMAIN ACCSYN_PROXY

.PHONY: demo test check python39 pytest bench fuzz fix clean
.DEFAULT_GOAL := test

demo: .venv/runtime
	$(BIN)/accsyn-engine demo $(DEMO_ARGS)

test: check python39 pytest

check: .venv/complete
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

python39: .venv/complete
ifeq ($(PYTHON39),)
	@echo "skipped: tests of the core, the hosts and the hooks on Python 3.9, because this machine has no python3.9"
else
	@$(MAKE) --no-print-directory .venv39/complete PYTHON39=$(PYTHON39)
	.venv39/bin/pytest -q -n 2 tests/core tests/hosts tests/hooks
endif

# Tests of one file share an engine or a database, so a file stays on one worker.
pytest: .venv/complete
	$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

bench: .venv/bench
	$(BIN)/python -m tests.benchmarks $(BENCH_ARGS)

fuzz: .venv/complete
	$(BIN)/python -m tests.engine.fuzz $(FUZZ_ARGS)

fix: .venv/complete
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv39 build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/python: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "The engine needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.11" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; \
	  exit 1; }
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python $(PIP) install 'pip>=25.1'
	@touch $@

.venv/runtime: .venv/python $(PACKAGES)
	@echo "Installing the runtime set into .venv ..."
	@$(BIN)/python $(PIP) install --constraint constraints.txt --editable . --editable ./engine
	@touch $@

.venv/complete: .venv/runtime
	@echo "Installing what the tests need into .venv ..."
	@$(BIN)/python $(PIP) install --constraint constraints.txt --group test --editable . --editable './engine[postgresql]'
	@touch $@

.venv/bench: .venv/complete
	@echo "Installing what the benchmarks need into .venv ..."
	@$(BIN)/python $(PIP) install --constraint constraints.txt --group bench
	@touch $@

.venv39/complete: Makefile constraints.txt pyproject.toml
	@echo "Installing the core and the hosts into .venv39 ..."
	@$(PYTHON39) -m venv --clear .venv39
	@.venv39/bin/python $(PIP) install 'pip>=25.1'
	@.venv39/bin/python $(PIP) install --constraint constraints.txt --group test39 --editable .
	@touch $@
