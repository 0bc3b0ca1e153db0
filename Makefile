# Tandem's commands. Bare `make` explains them. Every target installs what it needs by itself.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON3 ?= python3
PYTHON := .venv/bin/python
READY := .venv/.run-installed
DEV := .venv/.dev-installed
LONG := .venv/.long-installed

# The names of files reach the driver as written, whatever is in them.
unexport CONFIG RUN ONLY
export SETTINGS := $(value CONFIG)
export RUN_FOLDER := $(value RUN)
export TESTED := $(value ONLY)
needs-config = $(if $(SETTINGS),,$(error which settings? make $@ CONFIG=examples/parallel.json))
needs-run = $(if $(RUN_FOLDER),,$(error which run? make $@ RUN=results/run_...))

SCRIPTS := bin/bgrun bin/dose bin/energy bin/fgrun bin/nightly bin/powermon lib/cli.sh \
	templates/bg_loop.sh.j2 templates/fg_run.sh.j2 examples/digits/train.sh examples/pictures/train.sh bench/gpu.sh .ci/run
DRIVER = exec $(PYTHON) driver.py

.PHONY: help
help: ## what can be done here
	@echo 'make TARGET [CONFIG=settings.json] [OPTIONS="--seed 1 ..."]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

.PHONY: parallel
parallel: $(READY) ## run the experiments of CONFIG, each beside its background where it asks for one
	$(needs-config)
	@$(DRIVER) run --stop-with-parent "$$PPID" $(OPTIONS) -- "$$SETTINGS"

.PHONY: resume
resume: $(READY) ## go on with what is missing in the run of RUN
	$(needs-run)
	@$(DRIVER) run --stop-with-parent "$$PPID" $(OPTIONS) --resume "$$RUN_FOLDER"

.PHONY: nightly
nightly: $(READY) ## run CONFIG as cron would, for one night (docs/cron.md)
	$(needs-config)
	@exec setpriv --pdeathsig TERM bin/nightly "$$SETTINGS" $(OPTIONS)

.PHONY: check
check: $(READY) ## check CONFIG; print its design, hours and verdicts (OPTIONS=--lines: all commands); run nothing
	$(needs-config)
	@$(DRIVER) check $(OPTIONS) -- "$$SETTINGS"

.PHONY: report
report: $(READY) ## make the report of RUN: one HTML file that can be mailed
	$(needs-run)
	@$(DRIVER) report $(OPTIONS) -- "$$RUN_FOLDER"

.PHONY: list
list: $(READY) ## print the repositories, models and hyperparameters of the registry
	@$(DRIVER) list $(OPTIONS)

.PHONY: repos
repos: $(READY) ## clone the repositories that are missing, each at the registry's commit
	@$(DRIVER) repos $(OPTIONS)

.PHONY: doctor
doctor: $(READY) ## print what this machine has, and what is lost without the rest
	@$(DRIVER) doctor $(OPTIONS)

.PHONY: test
test: $(DEV) ## test this installation, in minutes; no GPU is needed (ONLY=PATH: those alone)
	@exec $(PYTHON) tests/run.py --stop-with-parent "$$PPID" test $${TESTED:+"$$TESTED"}

.PHONY: test-all
test-all: $(DEV) $(LONG) ## all tests but the long random ones, with PyTorch and Chromium
	@exec $(PYTHON) tests/run.py --stop-with-parent "$$PPID" test-all

.PHONY: soak
soak: $(DEV) ## the long random tests: kills at any moment, many examples
	@exec $(PYTHON) tests/run.py --stop-with-parent "$$PPID" soak

.PHONY: lint
lint: $(DEV) ## check the code: shellcheck, shfmt, ruff, mypy
	@.venv/bin/shellcheck -x $(SCRIPTS) tests/programs/*.bats
	@.venv/bin/shfmt -i 2 -ci -d $(SCRIPTS)
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy

.PHONY: bench
bench: $(DEV) ## print the figures of docs/speed.md for this machine, and how often statistics are right
	@$(PYTHON) bench/speed.py
	@$(PYTHON) bench/measuring.py
	@$(PYTHON) bench/scale.py
	@$(PYTHON) bench/logs.py
	@$(PYTHON) bench/faults.py
	@$(PYTHON) bench/dosing.py
	@$(PYTHON) bench/figures.py
	@$(PYTHON) bench/repeats.py

$(READY): requirements.txt
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make ... PYTHON3=python3.12")'
	@echo 'installing the requirements into .venv (once)' >&2
	@$(PYTHON3) -m venv .venv
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(READY)
	@echo 'installing the tools for tests into .venv (once)' >&2
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(LONG): requirements-long.txt $(READY)
	@echo 'installing PyTorch and what drives Chromium into .venv (once; this takes minutes)' >&2
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-long.txt
	@touch $@
