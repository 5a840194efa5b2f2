# make serve: from a fresh clone to a page that answers.   make test: every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export GRADIO_ANALYTICS_ENABLED := False

.PHONY: help serve build test lint baseline screenshots browser clean lock audit licences fuzz

help:
	@echo "make serve   install what is missing, build the index when it is missing or stale, serve http://127.0.0.1:7860"
	@echo "make test    install what is missing, run the linters and every test"
	@echo "make build | lint | baseline | screenshots | clean | lock | audit | licences | fuzz (see SECURITY.md)"

# Documents that were refused (exit 1) are no reason not to serve the others.
serve: $(VENV)/.installed
	$(BIN)/kqa build || [ $$? = 1 ]
	$(BIN)/kqa serve

build: $(VENV)/.installed
	$(BIN)/kqa build

test: $(VENV)/.installed-test browser build lint
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The measures that `make test` holds, taken anew; look at the difference before you commit it.
baseline: build
	$(BIN)/python evaluation/baseline.py

screenshots: $(VENV)/.installed-test browser build
	$(BIN)/python tests/screenshots.py

# The pinned versions with the hashes of all their files, as the public package index has them; needs the internet.
lock: $(VENV)/.tools
	$(VENV)/tools/bin/uv pip compile --quiet --no-deps --generate-hashes --no-header --no-annotate constraints.txt -o requirements.lock

# Known vulnerabilities of what is locked: asks a public database over the internet, so it is no part of `make test`.
audit: $(VENV)/.tools
	$(VENV)/tools/bin/pip-audit --no-deps --disable-pip --require-hashes -r requirements.lock

licences: $(VENV)/.installed-test
	$(BIN)/python tests/licences.py

# Ten minutes for each door that strangers have; `make test` runs thousands of cases too.
fuzz: $(VENV)/.installed-test
	for door in $$(ls tests/data/fuzz); do PYTHONPATH=tests $(BIN)/python tests/fuzz.py $$door -max_total_time=600 -max_len=4000 || exit 1; done

$(VENV)/.tools: | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)/tools
	$(VENV)/tools/bin/pip install -q uv==0.13.9 pip-audit==2.10.1
	@touch $@

clean:
	rm -rf $(VENV) index/gen-* index/.building-* index/.damaged-* index/CURRENT index/.lock

# Browser tests need a Chromium; Debian's is installed where that is allowed, elsewhere those tests skip and say so.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  echo "installing chromium for the browser tests"; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends chromium >/dev/null; \
	  else echo "no Chromium here and no right to install one: browser tests will be skipped"; fi; }

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kqa needs Python 3.11 or newer: make PYTHON=python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing kqa and what it needs into $(VENV) (about 1.5 GB, once)"
	$(BIN)/pip install --progress-bar on -q -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
	@touch $@
