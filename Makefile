# What people and CI run. `make` lists the targets; everything is installed into .venv and .cache of this checkout.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first Python that is new enough; another one: make setup PYTHON=/opt/python/bin/python3
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
# Words for the program behind a target, such as make dev ARGS="--port 50081"
ARGS ?=
# How long make chaos (300) and make soak (120) last
SECONDS ?=
# What make chaos does: a seed (empty takes a new one and prints it), and kinds of faults (empty is all)
SEED ?=
FAULTS ?=

BIN := .venv/bin
PURE := tests/projections tests/golden
# Two processes share the files of tests; one file's tests share its servers and brokers
SHARE := -n 2 --dist loadfile
# Tests that talk to servers: make test-kafka has those of all of them on Kafka, make test those of a few
KAFKA := tests/services/ingress tests/services/realtime tests/services/cli tests/services/history tests/services/node \
	tests/sdk tests/clients tests/differential
KAFKA_BRIEFLY := tests/services/ingress/test_foreign_ids.py tests/services/ingress/test_reads_log.py \
	tests/services/realtime/test_door.py tests/sdk/test_against_server.py tests/differential/test_differential.py \
	tests/clients/test_pycolonies.py::test_an_executor_and_a_client
UV := VIRTUAL_ENV=.venv $(BIN)/uv
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--no-emit-find-links --fork-strategy fewest

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: .venv/.packages  ## Make .venv with the server, the SDK and the tools; quick when nothing changed

.venv/.uv: requirements-uv.lock
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Colony Ledger needs Python 3.11 or newer. On Debian: apt-get install python3 python3-venv" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; fi
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then "$(PYTHON)" -m venv .venv; fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Wheels only: nothing is compiled, nothing runs at install time, and every file has its hash in the lock. The two
# projects of this repository are linked in place, with the build back end that is in the lock.
.venv/.packages: .venv/.uv requirements.lock pyproject.toml sdk/pyproject.toml
	$(UV) pip sync --quiet --require-hashes --no-build requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --offline --editable sdk --editable .
	@touch $@

.PHONY: test
test: lint types coverage  ## Everything that CI checks: lint, types, import rules, style rules, all tests
	$(BIN)/pytest $(SHARE) --quiet --ledger kafka --partitions 8 $(KAFKA_BRIEFLY)
	$(BIN)/pytest $(SHARE) $(ARGS) $(addprefix --ignore=,$(PURE))

.PHONY: test-kafka
test-kafka: setup  ## Run what talks to servers with their ledgers on Kafka: ARGS="--partitions 8 --nodes 2"
	$(BIN)/pytest $(SHARE) --ledger kafka $(ARGS) $(KAFKA)

.PHONY: coverage
coverage: setup  ## Test the pure core and check that its tests take every branch of it
	$(BIN)/pytest $(SHARE) $(PURE) --quiet --cov=projections --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

.PHONY: lint
lint: setup  ## Check the code with ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: setup  ## Check the types with mypy, strictly
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests $(wildcard benchmarks examples)

.PHONY: imports
imports: setup  ## Check who may import whom
	$(BIN)/lint-imports

.PHONY: tidy
tidy: setup  ## Check the style rules of tests/tidy alone
	$(BIN)/pytest tests/tidy

.PHONY: format
format: setup  ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: generate
generate: setup  ## Write anew what follows from the code: the synchronous SDK, the dashboard, tables of documents
	$(BIN)/python sdk/generate_sync.py
	$(BIN)/python -m infra.grafana.dashboard
	$(BIN)/python docs/tables.py

.PHONY: demo
demo: setup  ## Show the whole idea: a colony, three executors, a workflow, the ledger behind it
	$(BIN)/python -m examples.demo $(ARGS)

.PHONY: dev
dev: setup  ## Start a server with the development identities and stay
	$(BIN)/colony server start --dev $(ARGS)

.PHONY: bench
bench: setup  ## Measure, and compare: ARGS="--quick", "--only submit", "--against http://…", "--record"
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: soak
soak: setup  ## Load a server with everything for SECONDS=…, see that it stays as it is, then ask too much of it
	$(BIN)/python -m benchmarks.soak --seconds $(or $(SECONDS),120) $(ARGS)

.PHONY: cluster
cluster: setup  ## Start the production shape without Docker: 3 brokers, 2 nodes, 2 workers, a load balancer
	$(BIN)/python -m infra.cluster up $(ARGS)

.PHONY: cluster-down
cluster-down:  ## Stop it
	$(BIN)/python -m infra.cluster down $(ARGS)

.PHONY: chaos
chaos: setup  ## Let nodes and brokers fail under load: SECONDS=… for how long, SEED=… for the same faults again
	TEST_SEED=$(SEED) CHAOS_SECONDS=$(or $(SECONDS),300) CHAOS_FAULTS="$(FAULTS)" $(BIN)/pytest -s tests/chaos/test_faults.py $(ARGS)

# make bench-compare BASE=main ARGS="--only submit"
BASE ?= HEAD
.PHONY: bench-compare
bench-compare: setup  ## Measure the checkout and the revision BASE in turns, and print the ratios
	$(BIN)/python -m benchmarks.revisions $(BASE) $(ARGS)

.PHONY: kafka-up
kafka-up: setup  ## Start a Kafka broker without Docker and print its address
	infra/kafka/kafka up $(ARGS)

.PHONY: kafka-down
kafka-down:  ## Stop that broker
	infra/kafka/kafka down $(ARGS)

# Pins that still fit stay; make lock ARGS=--upgrade moves all of them to the newest.
.PHONY: lock
lock: .venv/.uv  ## Write the lock files anew after a change of dependencies
	echo uv | $(COMPILE) $(ARGS) --output-file requirements-uv.lock -
	$(COMPILE) $(ARGS) --all-extras --group dev --no-emit-package colonyledger --output-file requirements.lock pyproject.toml

.PHONY: clean
clean:  ## Remove what make made: .venv, caches, downloads. Ledgers in data/ stay
	rm -rf .venv .cache .coverage coverage.xml .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
