# Tandem's commands. Bare `make` explains them. Every target installs what it needs by itself.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON3 ?= python3
PYTHON := .venv/bin/python
export PYTHON3

# The names of files reach the driver as written, whatever is in them.
unexport CONFIG RUN ONLY PARTITION WORKERS SBATCH_ARGS
export SETTINGS := $(value CONFIG)
export RUN_FOLDER := $(value RUN)
export TESTED := $(value ONLY)
export OF_PARTITION := $(value PARTITION)
export OF_WORKERS := $(value WORKERS)
export OF_SBATCH := $(value SBATCH_ARGS)
needs-config = $(if $(SETTINGS),,$(error which settings? make $@ CONFIG=examples/parallel.json))
needs-run = $(if $(RUN_FOLDER),,$(error which run? make $@ RUN=results/run_...))

SCRIPTS := bin/bgrun bin/dose bin/energy bin/fgrun bin/nightly bin/powermon bin/tandem lib/cli.sh lib/venv.sh \
	templates/bg_loop.sh.j2 templates/fg_run.sh.j2 templates/worker.sbatch.j2 examples/digits/train.sh examples/pictures/train.sh examples/notify_desktop bench/gpu.sh .ci/run tests/slurm/cluster
TANDEM = exec bin/tandem
SUBMIT = $(TANDEM) submit $${OF_PARTITION:+--partition="$$OF_PARTITION"} \
	$${OF_WORKERS:+--workers="$$OF_WORKERS"} $${OF_SBATCH:+--sbatch-args="$$OF_SBATCH"} $(OPTIONS)
need = @source lib/venv.sh; venv_need "$$PWD" $1

.PHONY: help
help: ## what can be done here
	@echo 'make TARGET [CONFIG=FILE] [RUN=results/run_...] [OPTIONS="--seed 1 ..."]'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14
	@echo 'bin/tandem --help has all commands'

.PHONY: parallel
parallel: ## run the experiments of CONFIG, each beside its background if any
	$(needs-config)
	@$(TANDEM) run --stop-with-parent "$$PPID" $(OPTIONS) -- "$$SETTINGS"

.PHONY: resume
resume: ## go on with what is missing in RUN, by workers if it was submitted
	$(needs-run)
	@if [[ -e $$RUN_FOLDER/jobs/jobs.jsonl || -e results/$$RUN_FOLDER/jobs/jobs.jsonl ]]; then \
	  $(SUBMIT) --resume "$$RUN_FOLDER"; \
	fi; \
	$(TANDEM) run --stop-with-parent "$$PPID" $(OPTIONS) --resume "$$RUN_FOLDER"

.PHONY: submit
submit: ## submit workers for CONFIG to Slurm (PARTITION=, WORKERS=)
	$(needs-config)
	@$(SUBMIT) -- "$$SETTINGS"

.PHONY: nightly
nightly: venv ## run CONFIG as cron would, for one night (docs/cron.md)
	$(needs-config)
	@exec setpriv --pdeathsig TERM bin/nightly "$$SETTINGS" $(OPTIONS)

.PHONY: check
check: ## check CONFIG; print its design, hours, verdicts; run nothing
	$(needs-config)
	@$(TANDEM) check $(OPTIONS) -- "$$SETTINGS"

.PHONY: list
list: ## print the registry: repositories, models, hyperparameters
	@$(TANDEM) list $(OPTIONS)

.PHONY: status
status: ## print what the run of RUN does (the latest)
	@$(TANDEM) status $(OPTIONS) -- "$${RUN_FOLDER:-latest}"

.PHONY: watch
watch: ## the same again and again, until it ends
	@$(TANDEM) watch $(OPTIONS) -- "$${RUN_FOLDER:-latest}"

.PHONY: report
report: ## make the report of RUN: one HTML file that can be mailed
	$(needs-run)
	@$(TANDEM) report $(OPTIONS) -- "$$RUN_FOLDER"

.PHONY: compare
compare: ## print what the trainings of RUN cost each other
	$(needs-run)
	@$(TANDEM) compare $(OPTIONS) -- "$$RUN_FOLDER"

.PHONY: repos
repos: ## clone the repositories that are missing, at the registry's commits
	@$(TANDEM) repos $(OPTIONS)

.PHONY: doctor
doctor: ## print what this machine has, and what is lost without the rest
	@$(TANDEM) doctor $(OPTIONS)

.PHONY: test
test: dev ## test this installation, in minutes (ONLY=PATH: those alone)
	@exec $(PYTHON) tests/run.py --stop-with-parent "$$PPID" test $${TESTED:+"$$TESTED"}

.PHONY: test-all test-rest
test-all: dev long ## all tests but the long random ones, with PyTorch, Chromium, Slurm
	@exec $(PYTHON) tests/run.py --stop-with-parent "$$PPID" test-all
test-rest: dev long
	@exec $(PYTHON) tests/run.py --stop-with-parent "$$PPID" test-rest

.PHONY: soak
soak: dev ## the long random tests: kills at any moment, many examples
	@exec $(PYTHON) tests/run.py --stop-with-parent "$$PPID" soak

.PHONY: lint
lint: dev ## check the code: shellcheck, shfmt, ruff, mypy
	@.venv/bin/shellcheck -x $(SCRIPTS) tests/programs/*.bats
	@.venv/bin/shfmt -i 2 -ci -d $(SCRIPTS)
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy

.PHONY: bench
bench: dev ## print the figures of docs/speed.md for this machine
	@$(PYTHON) bench/speed.py
	@$(PYTHON) bench/measuring.py
	@$(PYTHON) bench/scale.py
	@$(PYTHON) bench/logs.py
	@$(PYTHON) bench/timeline.py
	@$(PYTHON) bench/faults.py
	@$(PYTHON) bench/dosing.py
	@$(PYTHON) bench/figures.py
	@$(PYTHON) bench/repeats.py
	@$(PYTHON) bench/report.py
	@$(PYTHON) bench/workers.py

.PHONY: completion
completion: dev ## make the scripts of `tandem completion` anew
	@$(PYTHON) tests/support/completions.py

.PHONY: venv dev long
venv:
	$(call need)
dev:
	$(call need,dev)
long:
	$(call need,long)
