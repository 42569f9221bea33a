# Two commands are enough: `make run` and `make test`. Both install what is missing first, and say what.
#   PYTHON=python3.12   the interpreter that .venv is made with (CPython 3.11 or 3.12)
#   SKIP_APT=1          do not look for Debian packages; you have brought them
#   CONFIG=path         the configuration that `make run` starts with
#   PACKETS=n SEED=n    how much, and what, `make fuzz` sends
#   RUNS=n              inputs for each target of `make fuzz-native`
#   WORKERS=n           how many processes `make test` spreads the tests over; most of a test is waiting

PYTHON ?= python3
CONFIG ?= config.yaml
PACKETS ?= 2000000
SEED ?= 1
RUNS ?= 1000000
WORKERS ?= 3
VENV   := .venv
STAMPS := $(VENV)/.stamps
PIP    := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet
NATIVE := build/native

MAKEFLAGS += --no-print-directory --no-builtin-rules
.SHELLFLAGS := -ec
.DEFAULT_GOAL := build
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: build run test lint types format bench bench-media bench-presence soak fuzz fuzz-native test-asan test-tsan native install \
        uninstall clean help host packages-build packages-lint packages-test packages-bench packages-sanitize packages-fuzz

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- what a fresh machine lacks ----

host:
	@scripts/check-host.sh $(PYTHON)

packages-build: host
	@scripts/install-packages.sh build

packages-lint packages-test packages-bench packages-sanitize packages-fuzz: packages-%: host
	@scripts/install-packages.sh build $*

$(STAMPS)/venv: | packages-build
	@scripts/make-venv.sh $(PYTHON) $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: requirements/run.txt requirements/build.txt $(STAMPS)/venv
	@echo "screamrouter-sip: installing the Python packages of requirements/run.txt and build.txt into $(VENV)"
	@$(PIP) install -r requirements/build.txt -r requirements/run.txt
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/run
	@echo "screamrouter-sip: installing the Python packages of requirements/dev.txt into $(VENV)"
	@$(PIP) install -r requirements/dev.txt
	@touch $@

$(STAMPS)/app: setup.py pyproject.toml $(STAMPS)/run
	@echo "screamrouter-sip: building the C++ core (about a minute the first time)"
	@$(VENV)/bin/python setup.py --quiet build_ext --inplace
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

# ---- the program ----

build: packages-build $(STAMPS)/app  ## leave .venv/bin/screamrouter-sip
	@$(VENV)/bin/python setup.py --quiet build_ext --inplace
	@scripts/build-page.sh

run: build  ## start the daemon on ./config.yaml
	@exec $(VENV)/bin/screamrouter-sip run --config $(CONFIG)

clean:  ## remove everything that make has made here
	rm -rf $(VENV) build dist web/dist web/dist.new web/node_modules src/*.egg-info src/engine/_engine*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- the checks ----

test: packages-test $(STAMPS)/dev build native  ## native tests, then all the others
	@$(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile

native: packages-sanitize
	@cmake -S . -B $(NATIVE) -G Ninja -DSR_BUILD_TESTS=ON -DSR_BUILD_BINDINGS=OFF \
	    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-g -Og" >/dev/null
	@cmake --build $(NATIVE)
	@ctest --test-dir $(NATIVE) --output-on-failure

types: packages-build $(STAMPS)/dev  ## mypy and TypeScript, strict
	@$(VENV)/bin/python -m mypy
	@scripts/build-page.sh types

lint: packages-lint $(STAMPS)/dev  ## ruff, import rules, clang-format, clang-tidy
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@PYTHONPATH=src $(VENV)/bin/lint-imports --no-cache
	@scripts/lint-cpp.sh $(NATIVE)

format: packages-lint $(STAMPS)/dev  ## bring all code into the layout that lint wants
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix
	@find cpp tests/native tests/fuzz tests/bench -name '*.[ch]pp' -print0 | xargs -0 clang-format -i

test-asan: packages-sanitize  ## native tests with the address and undefined behaviour sanitizers
	@scripts/test-sanitized.sh address,undefined

test-tsan: packages-sanitize  ## native tests with the thread sanitizer
	@scripts/test-sanitized.sh thread

fuzz: $(STAMPS)/dev build  ## mutated packets against daemons of its own: PACKETS=2000000 SEED=1
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.fuzz.run --packets $(PACKETS) --seed $(SEED)
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.fuzz.sockets --messages $(PACKETS) --seed $(SEED)

fuzz-native: packages-fuzz  ## libFuzzer on every native parser: RUNS=1000000 for each
	@scripts/fuzz-native.sh $(RUNS)

soak: $(STAMPS)/dev build  ## kills, reloads, floods, calls, reconnects, presence, and how soon the daemon serves again; about 35 minutes
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.soak.kills --rounds 200
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.soak.reloads --reloads 500 --devices 1000
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.soak.flood --packets 1000000 --honest 1000
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.soak.starts 10000 100000
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.soak.connections --devices 1000
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.soak.calls --calls 2000
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.soak.subscriptions --addresses 20000
	@PYTHONPATH=.:src $(VENV)/bin/python -m tests.soak.truth --seeds 10 --steps 200

bench: bench-media  ## measure beside Kamailio, and audio beside Janus and aiortc
	@$(VENV)/bin/python tests/bench/run.py
	@$(VENV)/bin/python tests/bench/presence.py

bench-presence: packages-bench packages-test $(STAMPS)/dev build  ## measure watchers beside Kamailio's; six minutes
	@$(VENV)/bin/python tests/bench/presence.py

bench-media: packages-bench packages-test $(STAMPS)/dev build  ## measure audio beside Janus and aiortc; ten minutes
	@$(VENV)/bin/python tests/bench/media.py

# ---- on this machine for good ----

install: host  ## as root: /opt/screamrouter-sip, its user, its service
	@scripts/install.sh "$(PYTHON)"

uninstall:  ## as root: remove what install has put, keep configuration and state
	@scripts/uninstall.sh
