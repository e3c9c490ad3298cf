# One command a habit. `make demo` and `make test` set up what they need by themselves.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
BIN := .venv/bin
# The stamp is newer than pyproject.toml exactly when the environment holds what it asks for.
STAMP := .venv/.installed
EXTRAS := .[auto,query,demo,s3,azure,awskms,ner,jwt,serve]
GROUPS_ := --group lint --group test --group bench
WORKERS ?= auto
# Hundreds of tests start processes, each of which would compile the package again.
unexport PYTHONDONTWRITEBYTECODE
# Instrumentations that would change every process of the environment stay apart from it.
DIALECTS := $(wildcard tests/dialects/*.txt)

.DEFAULT_GOAL := help
.PHONY: help setup demo test collector torture fuzz check fix golden docs bench bench-latency bench-sink bench-linear bench-pii clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## build .venv with everything development needs

$(STAMP): pyproject.toml $(DIALECTS)
	@echo "setting up .venv (a minute or two, once)"
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip install --quiet --python $(BIN)/python $(GROUPS_) -e '$(EXTRAS)'; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' && \
	  $(BIN)/python -m pip install --quiet --no-compile $(GROUPS_) -e '$(EXTRAS)'; \
	fi
	@for list in $(DIALECTS); do \
	  place=.venv/dialects/$$(basename $$list .txt); rm -rf $$place; \
	  if command -v uv >/dev/null 2>&1; then \
	    uv pip install --quiet --python $(BIN)/python --no-deps --target $$place -r $$list; \
	  else \
	    $(BIN)/python -m pip install --quiet --no-compile --no-deps --target $$place -r $$list; \
	  fi; \
	done
# On all cores, which pip does not. Some packages ship files of another Python's syntax.
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib .venv/dialects src || true
	@touch $@

demo: $(STAMP)  ## a small real application, audited without a change to it
	@$(BIN)/otel-audit demo

test: $(STAMP)  ## every test, in parallel
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

collector: $(STAMP)  ## build the Collector of collector-config/, unless it is built; prints where it is
	@PYTHONPATH=tests $(BIN)/python -m servers.collector

MINUTES ?= 2
torture: $(STAMP)  ## random load, kills and faults for MINUTES=2; a report by fault of what was lost
	@cd tests && PYTHONPATH=. ../$(BIN)/python -m faults.torture.driver --minutes $(MINUTES) $(TORTURE)

fuzz: $(STAMP)  ## requests changed at random for MINUTES=2; what they find is kept in tests/corpus/fuzz
	@cd tests && PYTHONPATH=. ../$(BIN)/python -m receive.fuzz --minutes $(MINUTES)

check: $(STAMP)  ## layers, lint, types, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(STAMP)  ## format and mend what can be mended by itself
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

clean:  ## remove the environment and caches
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

bench: $(STAMP)  ## the write path against its peers, as ratios inside one run
	@$(BIN)/python bench/write_path.py $(BENCH)

bench-latency: $(STAMP)  ## what a request costs, beside the same application that exports over OTLP
	@$(BIN)/python bench/latency.py $(BENCH)

bench-sink: $(STAMP)  ## what receiving OTLP costs, beside the same servers that throw it away, and rotel
	@$(PYTHON) -m venv .cache/bench-sink
	@.cache/bench-sink/bin/python -m pip install --quiet 'rotel==0.0.1a15'
	@$(BIN)/python bench/sink.py --rotel "$$(find .cache/bench-sink -name rotel-agent)" $(BENCH)

bench-linear: $(STAMP)  ## whether masking takes time in proportion to length, up to 50 MB, whatever a text is made of
	@$(BIN)/python bench/mask_linear.py $(BENCH)

bench-pii: $(STAMP)  ## what is found of personal data, beside other recognisers; in an environment of its own
	@$(PYTHON) -m venv .cache/bench-pii
	@.cache/bench-pii/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@.cache/bench-pii/bin/python -m pip install --quiet --group bench-pii -e .
	@.cache/bench-pii/bin/python bench/pii/run.py $(BENCH)

golden: $(STAMP)  ## write golden files again; read the difference before you commit it
	@$(BIN)/python tests/golden/regenerate.py
	@$(BIN)/python tests/golden/canonical/make.py
	@$(BIN)/python tests/golden/files/make.py

docs: $(STAMP)  ## write the generated pages again
	@$(BIN)/python -m otel_audit.record.docs > docs/record.md
	@$(BIN)/python -m otel_audit.config.reference > docs/configuration.md
	@$(BIN)/python -m otel_audit.sdk.events_page > docs/events.md
	@$(BIN)/python -m otel_audit.cli.docs > docs/cli.md
