# Needs Python 3.11 to 3.13 and make. Java and Chromium are installed on Debian and Ubuntu as root, elsewhere it is
# said how; everything else is fetched into .venv and .cache.

PYTHON ?= python3
ROWS ?= 20000
KEEP ?=
LINES ?= 50000
SEED ?=
PYTEST_ARGS ?=
WORKERS ?= 4
KILLS ?= 40
PAIRS ?= 20

BIN := .venv/bin
# tests/tiers.py puts tests that share services into one group, and the groups that take longest first.
IN_PARALLEL = -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup java browser demo dev test-fast test test-slow mutated-lines torture simulate-all mutants \
	bench screenshots docs lint fmt lock clean

##@ Use

setup: java .venv/installed ## Make .venv and fetch the jars; does nothing when both are current
	@$(BIN)/python -m local_stack.jars
	@$(BIN)/python -m local_stack.class_archive
	@$(BIN)/pipeline package --settings settings/local.toml >/dev/null

demo: setup ## A sample day from nothing to rows and a search hit (ROWS=20000, KEEP=1 leaves the services up)
	@$(BIN)/pipeline demo --rows $(ROWS) $(if $(KEEP),--keep)

dev: setup ## The Dagster UI on http://127.0.0.1:3000, history kept in .pipeline/dagster
	@$(BIN)/pipeline dev

##@ Work on it

test-fast: setup ## Tests that touch nothing outside their own process
	@$(BIN)/pytest -m fast $(IN_PARALLEL) $(PYTEST_ARGS)

test: browser setup .cache/readers/installed ## All tests but the slow ones; no network after setup (PYTEST_ARGS="-k orders", WORKERS=2)
	@$(BIN)/pytest -m "not slow" $(IN_PARALLEL) $(PYTEST_ARGS)

test-slow: WORKERS = 2
test-slow: browser setup ## Tests of minutes: real YARN, scenarios, the other architecture's package from the index
	@$(BIN)/pytest -m slow $(IN_PARALLEL) $(PYTEST_ARGS)

mutated-lines: setup ## 50,000 damaged and odd order lines through the reader and the oracle (LINES=50000, SEED=7): 2 minutes
	@MUTATED_LINES=$(LINES) $(if $(SEED),MUTATED_SEED=$(SEED)) $(BIN)/pytest tests/shop/transforms/test_mutated_lines.py

simulate-all: setup ## Every scenario with real jobs: 25 minutes, outside CI; before an issue is called resolved
	@$(BIN)/pipeline simulate all
	@$(BIN)/pipeline simulate happy --yarn

torture: setup ## Kills at random moments and two runs at once beside a reader (SEED=7, KILLS=4, PAIRS=2): half an hour
	@$(BIN)/python -m tests.torture $(if $(SEED),--seed $(SEED)) --kills $(KILLS) --pairs $(PAIRS)

mutants: setup ## Whether the tests notice mistakes: all but the slow ones, then each mistake; hours, needs the package index
	@$(BIN)/uv pip install -q --python $(BIN)/python --group mutants && rm -f .cache/mutants.json
	@$(BIN)/pytest -m "not slow" --cov --cov-context=test --cov-report= --junitxml=.cache/mutants.xml
	@$(BIN)/python -m tests.mutants --coverage .coverage --durations .cache/mutants.xml --results .cache/mutants.json

bench: setup ## This project beside scripts that do the same, on the same inputs: bench/RESULTS.md (half an hour)
	@$(BIN)/python -m bench day --rows 20000 --rows 200000

screenshots: browser setup ## Take the pictures of the UI in docs/ anew
	@PIPELINE_SCREENSHOTS=docs $(BIN)/pytest tests/shop/ui

docs: setup ## docs/contracts.md from the models that validate contracts, and its template
	@$(BIN)/python -m pipeline_assets.contract_reference > docs/contracts.md

lint: setup ## Formatting, lint, types, contracts, code location
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy
	@$(BIN)/pipeline contracts check >/dev/null

fmt: setup ## Format and mend what ruff can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix-only -q .

lock: setup ## Resolve the locks anew, jars.lock too; they name no registry's host
	@$(BIN)/python -m local_stack.jars lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--upgrade --group stack --group instance --group docs --group test --group dev pyproject.toml -o requirements.lock
	@# opensearch-py lists gRPC, 18 MB, and imports it nowhere.
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--python-platform x86_64-manylinux_2_28 --group emr -c requirements.lock \
		--no-emit-package opensearch-protobufs --no-emit-package grpcio --no-emit-package protobuf -o emr.lock
	@# snowflake-snowpark-python lists setuptools and wheel, dagster-cloud pex, and they import them nowhere.
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--no-emit-package setuptools --no-emit-package wheel --no-emit-package pex \
		--group instance -c requirements.lock pyproject.toml -o image.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--group readers -c requirements.lock -o readers.lock

# What tests of docs/reading.md import, out of sight of all others.
.cache/readers/installed: readers.lock | $(BIN)/python
	@rm -rf $(@D) && $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes \
		--target $(@D) -r readers.lock && touch $@

clean: ## Stop the stack; remove .venv, caches and the local state
	@test ! -x $(BIN)/pipeline || $(BIN)/pipeline stack down
	@rm -rf .venv .cache .pipeline .tmp_dagster_home_* .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage \
		*.egg-info

help: ## This text
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Before anything is fetched: what the system lacks is known in a second.
java: | $(BIN)/python
	@$(BIN)/python -m local_stack.system_packages java

browser: | $(BIN)/python
	@$(BIN)/python -m local_stack.system_packages chromium

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and \
		"Python %d.%d does not do, 3.11 to 3.13 does: make PYTHON=python3.11" % sys.version_info[:2])'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing the dependencies into .venv"
	@# PySpark is built here; Debian 12's pip would warn of the old way that it takes by itself.
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --use-pep517 --require-hashes -r requirements.lock
	@# compat: the checkout is on the path, so a new domain's package is found without another install.
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation \
		--config-settings editable_mode=compat -e .
	@touch $@
