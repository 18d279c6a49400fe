# The commands of the house; `make help` lists them. Everything runs in .venv, which the first command makes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
PIP_ARGS ?=
STAMP := $(VENV)/.installed
UNAVAILABLE := echo "make needs Python 3.11 or 3.12 (mediapipe 0.10.21, the last with its models in the wheel, has no newer wheels); found none of python3.11, python3.12, python3 of that version on the PATH." >&2; exit 2
export PYTHONUNBUFFERED = 1

.PHONY: help install format lint types layers check test emulator serve demo render bench clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(STAMP): requirements.txt requirements-nodeps.txt pyproject.toml
	@set -e; for candidate in python3.11 python3.12 python3; do \
	  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then $(UNAVAILABLE); fi; \
	echo "Setting up $(VENV) with $$($$python --version) (once; about 2 GB with the CPU build of torch)"; \
	[ -x $(PY) ] || $$python -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -r requirements.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --no-deps -r requirements-nodeps.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --editable '.[dev]'
	@touch $@

install: $(STAMP) ## make the environment (.venv)
