# What people and CI both run. `make demo` ends in a graph of examples/documents.
BIN := .venv/bin

.PHONY: setup check quick test demo

setup: $(BIN)/kgbuild

$(BIN)/kgbuild: pyproject.toml
	python3 -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

# mypy reads the installed package: from the checkout it cannot find kgbuild.cli and its sisters
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	...

quick: setup
	$(BIN)/pytest -m 'not slow'

test: setup
	$(BIN)/pytest

demo: setup
	$(BIN)/kgbuild ingest examples/documents --ontology examples/ontology.yaml
