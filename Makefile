# encephagen: everything a fresh machine needs is Python 3.11 or newer, and make.
#   make help         what can be made
#   make demo         talk to the brain          ARGS="--help" is passed on
#   make test         every check and test       TESTS=tests/unit WORKERS=0 narrow it

# A Python to insist on; left empty, the first of these that is new enough.
PYTHON  ?=
PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python)
VENV    ?= .venv
ARGS    ?=
TESTS   ?= tests
# Test processes that run at once (pytest-xdist); 0 runs them in this process, in order.
WORKERS ?= 2

BIN   := $(VENV)/bin
QUIET := >>$(VENV)/install.log 2>&1 </dev/null
PIP   := $(BIN)/python -m pip --disable-pip-version-check --no-input install
SAY   := @echo >&2

# Shown when an installation fails: the end of what pip said.
OR_SHOW := || { tail -n 15 $(VENV)/install.log >&2; \
	echo "encephagen: installing failed, see $(VENV)/install.log; once mended, run the same command again" >&2; exit 1; }

.PHONY: help demo test check lint tests format bench notebook wheel docs lock clean
.DEFAULT_GOAL := help
.NOTPARALLEL:

help:
	@echo "make demo      talk to a brain of 16,000 neurons   (ARGS=... is passed on)"
	@echo "make test      lint, types, layers and every test  (TESTS=tests/unit, WORKERS=0)"
	@echo "make check     lint, types and layers alone        (make format mends the layout)"
	@echo "make bench     measure speed; writes docs/         (ARGS=... is passed on)"
	@echo "make notebook  open the quickstart notebook"
	@echo "make wheel     build the wheel into dist/"
	@echo "make docs      renew the reference of the command line, the overview and the pages of results"
	@echo "make lock      renew the pinned requirements"
	@echo "make clean     remove the environment, builds and caches"

# ---- the environment: one stamp a step, so that a second run starts at once -------------------

$(VENV)/.made:
	@for python in $(PYTHONS); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null </dev/null; then \
			"$$python" -m venv --clear $(VENV) >&2 </dev/null && touch $@ && exit 0; \
			echo "encephagen: '$$python -m venv' failed; install Python's venv module (Debian: python3-venv)" >&2; exit 1; \
		fi; \
	done; \
	found=$$($(firstword $(PYTHONS)) --version 2>/dev/null </dev/null); \
	echo "encephagen: needs Python 3.11 or newer, found $${found:-none}; install it, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.made
	$(SAY) "encephagen: installing what it runs on into $(VENV) (once; a minute or so) ..."
	@$(PIP) -r requirements.lock $(QUIET) $(OR_SHOW)
	@$(PIP) --no-deps --no-build-isolation -e . $(QUIET) $(OR_SHOW)
	@touch $@

$(VENV)/.dev: requirements-dev.lock requirements-against.txt $(VENV)/.runtime
	$(SAY) "encephagen: installing what the tests need into $(VENV) (once; a minute or so) ..."
	@$(PIP) -r requirements-dev.lock $(QUIET) $(OR_SHOW)
	@$(PIP) --no-deps -r requirements-against.txt $(QUIET) $(OR_SHOW)
	@touch $@

$(VENV)/.notebook: requirements-notebook.lock $(VENV)/.runtime
	$(SAY) "encephagen: installing the notebook into $(VENV) (once; a minute or so) ..."
	@$(PIP) -r requirements-notebook.lock $(QUIET) $(OR_SHOW)
	@touch $@

# ---- what people ask for ----------------------------------------------------------------------

demo: $(VENV)/.runtime
	@$(BIN)/encephagen demo $(ARGS)

test: check tests

check: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports --no-cache

tests: $(VENV)/.dev
	@MPLBACKEND=Agg $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder $(TESTS) $(ARGS)

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev
	@MPLBACKEND=Agg $(BIN)/encephagen bench $(ARGS)

notebook: $(VENV)/.notebook
	@$(BIN)/jupyter lab docs/quickstart.ipynb $(ARGS)

wheel: $(VENV)/.dev
	@rm -rf dist
	@$(BIN)/python -m build --wheel --no-isolation

docs: $(VENV)/.dev
	@COLUMNS=100 NO_COLOR=1 $(BIN)/python -m typer encephagen.app.cli utils docs \
		--name encephagen --title "The command line" --output docs/cli.md
	@MPLBACKEND=Agg $(BIN)/python scripts/renew_docs.py

# Pins for every platform and Python at once, so one file serves all; needs the package index. A clone
# has the extras `fit` and `nulls`, so that all of its commands work.
LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --upgrade \
	--python-version 3.11 --no-emit-index-url --no-emit-find-links --extra fit --extra nulls pyproject.toml
lock: | $(VENV)/.made
	@$(PIP) uv $(QUIET) $(OR_SHOW)
	@$(LOCK) --group build -o requirements.lock
	@$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock
	@$(LOCK) --extra notebook -c requirements.lock -o requirements-notebook.lock

clean:
	@rm -rf $(VENV) dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
