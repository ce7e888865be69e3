# Two commands lead everywhere: `make demo` (also `make demo CUT=path`) and `make test`.
# Both set up what they need in this checkout, can be repeated, and say what went wrong.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev system demo test lint bench clean

VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export HF_HUB_OFFLINE := 1
export TRANSFORMERS_OFFLINE := 1

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## make the virtual environment and install the program into it
	@tools/setup $(VENV)

setup-dev:  ## the same, with what tests and checks need
	@tools/setup $(VENV) dev

system: setup-dev  ## install the programs that the end-to-end tests drive (melt, Blender's Python module)
	@tools/system

demo: setup  ## score the demo cut, or your own: make demo CUT=path/to/cut.otio
	@$(BIN)/otio-v2a demo $(if $(CUT),"$(CUT)") $(if $(OUT),--out "$(OUT)") $(ARGS)

lint: setup-dev  ## style, types and floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: setup-dev system lint  ## set up and run every check and test
	@$(BIN)/pytest -q -n 2 --dist loadgroup $(ARGS)

bench: setup-dev  ## run the benchmarks (minutes); results are printed
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

clean:  ## remove the virtual environments and what the demo made
	@rm -rf $(VENV) .venv-bpy out
