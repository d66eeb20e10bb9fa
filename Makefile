# Aurum's commands. A fresh machine needs Python 3.11 or newer and make, nothing else.
#
#   PYTHON=python3.12   the Python to make .venv from      DATA=folder  where the stack keeps everything
#   ARGS="-k wires"     words for pytest                   PORT=8000    the API's port
#   EXIT=1              the demo ends after its walk       ONLY=ledger  a part of the bench; of up: db,temporal,…

.DEFAULT_GOAL := help
SHELL := /bin/sh
.PHONY: help setup demo up test check bench lock deploy-check

PYTHON ?= python3.11 python3.12 python3.13 python3 python3.14 python
DATA ?= .local/data
VENV := .venv
RUN := $(VENV)/bin/python

help: ## Show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@sed -n 's/^#   /  /p' $(firstword $(MAKEFILE_LIST))

# The environment holds a copy of the lock it was made from, so it is made again exactly when that lock changes.
setup: ## Make the environment in .venv
	@if $(RUN) -c '' 2>/dev/null && cmp -s requirements.lock $(VENV)/installed.lock; then exit 0; fi; \
	set -e; \
	if ! $(RUN) -m pip --version >/dev/null 2>&1; then \
	  found=; \
	  for candidate in $(PYTHON); do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	      found=$$candidate; break; \
	    fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "make setup: no Python 3.11 or newer found (tried: $(PYTHON)); name one with PYTHON=…" >&2; exit 1; \
	  fi; \
	  if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "make setup: $$found lacks its venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv --clear $(VENV); \
	fi; \
	echo "Installing requirements.lock"; \
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock; \
	cp requirements.lock $(VENV)/installed.lock

demo: setup ## Start everything and walk real wires end to end (EXIT=1 ends after the walk)
	@$(RUN) -m infra.local demo --data $(DATA) $(if $(PORT),--port $(PORT)) $(if $(filter-out 0,$(EXIT)),--exit)

up: setup ## Start the stack and keep it running
	@$(RUN) -m infra.local up --data $(DATA) $(if $(PORT),--port $(PORT)) $(if $(ONLY),--only $(ONLY))

test: setup ## Run every test
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## Check format, lint, types, imports and house rules
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(RUN) -m pytest tests/test_tidy.py

bench: setup ## Measure, print a table and write .local/bench.json (ONLY=ledger runs a part)
	@ONLY="$(ONLY)" $(RUN) -m tests.bench

# Compiled for every platform and every Python from 3.11 on, so that one lock serves all of them.
lock: ## Compile requirements.lock from pyproject.toml again (ARGS=--upgrade for newer releases)
	@if [ -x $(RUN) ]; then $(RUN) -m venv .local/locking; else python3 -m venv .local/locking; fi
	@.local/locking/bin/pip install --quiet --disable-pip-version-check uv
	@.local/locking/bin/uv pip compile pyproject.toml --quiet --no-config --extra local --extra dev \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" --output-file requirements.lock $(ARGS)
	@for image in production operations; do \
	  .local/locking/bin/uv pip compile pyproject.toml --quiet --no-config --constraint requirements.lock \
	    $$([ $$image = production ] || echo "--extra operations") \
	    --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" --output-file infra/deploy/$$image.lock; \
	done

deploy-check: setup ## Check the files of a deployment with docker compose, helm and hadolint, where they are installed
	@$(RUN) -m pytest tests/infra/test_deploy_files.py tests/infra/test_handbook.py
	@if docker compose version >/dev/null 2>&1; then \
	  mkdir -p .local; sed "s/=\$\$/=x/" infra/deploy/compose.env.example > .local/compose.env; \
	  docker compose --env-file .local/compose.env -f infra/deploy/compose.yaml config --quiet && echo "compose: taken"; \
	else echo "compose: not checked, docker compose is not here"; fi
	@if command -v helm >/dev/null; then helm lint infra/deploy/helm/aurum -f infra/deploy/helm/example-values.yaml; \
	else echo "helm: not checked, it is not here"; fi
	@if command -v hadolint >/dev/null; then hadolint infra/deploy/Dockerfile && echo "hadolint: nothing found"; \
	else echo "hadolint: not checked, it is not here"; fi
