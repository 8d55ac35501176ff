# Two commands for a newcomer: `make demo` and `make test`. Everything happens in .venv; nothing else is installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

.PHONY: install install-test demo headless test check format train screenshots lock clean

install: $(VENV)/.home
install-test: $(VENV)/.tests

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Restock needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.home: pyproject.toml requirements/home.lock | $(BIN)/python
	@echo "Installing the home (hub, bridge, simulator) into $(VENV) ..."
	$(PIP) install --require-hashes -r requirements/home.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.tests: pyproject.toml requirements/test.lock | $(BIN)/python
	@echo "Installing what the tests need into $(VENV) ..."
	$(PIP) install --require-hashes -r requirements/test.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.home

demo: install
	@exec $(BIN)/restock-sim demo

headless: install
	$(BIN)/restock-sim demo --headless --days 30 --seed 7 --json

check: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/pytest --numprocesses 2

format: install-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train: install-test
	$(BIN)/restock-model train --out models/artefacts

screenshots: install-test
	$(BIN)/python -m tests.browser.pictures docs/screenshots

# Needs uv. Locks name no index; hashes cover every platform.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra hub --extra bridge --extra sim --extra build pyproject.toml -o requirements/home.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra hub --extra bridge --extra sim --extra train --extra build --extra dev -c requirements/home.lock \
	    pyproject.toml -o requirements/test.lock
	printf 'asyncio-mqtt==0.16.2\npaho-mqtt>=1.6,<2\n' | uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --no-annotate - -o requirements/legacy.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
