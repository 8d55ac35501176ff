# Two commands for a newcomer: `make demo` and `make test`. Everything happens in .venv; nothing else is installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MEDUSA := .counterparts/medusa
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

COUNTERPARTS := .counterparts

# What tests start as programs of their own would be compiled anew at each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install install-test counterparts demo headless test test-arm64 test-medusa check bench bench-peers fuzz format train texts screenshots drawings homes faults-quick faults-bars faults-deep faults-merchants deb addon lock clean

install: $(VENV)/.home
install-test: $(VENV)/.tests

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Restock needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.home: pyproject.toml requirements/home.lock | $(BIN)/python
	@echo "Installing the home (hub, bridge, simulator) into $(VENV); the first time takes some minutes ..."
	$(PIP) install --require-hashes -r requirements/home.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/restock-hub profiles compile >/dev/null
	@touch $@

$(VENV)/.tests: pyproject.toml requirements/test.lock | $(BIN)/python
	@echo "Installing what the tests need into $(VENV); the first time takes some minutes ..."
	$(PIP) install --require-hashes -r requirements/test.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/restock-hub profiles compile >/dev/null
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

# What tests wait for most is the disk below their stores: with room for 4 GiB of files in memory they are made there.
# The two that come before it wait for different things, so they go beside each other.
test:
	@$(MAKE) --no-print-directory --jobs 2 check counterparts
	@if [ "$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $$4}')" -ge 4194304 ] 2>/dev/null; then \
	    export TMPDIR=/dev/shm; fi; \
	    set -x; $(BIN)/pytest --numprocesses 2 --dist worksteal

# Shops that the tests buy from, installed by npm and filled once. Without node 20 or newer their tests are skipped.
counterparts:
	@if node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null; \
	    then $(MAKE) --no-print-directory $(COUNTERPARTS)/vendure/shop.sqlite; \
	    else echo "There is no node 20 or newer: the tests at a Vendure shop are skipped." >&2; fi

