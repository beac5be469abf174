# Needs Python 3.11 or newer, Java 17 or newer and make; everything else is fetched into .venv and .cache.

PYTHON ?= python3
ORDERS ?= 20000
KEEP ?=
PYTEST_ARGS ?=

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo dev browser test test-slow screenshots lint fmt lock clean

##@ Use

setup: .venv/installed ## Make .venv and fetch the jars; does nothing when both are current
	@$(BIN)/python -m local_stack.jars
	@$(BIN)/python -m local_stack.class_archive
	@$(BIN)/pipeline package --settings settings/local.toml >/dev/null

demo: setup ## A sample day from nothing to rows and a search hit (ORDERS=20000, KEEP=1 leaves the services up)
	@$(BIN)/pipeline demo --orders $(ORDERS) $(if $(KEEP),--keep)

dev: setup ## The Dagster UI on http://127.0.0.1:3000, history kept in .pipeline/dagster
	@$(BIN)/pipeline dev

##@ Work on it

browser: ## Debian's chromium, which the tests of the UI drive; unless it is there, needs apt-get as root
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null && test "$$(id -u)" = 0; } || \
		{ echo "no chromium on PATH: install it, or run make browser as root on Debian" >&2; exit 1; }
	@command -v chromium >/dev/null || \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

test: setup ## All tests but the slow ones; needs no network after setup (PYTEST_ARGS="-k orders")
	@$(BIN)/pytest -m "not slow" $(PYTEST_ARGS)

test-slow: setup ## Tests of minutes: real YARN, the other architecture's package; needs the package index
	@$(BIN)/pytest -m slow $(PYTEST_ARGS)

screenshots: setup browser ## Take the pictures of the UI in docs/ anew
	@PIPELINE_SCREENSHOTS=docs $(BIN)/pytest tests/ui

lint: setup ## Formatting, lint, types, contracts, code location
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy
	@$(BIN)/pipeline contracts check >/dev/null

fmt: setup ## Format and mend what ruff can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix-only -q .

lock: setup ## Resolve requirements.lock anew; names no registry's host
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--upgrade --group stack --group instance --group test --group dev pyproject.toml -o requirements.lock
	@# opensearch-py lists gRPC, 18 MB, and imports it nowhere.
	@$(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--python-platform x86_64-manylinux_2_28 --group emr -c requirements.lock \
		--no-emit-package opensearch-protobufs --no-emit-package grpcio --no-emit-package protobuf -o emr.lock
	@# snowflake-snowpark-python lists setuptools and wheel, dagster-cloud pex, and they import them nowhere.
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--no-emit-package setuptools --no-emit-package wheel --no-emit-package pex \
		--group instance -c requirements.lock pyproject.toml -o image.lock

clean: ## Stop the stack; remove .venv, caches and the local state
	@test ! -x $(BIN)/pipeline || $(BIN)/pipeline stack down
	@rm -rf .venv .cache .pipeline .tmp_dagster_home_* .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info

help: ## This text
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the dependencies into .venv"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
