# Everything a newcomer types. Each target prepares .venv by itself; nothing is installed outside
# the checkout but, for the tests, the Debian packages named in DEBIAN.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PACKAGES := gb28181 sip media catalog config
DEBIAN := chromium ffmpeg sip-tester tshark fonts-noto-cjk iproute2 python3-venv \
  gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav
ARGS ?=

WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' 2>/dev/null)
FRAME := pyproject.toml requirements.lock gb28181/__init__.py $(WEB_SOURCES)

.PHONY: help demo run test lint format bench fuzz soak reference lock debian clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.stamp-run ## server and 20 cameras of five cities on 127.0.0.1, on fresh data
	@exec $(BIN)/gb28181 demo $(ARGS)

run: $(VENV)/.stamp-run ## the server alone, settings as in gb28181.toml and GB28181_* variables
	@exec $(BIN)/gb28181 serve $(ARGS)

test: debian $(VENV)/.stamp-test lint ## everything the continuous integration runs
	@export CI=$${CI:-} PYTHONPATH=
	unset PYTHONDONTWRITEBYTECODE  # processes of the tests would translate every module anew
	if [ -n "$(ARGS)" ]; then exec $(BIN)/python -m pytest $(ARGS); fi
	# Tests that watch real sockets, pictures and clocks need a machine that has time: one that fails is
	# run again, three times at most, and every such run is told (R). All others have one run.
	export TEST_RERUNS=3
	alone="tests/unit tests/property tests/rules tests/fuzz"
	echo "--- what depends on nothing outside: meanwhile, with the time that is left ($$alone)"
	nice -n 10 $(BIN)/python -m pytest -q $$alone > $(VENV)/alone.log 2>&1 & alone_runs=$$!
	trap 'kill $$alone_runs $${browser_runs:-} 2>/dev/null || true' EXIT
	echo "--- storms, one after the other"
	$(BIN)/python -m pytest -q -rR --durations=10 -m "slow and not browser"
	echo "--- the browser: meanwhile, in one process of its own"
	$(BIN)/python -m pytest -q -rR --durations=10 -m browser > $(VENV)/browser.log 2>&1 & browser_runs=$$!
	echo "--- everything else, side by side, but what is marked nightly (make test ARGS='-m nightly')"
	$(BIN)/python -m pytest -q -rR --durations=20 -m "not slow and not browser and not nightly" -n 3 --dist loadfile \
	  $$(printf -- '--ignore=%s ' $$alone)
	result=0
	echo "--- the browser"; wait $$browser_runs || result=$$?; cat $(VENV)/browser.log
	echo "--- what depends on nothing outside"; wait $$alone_runs || result=$$?; cat $(VENV)/alone.log
	exit $$result

lint: $(VENV)/.stamp-test ## form, mistakes, types
	@$(BIN)/ruff format --check $(PACKAGES) tests docs web/hatch_build.py
	$(BIN)/ruff check $(PACKAGES) tests docs web/hatch_build.py
	$(BIN)/mypy

format: $(VENV)/.stamp-test ## bring the source into form
	@$(BIN)/ruff format $(PACKAGES) tests docs web/hatch_build.py
	$(BIN)/ruff check --fix $(PACKAGES) tests docs web/hatch_build.py

bench: $(VENV)/.stamp-test ## CPU and memory per message, stream and viewer, as a table
	@exec $(BIN)/python -m tests.benchmarks $(ARGS)

fuzz: $(VENV)/.stamp-test ## look for input that breaks a decoder (atheris)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) install -c requirements.lock atheris || true
	exec $(BIN)/python -m tests.fuzz $(ARGS)

soak: debian $(VENV)/.stamp-test ## an hour of coming and going with faults; nothing may leak
	@exec $(BIN)/python -m tests.e2e.soak $(ARGS)

reference: $(VENV)/.stamp-test ## write the pages that are made from the source
	@$(BIN)/python -m docs.tools.generate

lock: ## renew requirements.lock from pyproject.toml
	@trap 'rm -rf "$$folder"' EXIT; folder=$$(mktemp -d)
	$(PYTHON) -m venv "$$folder"
	GB28181_SKIP_WEB=1 "$$folder/bin/python" -m pip --quiet install '.[test,lint,fuzz]'
	{ echo '# Versions the tests ran with; made by `make lock`.'; \
	  "$$folder/bin/python" -m pip freeze --exclude gb28181 --exclude pip --exclude setuptools; } > requirements.lock

debian: ## the programs the tests need from Debian
	@missing=()
	for package in $(DEBIAN); do
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$$package")
	done
	if [ $${#missing[@]} -eq 0 ]; then exit 0; fi
	if [ "$$(id -u)" = 0 ]; then sudo=(); \
	elif sudo -n true 2>/dev/null; then sudo=(sudo -n); \
	else
	  echo "The tests need programs that are not installed. Type:"
	  echo "  sudo apt-get install -y --no-install-recommends $${missing[*]}"
	  exit 1
	fi
	echo "installing $${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	"$${sudo[@]}" apt-get update -qq
	"$${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}"

clean: ## remove what was built, not the data
	@rm -rf $(VENV) build dist web/node_modules web/dist gb28181/api/static .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp-run: $(FRAME) | $(VENV)/bin/python
	@echo "preparing $(VENV)"
	$(PIP) install -c requirements.lock -e .
	touch $@

$(VENV)/.stamp-test: $(FRAME) | $(VENV)/bin/python
	@echo "preparing $(VENV) for the tests"
	$(PIP) install -c requirements.lock -e '.[test,lint]'
	touch $@ $(VENV)/.stamp-run
