# Two commands set everything up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait for other processes some of the time. Those of a file share what they start; conftest.py orders them.
AT_ONCE = $(BIN)/pytest --numprocesses $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 )) --dist loadfile --no-loadscope-reorder
# Otherwise each worker, and each server that a test starts, compiles everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-fast test-all coverage bench chaos check format screenshots lock release clean

help:  ## Show this help.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run  ## Serve on DAAS_BIND (127.0.0.1:8000); makes a demo in an empty database.
	@$(BIN)/daas db upgrade
	@$(BIN)/daas demo --quiet
	@exec $(BIN)/daas serve

test: $(VENV)/.dev  ## Run all tests except the slow ones; those that concern the database on SQLite and on a real PostgreSQL.
	@$(AT_ONCE) -m "not slow and not alone"

test-fast: $(VENV)/.dev  ## Run the quick tests (about a minute), or all of one room: make test-fast ROOM=storage.
	@# Not those that wait for processes or use PostgreSQL, nor two rooms whose tests make a database each.
	@$(AT_ONCE) $(if $(ROOM),-m "not slow and not alone" tests/$(ROOM),-m "not slow and not alone and not processes" \
	    -k "not postgresql" --ignore tests/records --ignore tests/migrations --numprocesses logical)

test-all: test  ## Run the slow tests too: browsers, many random examples, short forms of `make bench` and `make chaos`.
	@$(AT_ONCE) -m slow
	@$(AT_ONCE) -m "hypothesis and not slow and not alone" --hypothesis-profile=many
	@$(BIN)/pytest -m alone

coverage: $(VENV)/.dev  ## Run the tests of `make test` and show which lines and branches of daas/ they reach.
	@$(AT_ONCE) -m "not slow and not alone" --cov --cov-report term:skip-covered

bench: $(VENV)/.dev  ## Measure the service beside other things; writes bench/RESULTS.md (about half an hour).
	@$(BIN)/python -m bench $(if $(BEFORE),--before $(BEFORE))

chaos: $(VENV)/.dev  ## Make real failures happen under load and check the ledger; writes chaos/RESULTS.md.
	@$(BIN)/python -m chaos --results chaos/RESULTS.md

check: $(VENV)/.dev  ## Lint, check the format and the types, look for weak spots and secrets.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports setup.cfg
	@# ruff judges SQL (S608), markup (S704) and addresses (S104), line by line. pyexpat reads XML, up to the first DTD.
	$(BIN)/bandit --quiet --skip B104,B405,B608,B704 --recursive daas gunicorn.conf.py wsgi.py
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --exclude-files '(^|/)(conformance|tests|vectors)/|^requirements' \
	    --exclude-lines '://(:|[a-z]+:)password@|"sha256": '

format: $(VENV)/.dev  ## Format the code and mend what the linter can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(VENV)/.dev  ## Take the pictures of the README anew (needs chromium).
	@$(BIN)/python -m tests.support.screenshots "$$(command -v chromium)"

release: $(VENV)/.dev  ## Build the release of daas.__version__ into dist/: wheel, source, lock file, bill of materials.
	@$(BIN)/python -m release dist

lock:  ## Write the lock files anew from setup.cfg (needs uv).
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	    --extra build setup.cfg --output-file requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	    --extra build --extra test --extra check --constraint requirements.txt setup.cfg --output-file requirements-dev.txt

clean:  ## Remove the virtual environment and caches; instance/ with its data stays.
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache

# A stamp says which lock file the environment was made from, so that nothing is installed twice.
$(VENV)/.run: requirements.txt setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "daas needs Python 3.11 or later, but $(PYTHON) is " + sys.version.split()[0] + ": say make PYTHON=python3.11 ...")'
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "Installing what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@touch $@
