# The engine room. Everything here makes its own set-up first (scripts/setup; a second run has nothing to do).

.DEFAULT_GOAL := help
.PHONY: help demo test proof lint bench setup clean

PY := .venv/bin/python
JOBS ?= 3
ARGS ?=

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name text; do printf '  make %-7s %s\n' "$$name" "$$text"; done

demo: ## the main job as a story, on a real host where this machine can run one (ARGS=--stay keeps it up)
	@scripts/setup demo
	@.venv/bin/hikeshi demo $(ARGS)

test: ## lint, then every test but the proof; JOBS=3 at a time (most of them wait most of the time)
	@scripts/setup test
	@$(MAKE) --no-print-directory lint
	@$(PY) -m pytest -n $(JOBS) -m "not proof" --durations=25 $(ARGS)

proof: ## the tests that take long: all kill points, many seeds, real machines, rehearsals
	@scripts/setup test
	@$(PY) -m pytest -n $(JOBS) -m proof --durations=25 $(ARGS)

lint: ## formatting, style, types, and which room may import which
	@scripts/setup python
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: ## measure what has a limit, others' tools in the same run
	@scripts/setup bench
	@$(PY) -m bench $(ARGS)

setup: ## all that demo and test need, and nothing else
	@scripts/setup test

clean: ## remove what was made in this checkout (the cached host image stays)
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
