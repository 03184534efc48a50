# Vagus: `make demo` and `make test` install what is missing; the rest assumes one of them has run.
SHELL := /bin/bash
CORES ?= $(shell nproc)
DEMO ?= demo
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/tools/bin:$(CURDIR)/.tools/conda/bin:$(PATH)
# conda environments are made by Snakemake itself where setup took that road
SDM = $(shell grep -qsx conda .tools/road && echo --sdm conda --conda-prefix $(CURDIR)/.tools/envs)
RUN = snakemake --snakefile workflow/Snakefile --cores $(CORES) $(SDM)
PYTEST = python -m pytest

.PHONY: help setup setup-dev micom demo null-demo test lint slow benchmark docs lock clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## install what a run needs
	@bash envs/setup.sh run

setup-dev:
	@bash envs/setup.sh dev

micom: ## install MICOM, for community fluxes, into .tools/micom
	@bash envs/setup.sh micom

demo: setup ## simulate a trial with a known truth and run it from raw reads to the report
	python scripts/vagus/demo/simulate_trial.py --out $(DEMO)
	$(RUN) --directory $(DEMO) --configfile $(DEMO)/config.yaml
	@echo "The report: $(DEMO)/results/report/index.html"

null-demo: setup ## the same trial without any effect
	python scripts/vagus/demo/simulate_trial.py --out $(DEMO)-null --null
	$(RUN) --directory $(DEMO)-null --configfile $(DEMO)-null/config.yaml

test: setup-dev lint ## all checks and every test but the slow ones and the benchmarks
	$(PYTEST) -m "not slow and not benchmark"

lint: setup-dev ## formatters, linters and the type checker
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check workflow
	python scripts/vagus/design/make_config_readme.py --check
	python scripts/vagus/modules/lint_modules.py
	python scripts/vagus/modules/make_modules_page.py --check
	bash tests/lint_workflow.sh

slow: setup-dev ## the slow tests: real data end to end, calibration
	$(PYTEST) -m slow

benchmark: setup-dev ## speed against the peers, in one run
	$(PYTEST) -m benchmark -s

docs: setup-dev ## renew the generated pages
	python scripts/vagus/design/make_config_readme.py
	python scripts/vagus/modules/make_modules_page.py

lock: ## renew the locked Python requirements (needs uv)
	cd envs && for name in requirements-uv requirements-micom requirements-dev requirements; do \
	  uv pip compile --quiet --no-header --universal --python-version 3.11 --generate-hashes \
	    $$([ $$name = requirements ] && echo -c requirements-dev.txt) $$name.in -o $$name.txt; done

clean: ## remove the demo's results and caches; tools stay
	rm -rf $(DEMO) $(DEMO)-null .pytest_cache .ruff_cache .mypy_cache .snakemake