$(COUNTERPARTS)/vendure/node_modules/.installed: tests/counterparts/vendure/package.json tests/counterparts/vendure/package-lock.json
	@echo "Installing a Vendure shop for the tests into $(COUNTERPARTS); this takes some minutes ..."
	@mkdir -p $(COUNTERPARTS)/vendure
	cp $^ $(COUNTERPARTS)/vendure
	cd $(COUNTERPARTS)/vendure && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(COUNTERPARTS)/vendure/shop.sqlite: $(COUNTERPARTS)/vendure/node_modules/.installed $(wildcard tests/counterparts/vendure/*)
	rm -rf $@ $@.draft
	mkdir -p $@.draft
	VENDURE_DISABLE_TELEMETRY=1 NODE_PATH=$(COUNTERPARTS)/vendure/node_modules \
	    node tests/counterparts/vendure/server.js seed $@.draft
	mv $@.draft/shop.sqlite $@ && rm -r $@.draft

# A part of the suite with an arm64 Python and aarch64 wheels under qemu, and the shipped model's answers there against
# those here. Needs qemu-user-static and debootstrap, 500 MB in build/arm64, and a quarter of an hour on two quiet cores.
test-arm64: install-test
	@tests/arm64/run.sh $(TESTS)

# A real shop that nobody here wrote: Medusa with a plugin that speaks ACP and UCP, on PostgreSQL from a wheel. Not part
# of `make test`: it needs Node.js 20 and npm, 700 MB, minutes to install the first time, and minutes for each run.
test-medusa: install-test $(MEDUSA)/.installed
	$(BIN)/pytest -m medusa -s -v tests/cloud_bridge/contract

$(MEDUSA)/.installed: tests/counterparts/medusa/package-lock.json
	@echo "Installing the shop into $(MEDUSA); the first time takes some minutes ..."
	@mkdir -p $(MEDUSA)
	cp tests/counterparts/medusa/package.json tests/counterparts/medusa/package-lock.json $(MEDUSA)/
	cd $(MEDUSA) && npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

# What everything costs, against bars and against bare programs in the same run: JSON lines, a table beside them. More
# than an hour; BENCH="decode pages" for some, BENCH="--record docs/benchmarks.jsonl" to keep them: docs/benchmarks.md.
bench: install-test
	@$(BIN)/python -m tests.bench $(BENCH)

# Our hub beside Node-RED and the ThingsBoard gateway on one stream; installs them into build/peers, and takes 20 minutes.
bench-peers: install-test
	@$(BIN)/python -m tests.bench.peers $(PEERS)

# Twenty million mutated payloads against every profile; `make test` tries two hundred thousand. Half an hour on two cores.
fuzz: install-test
	@$(BIN)/python -m tests.fuzz

format: install-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train: install-test
	$(BIN)/restock-model train --out models/artefacts

# Catalogues of the pages' texts in step with the sources; lists what is left to translate.
texts: install-test
	@$(BIN)/python -m tests.texts

# Every page, in 350 files; those that the guides show go to docs/. Needs Chromium and a Chinese font (fonts-noto-cjk).
screenshots: install-test
	$(BIN)/python -m tests.browser.pictures build/screenshots --shown docs/screenshots

drawings: install-test
	$(BIN)/python -m tests.drawings docs/state-machines.md

# Whole homes in virtual time, replayed from public data and simulated: one JSON object, in ten minutes on two cores.
homes: install-test
	@$(BIN)/python -m tests.campaign.homes

# Sized for 25 minutes on two cores; prints one JSON object, and says how it goes on standard error.
faults-quick: install-test
	@$(BIN)/python -m tests.campaign quick

# The same up to every bar, however long it takes; it keeps what is done in faults-bars.jsonl and goes on from there.
faults-bars: install-test
	@$(BIN)/python -m tests.campaign bars --record faults-bars.jsonl

# Hours. It keeps what is done in faults-deep.jsonl and goes on from there when it is started again.
faults-deep: install-test
	@$(BIN)/python -m tests.campaign deep --record faults-deep.jsonl

# Orders at every kind of merchant among faults, told by kind: one JSON object. FAULTS="--seeds 3 --seconds 120" for more.
faults-merchants: install-test counterparts
	@$(BIN)/python -m tests.campaign merchants $(FAULTS)

# dist/restock_*.deb for the Debian release and architecture that this runs on: docs/install.md.
deb:
	@sh packaging/deb/build.sh

# dist/restock-addon: the folder of the Home Assistant add-on, with our wheel and the lock.
addon:
	@sh packaging/home-assistant-addon/build.sh

# Needs uv. Locks name no index; hashes cover every platform.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra hub --extra formats --extra metrics --extra mdns --extra channels --extra bridge --extra sim --extra build \
	    pyproject.toml -o requirements/home.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra hub --extra formats --extra metrics --extra mdns --extra channels --extra bridge --extra sim --extra tracing --extra train \
	    --extra build --extra dev -c requirements/home.lock pyproject.toml -o requirements/test.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra hub --extra formats --extra metrics --extra mdns --extra channels --extra bridge -c requirements/home.lock \
	    pyproject.toml -o requirements/installed.lock
	printf 'editables>=0.5\nhatchling>=1.27\nsetuptools>=80\n' | uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/home.lock - -o requirements/build.lock
	printf 'asyncio-mqtt==0.16.2\npaho-mqtt>=1.6,<2\n' | uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header --no-annotate - -o requirements/legacy.lock
	printf 'thingsboard-gateway==3.8.5\n' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate - -o requirements/thingsboard.lock
	for sdk in 04:0.4.6 05:0.5.0; do printf 'ucp-sdk==%s\n' $${sdk##*:} | uv pip compile --quiet --universal \
	    --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate - \
	    -o requirements/ucp-$${sdk%%:*}.lock; done

clean:
	rm -rf $(VENV) $(COUNTERPARTS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
