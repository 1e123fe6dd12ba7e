# make demo          a realistic Moodle, a filled reporting table, Dagit and the API on this machine
# make demo SERVE=0  the same without serving: exits when the table is filled
# make test          the whole suite; make test-fast its quick part; make lint the static checks
# make bench         figures of this machine, as ratios to what it could do at best, into benchmarks/RESULTS.md
#                    make bench LARGE=1: large sizes too; make bench QUICK=1: tiny ones, to see that it runs
# make bench-peers   the tools that bench measures beside, in interpreters of their own
# make lock          write requirements.lock anew from pyproject.toml
PYTHON ?= python3
SERVE ?= 1
SIZE ?= 20000
TESTS ?= tests
LARGE ?= 0
QUICK ?= 0
PEERS := var/peers
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-fast bench bench-peers lint lock clean
.DEFAULT_GOAL := help

.PHONY: help
help:
	@sed -n 's/^# //p' Makefile

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	@$(BIN)/alx demo --learners $(SIZE) $(if $(filter 0 no false,$(SERVE)),--no-serve)

# Tests that start whole installations wait most of their time, and must not be starved: they come second. Files with few
# tests are the longest: they come first, so that no worker is left alone with one at the end.
test: $(STAMP) lint
ifeq ($(TESTS),tests)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests/integration tests/unit tests/contract
	@$(BIN)/python -m pytest -n 3 --dist worksteal tests/e2e
else
	@$(BIN)/python -m pytest $(TESTS)
endif

test-fast: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests/unit tests/contract

bench: $(STAMP)
	@$(BIN)/python benchmarks/run_all.py --peers $(PEERS) $(if $(filter 1 yes true,$(LARGE)),--large) \
	  $(if $(filter 1 yes true,$(QUICK)),--quick)

bench-peers:
	@$(PYTHON) -m venv $(PEERS)/web && $(PYTHON) -m venv $(PEERS)/dlt
	@$(PEERS)/web/bin/pip install --quiet fastapi 'uvicorn[standard]' sqlalchemy 'psycopg[binary]' datasette
	@$(PEERS)/dlt/bin/pip install --quiet 'dlt[postgres,sql-database]' connectorx pyarrow adbc-driver-postgresql pymysql

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

lock: $(STAMP)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	  --no-header --no-emit-index-url --all-extras --group dev pyproject.toml --output-file requirements.lock

clean:
	@rm -rf $(VENV) var .mypy_cache .ruff_cache .hypothesis
